"""Arguments, the lock around what changes something, and exit codes: 0, 1 for an error, 2 for wrong usage."""
import argparse
import json
import traceback

from . import apps, archives, facts, out, world
from .lock import Lock


def _backup(commands):
    group = commands.add_parser("backup").add_subparsers(dest="action", required=True)

    def create(a):
        from .create import create as run
        return run(a.name, a.description, a.system, a.apps, a.dry_run)

    def restore(a):
        from .restore import restore as run
        return run(a.name, a.system, a.apps, a.force, getattr(a, "no_remove_on_failure", False))

    add = group.add_parser("create")
    add.add_argument("-n", "--name")
    add.add_argument("-d", "--description", default="")
    add.add_argument("--system", nargs="*")
    add.add_argument("--apps", nargs="*")
    add.add_argument("--dry-run", action="store_true")
    add.set_defaults(run=create, lock=True)
    add = group.add_parser("restore")
    add.add_argument("name")
    add.add_argument("--system", nargs="*")
    add.add_argument("--apps", nargs="*")
    add.add_argument("--force", action="store_true")
    if world.modes().get("no_remove_on_failure"):
        add.add_argument("--no-remove-on-failure", action="store_true",
                         help="For app only, debug option to avoid removing the app on a failed restore")
    add.set_defaults(run=restore, lock=True)
    add = group.add_parser("list")
    add.add_argument("-i", "--with-info", action="store_true")
    add.add_argument("-H", "--human-readable", action="store_true")
    add.set_defaults(run=lambda a: archives.listing(a.with_info, a.human_readable))
    add = group.add_parser("info")
    add.add_argument("name")
    add.add_argument("-d", "--with-details", action="store_true")
    add.add_argument("-H", "--human-readable", action="store_true")
    add.set_defaults(run=lambda a: archives.info(a.name, a.with_details, a.human_readable))
    add = group.add_parser("delete")
    add.add_argument("name")
    add.set_defaults(run=lambda a: archives.delete(a.name), lock=True)


def _apps(commands):
    group = commands.add_parser("app").add_subparsers(dest="action", required=True)
    add = group.add_parser("list")
    add.add_argument("-f", "--full", action="store_true")
    add.add_argument("-u", "--upgradable", action="store_true")
    add.set_defaults(run=lambda a: {"apps": []} if a.upgradable else facts.app_list(a.full))
    add = group.add_parser("info")
    add.add_argument("app")
    add.add_argument("-f", "--full", action="store_true")
    add.set_defaults(run=lambda a: facts.app_info(a.app, a.full))
    add = group.add_parser("remove")
    add.add_argument("app")
    add.add_argument("-p", "--purge", action="store_true")
    add.set_defaults(run=lambda a: apps.remove(a.app, a.purge), lock=True)


def _firewall(commands):
    group = commands.add_parser("firewall").add_subparsers(dest="action", required=True)
    add = group.add_parser("list")
    add.add_argument("-r", "--raw", action="store_true")
    add.add_argument("-p", "--protocol", choices=["tcp", "udp"])
    add.set_defaults(run=lambda a: facts.firewall_list(a.raw, a.protocol))
    actions = {
        "open": lambda a: facts.firewall_set(a.port, a.comment, a.protocol, True),
        "close": lambda a: facts.firewall_set(a.port, None, a.protocol, False),
        "delete": lambda a: facts.firewall_delete(a.port, a.protocol),
    }
    for name, action in actions.items():
        add = group.add_parser(name)
        add.add_argument("port")
        if name == "open":
            add.add_argument("comment")
        add.add_argument("-p", "--protocol", choices=["tcp", "udp"], default="tcp")
        add.add_argument("--upnp", action="store_true")
        add.add_argument("--upnp-only", action="store_true")
        add.add_argument("--no-reload", action="store_true")
        add.set_defaults(run=action, lock=True)


def _rest(commands):
    group = commands.add_parser("tools").add_subparsers(dest="action", required=True)
    group.add_parser("versions").set_defaults(run=lambda a: facts.versions())
    group = commands.add_parser("settings").add_subparsers(dest="action", required=True)
    add = group.add_parser("get")
    add.add_argument("key")
    add.set_defaults(run=lambda a: facts.settings_get(a.key))
    add = group.add_parser("set")
    add.add_argument("key")
    add.add_argument("-v", "--value", required=True)
    add.set_defaults(run=lambda a: facts.settings_set(a.key, a.value), lock=True)
    group = commands.add_parser("domain").add_subparsers(dest="action", required=True)
    group.add_parser("list").set_defaults(run=lambda a: facts.domains())
    for name, action in (("add", facts.domain_add), ("remove", facts.domain_remove)):
        add = group.add_parser(name)
        add.add_argument("domain")
        add.set_defaults(run=lambda a, action=action: action(a.domain), lock=True)
    user = commands.add_parser("user").add_subparsers(dest="action", required=True)
    user.add_parser("list").set_defaults(run=lambda a: facts.user_list())
    add = user.add_parser("delete")
    add.add_argument("username")
    add.set_defaults(run=lambda a: facts.user_delete(a.username), lock=True)
    group = user.add_parser("group").add_subparsers(dest="subaction", required=True)
    group.add_parser("list").set_defaults(run=lambda a: facts.groups())
    add = group.add_parser("info")
    add.add_argument("group")
    add.set_defaults(run=lambda a: facts.groups()["groups"][a.group])
    group = commands.add_parser("standin", help="not YunoHost's").add_subparsers(dest="action", required=True)
    add = group.add_parser("seed")
    add.add_argument("app", type=json.loads)
    add.set_defaults(run=_seed)


def _seed(args):
    state = world.load()
    world.seed_app(state, args.app)
    world.save(state)


def _run(args, timeout):
    # Every command but the first finds the world there; making it is part of having a server.
    world.load()
    if not getattr(args, "lock", False):
        return args.run(args)
    with Lock(timeout):
        return args.run(args)


def main(argv):
    flags = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    flags.add_argument("--output-as", choices=["json", "plain", "none"])
    flags.add_argument("--json", dest="output_as", action="store_const", const="json")
    flags.add_argument("--quiet", action="store_true")
    flags.add_argument("--debug", action="store_true")
    flags.add_argument("--version", action="store_true")
    flags.add_argument("--timeout", type=int)
    known, rest = flags.parse_known_args(argv)
    out.quiet = known.quiet
    out.output_as = known.output_as or "pretty"
    parser = argparse.ArgumentParser(prog="yunohost", allow_abbrev=False)
    commands = parser.add_subparsers(dest="category", required=True)
    for add in (_backup, _apps, _firewall, _rest):
        add(commands)
    args = parser.parse_args(["tools", "versions"] if known.version else rest)
    try:
        out.result(_run(args, known.timeout))
    except out.YunohostError as problem:
        out.error(str(problem))
        return 1
    except Exception:  # as the real one: any other failure is a traceback and exit code 1
        out.error(traceback.format_exc())
        return 1
    return 0
