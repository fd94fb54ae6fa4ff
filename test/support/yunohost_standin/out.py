"""What the command prints, and its two kinds of failure. INFO and SUCCESS go to stdout, the rest to stderr."""
import json
import sys

quiet = False
output_as = "pretty"


class YunohostError(Exception):
    """Ends the command with exit code 1 and its text as ERROR."""


def _line(stream, level, text):
    if not quiet:
        stream.write(f"{level} {text}\n")
        stream.flush()


def info(text):
    _line(sys.stdout, "INFO", text)


def success(text):
    _line(sys.stdout, "SUCCESS", text)


def warning(text):
    _line(sys.stderr, "WARNING", text)


def error(text):
    _line(sys.stderr, "ERROR", text)


def _pretty(value, indent=0):
    pad = "  " * indent
    items = value.items() if isinstance(value, dict) else [("-", v) for v in value]
    for key, item in items:
        head = f"{pad}{key}:" if isinstance(value, dict) else f"{pad}-"
        if isinstance(item, (dict, list)):
            print(head)
            _pretty(item, indent + 1)
        else:
            print(f"{head} {item}")


def _plain(value, depth=1):
    if isinstance(value, dict):
        for key, item in value.items():
            print(f"{'#' * depth}{key}")
            _plain(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _plain(item, depth + 1)
    else:
        print("" if value is None else value)


def result(value):
    """Prints what a command returned; None prints nothing at all."""
    if value is None or output_as == "none":
        return
    if output_as == "json":
        print(json.dumps(value))
    elif output_as == "plain":
        _plain(value)
    elif isinstance(value, (dict, list)):
        _pretty(value)
    else:
        print(value)
    sys.stdout.flush()
