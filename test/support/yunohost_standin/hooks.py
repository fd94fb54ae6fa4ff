"""Restore hooks as the real command looks them up and runs them, its peculiarities included."""
import os
import queue
import shlex
import subprocess
import tempfile
import threading

from . import out, world

STOCK = "/usr/share/yunohost/hooks"
ADMIN = "/etc/yunohost/hooks.d"


def _parts(filename):
    """Priority and name: `95-data_custom`; whatever looks like a file extension is cut off the name."""
    priority, dash, name = filename.partition("-")
    return (priority, os.path.splitext(name)[0]) if dash else ("50", os.path.splitext(filename)[0])


def installed(action):
    """name -> {priority: path as it is told}; for one priority the admin's hook wins over the stock one."""
    found = {}
    for folder in (f"{STOCK}/{action}", f"{ADMIN}/{action}"):
        for file in os.listdir(world.at(folder)) if os.path.isdir(world.at(folder)) else ():
            if file[0] == "." or file[-1] == "~" or file.endswith(".pyc"):
                continue
            priority, name = _parts(file)
            found.setdefault(name, {})[priority] = f"{folder}/{file}"
    return found


def wanted(action, names):
    """(priority, name, path) to run, in order. A name brings along every hook whose name is it and `_…`."""
    there = installed(action)
    chosen = [key for key in there if any(key == name or key.startswith(f"{name}_") for name in names)]
    return sorted((priority, name, path) for name in chosen for priority, path in there[name].items())


class _Pipe(threading.Thread):
    """Hands each line on. What is no UTF-8 ends the reading, as in the real one: then the writer blocks for ever."""

    def __init__(self, kind, lines):
        super().__init__(daemon=True)
        self.kind = kind
        self.lines = lines
        self.read_end, self.write_end = os.pipe()
        self.start()

    def run(self):
        with os.fdopen(self.read_end, "rb") as file:
            for line in file:
                try:
                    self.lines.put((self.kind, line.decode("utf-8").strip("\n")))
                except UnicodeDecodeError as problem:
                    self.lines.put(("broken", f"{self.kind} is no UTF-8: {problem}"))
                    return


def _environment(work_dir, return_file):
    env = {**os.environ, "YNH_BACKUP_DIR": work_dir, "YNH_BACKUP_CSV": os.path.join(work_dir, "backup.csv"),
           "YNH_CWD": work_dir, "YNH_INTERFACE": "cli", "YNH_STDRETURN": return_file, "BASH_XTRACEFD": "7",
           "YNH_J2_FILTERS_FILE_PATH": "/usr/lib/python3/dist-packages/yunohost/utils/jinja_filters.py"}
    env.pop("HOME", None)
    env.pop("YNH_CONTEXT", None)
    return env


def execute(path, work_dir, log):
    """Runs a hook with the work dir as argument and current folder. True when it ended with 0."""
    lines = queue.Queue()
    pipes = {kind: _Pipe(kind, lines) for kind in ("DEBUG", "WARNING", "INFO")}
    with tempfile.TemporaryDirectory() as folder:
        return_file = os.path.join(folder, "stdreturn")
        with open(return_file, "w", encoding="utf-8"):
            pass
        env = {**_environment(work_dir, return_file), "YNH_STDINFO": str(pipes["INFO"].write_end)}
        # Standard input is inherited. Its exit code is all that counts; file mode and shebang do not.
        child = subprocess.Popen(["sh", "-c", f'/bin/bash -x "{world.at(path)}" {shlex.quote(work_dir)} 7>&1'], cwd=work_dir,
                                 env=env, stdout=pipes["DEBUG"].write_end, stderr=pipes["WARNING"].write_end,
                                 pass_fds=[pipes["INFO"].write_end])
        code = _follow(child, lines, log)
        for pipe in pipes.values():
            os.close(pipe.write_end)
        # The real one ends only when nobody holds these pipes any more: a daemon that kept them would hang it.
        for pipe in pipes.values():
            pipe.join(3)
            if pipe.is_alive():
                raise RuntimeError(f"something that {path} started still holds its output")
        while not lines.empty():
            _tell(*lines.get(), log)
    return code == 0


def _follow(child, lines, log):
    try:
        while child.poll() is None:
            try:
                _tell(*lines.get(timeout=0.05), log)
            except queue.Empty:
                pass
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
    return child.returncode


def _tell(kind, text, log):
    log.write(f"{kind} - {text}\n")
    log.flush()
    if kind == "broken":
        raise RuntimeError(text)
    if kind == "WARNING" and text:
        out.warning(text)
    elif kind == "INFO":
        out.info(text)
