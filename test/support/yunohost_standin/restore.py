"""`backup restore`: apps come back into the pretended server; embedded restore hooks run for real, as root's bash."""
import csv
import os
import shutil
import subprocess
import tarfile

from . import archives, out, world
from .collect import hooks, make_work_dir

MARGIN = 104_857_600


def _extract(tar, work_dir, wanted):
    chosen = [m for m in tar if any(m.name == w or m.name.startswith(w) for w in wanted)]
    extra = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}
    tar.extractall(work_dir, chosen, **extra)


def _own_hook(part, paths, work_dir):
    """The part's restore hook on disk: one that is installed wins, else the archive's own is installed."""
    installed = hooks("restore").get(part)
    if installed is not None:
        return installed
    for path in paths:
        name = os.path.basename(path)
        target = f"/etc/yunohost/hooks.d/restore/{name}"
        os.makedirs(os.path.dirname(world.at(target)), exist_ok=True)
        shutil.copy(os.path.join(work_dir, "hooks/restore", name), world.at(target))
    return hooks("restore").get(part)


def _run_hook(hook, work_dir):
    read_end, write_end = os.pipe()
    env = {**os.environ, "YNH_BACKUP_DIR": work_dir, "YNH_BACKUP_CSV": os.path.join(work_dir, "backup.csv"),
           "YNH_CWD": work_dir, "YNH_INTERFACE": "cli", "YNH_STDINFO": str(write_end)}
    env.pop("HOME", None)
    done = subprocess.run(["/bin/bash", world.at(hook), work_dir], cwd=work_dir, env=env, pass_fds=[write_end],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write_end)
    with os.fdopen(read_end, encoding="utf-8", errors="replace") as told:
        for line in told:
            out.info(line.rstrip("\n"))
    for line in done.stderr.splitlines():
        out.warning(line)
    return done.returncode == 0


def _restore_stock(part, work_dir):
    """Puts the data parts back; the configuration parts of the pretended server are only counted."""
    for dest, place in (("data/home", "/home"), ("data/mail", "/var/mail"),
                        ("data/multimedia", "/home/yunohost.multimedia")):
        source = os.path.join(work_dir, dest)
        if part == dest.replace("/", "_") and os.path.isdir(source):
            shutil.copytree(source, world.at(place), symlinks=True, dirs_exist_ok=True)
    return True


def _restore_system(parts, described, work_dir):
    results = {}
    for part in parts:
        if part not in described["system"]:
            out.error(f"System part '{part}' unavailable in this backup")
            results[part] = "Skipped"
            continue
        hook = _own_hook(part, described["system"][part], work_dir)
        if hook is None:
            out.error(f"Restoration script for '{part}' not available on your system and not in the archive either")
            results[part] = "Skipped"
            continue
        worked = _restore_stock(part, work_dir) if part in world.STOCK_PARTS else _run_hook(hook, work_dir)
        worked = worked and part not in world.modes().get("restore_error", [])
        if not worked:
            out.error(f"Could not restore the '{part}' system part")
        results[part] = "Success" if worked else "Error"
    return results


def _restore_apps(apps, described, work_dir):
    results = {}
    for app in apps:
        if app not in described["apps"]:
            out.error(f"Could not find {app} in the backup archive")
            results[app] = "Skipped"
        elif app in world.load()["apps"] or app in world.modes().get("restore_error", []):
            out.error(f"Could not restore {app}")
            results[app] = "Error"
        else:
            out.info(f"Restoring {app}...")
            _place_app(app, described["apps"][app], work_dir)
            results[app] = "Success"
    return results


def _place_app(app, told, work_dir):
    home = os.path.join(work_dir, "apps", app)
    shutil.copytree(os.path.join(home, "settings"), world.at(f"/etc/yunohost/apps/{app}"), dirs_exist_ok=True)
    with open(os.path.join(work_dir, "backup.csv"), newline="", encoding="utf-8") as file:
        for place, dest in csv.reader(file):
            source = os.path.join(work_dir, dest)
            if dest.startswith(f"apps/{app}/backup/") and os.path.isdir(source):
                shutil.copytree(source, world.at(place), symlinks=True, dirs_exist_ok=True)
            elif dest.startswith(f"apps/{app}/backup/") and os.path.lexists(source):
                os.makedirs(os.path.dirname(world.at(place)), exist_ok=True)
                shutil.copy2(source, world.at(place))
    state = world.load()
    state["apps"][app] = {**told, "data_dir": os.path.isdir(world.at(f"/home/yunohost.app/{app}"))}
    world.save(state)


def restore(name, system, apps, force):
    name, path, described = archives.read(name)
    if system is None and apps is None:
        system, apps = [], []
    parts = [] if system is None else (system or list(described["system"]))
    apps = [] if apps is None else (apps or list(described["apps"]))
    installed = [app for app in apps if app in world.load()["apps"]]
    if apps and len(installed) == len(apps) and not parts:
        raise out.YunohostError("The following apps can't be restored because they are already installed: "
                                + ", ".join(installed))
    if parts and not force:
        raise out.YunohostError("Not a tty, can't do interactive prompts")
    needed = described.get("size") or 0
    disk = os.statvfs(world.archives_dir())
    free = disk.f_bavail * disk.f_frsize
    if free < needed + MARGIN:
        raise out.YunohostError(f"Not enough space (space: {free} B, needed space: {needed} B, "
                                f"security margin: {MARGIN} B)")
    work_dir = make_work_dir(name)
    wanted = ["info.json", "backup.csv", "hooks/restore/", *(p.replace("_", "/") + "/" for p in parts),
              *(f"apps/{app}" for app in apps)]
    wanted += ["conf/"] if any(part.startswith("conf_") for part in parts) else []
    try:
        out.info("Extracting needed files from the archive...")
        with archives.open_tar(path) as tar:
            _extract(tar, work_dir, wanted)
        results = {"system": _restore_system(parts, described, work_dir),
                   "apps": _restore_apps(apps, described, work_dir)}
    finally:
        shutil.rmtree(work_dir)
    if "Success" not in [*results["system"].values(), *results["apps"].values()]:
        raise out.YunohostError("Nothing was restored")
    out.success("Restoration completed")
    return results
