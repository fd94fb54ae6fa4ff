"""Installing, removing and restoring the pretended apps, the way YunoHost and its helpers treat their files."""
import csv
import glob
import os
import re
import shutil

from . import failures, out, world


def settings_dir(app):
    return world.at(f"/etc/yunohost/apps/{app}")


def is_installed(app):
    """As the real one: the folder of its settings is there, whatever else is."""
    return os.path.isdir(settings_dir(app))


def is_readable(app):
    """What it cannot read it does not list."""
    return os.path.isfile(os.path.join(settings_dir(app), "manifest.toml"))


def setting(app, key, folder=None):
    """A plain value of settings.yml, None when there is none."""
    try:
        with open(os.path.join(folder or settings_dir(app), "settings.yml"), encoding="utf-8") as file:
            found = re.search(rf"^{key}: (.+)$", file.read(), re.MULTILINE)
    except FileNotFoundError:
        return None
    return found.group(1).strip("'\"") if found else None


def _forget(app):
    state = world.load()
    state["apps"].pop(app, None)
    world.save(state)


def remove(app, purge=False):
    """The remove script, then everything YunoHost itself knows of the app. Data and logs stay unless purged."""
    if not is_installed(app):
        raise out.YunohostError(f"Could not find {app} in the list of installed apps")
    out.info(f"Removing {app}...")
    if not is_readable(app) or app in world.modes().get("remove_error", []):
        raise RuntimeError(f"no manifest of {app} could be read")
    doomed = [*glob.glob(world.at(f"/etc/nginx/conf.d/*.d/{app}.conf")), world.at(f"/var/www/{app}")]
    for path in doomed[:-1]:
        os.unlink(path)
    failures.stage("remove")
    shutil.rmtree(doomed[-1], ignore_errors=True)
    if purge:
        for path in (f"/home/yunohost.app/{app}", f"/var/log/{app}"):
            shutil.rmtree(world.at(path), ignore_errors=True)
    shutil.rmtree(settings_dir(app))
    _forget(app)
    out.success(f"{app} uninstalled")


def _put(source, place):
    """One path by the helper `ynh_restore`: what is there already is moved into YunoHost's cache."""
    target = world.at(place)
    if os.path.lexists(target):
        number = len(glob.glob(world.at("/var/cache/yunohost/appconfbackup/*")))
        aside = world.at(f"/var/cache/yunohost/appconfbackup/{number}{place.replace('/', '_')}")
        os.makedirs(os.path.dirname(aside), exist_ok=True)
        shutil.move(target, aside)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.move(source, target)


def _script(app, work_dir, fails):
    """The app's restore script: half of its paths, the stage `restore`, the other half."""
    domain = setting(app, "domain")
    if domain is not None and domain not in world.load()["domains"]:
        out.warning(f"Domain {domain} unknown")
        return False
    data = setting(app, "data_dir")
    rows = []
    csv_path = os.path.join(work_dir, "backup.csv")
    if os.path.isfile(csv_path):
        with open(csv_path, newline="", encoding="utf-8") as file:
            rows = [row for row in csv.reader(file) if row[1].startswith(f"apps/{app}/backup/")]
    if data is not None and data not in [place for place, _ in rows]:
        out.info(f"Skipping {data} which doesn't exists in the archive, probably because restoring from a safety-backup")
    for index, (place, dest) in enumerate(rows):
        if index == len(rows) // 2:
            failures.stage("restore")
            if fails:
                out.warning(f"[Error] Restore script of {app}: mysql: Got error: 2002")
                return False
        _put(os.path.join(work_dir, dest), place)
    return True


def restore(app, told, archive, work_dir, no_remove_on_failure):
    """Brings one app back; its result. A failed one is removed again unless that was forbidden."""
    if is_installed(app):
        out.error(f"The app '{app}' is already installed")
        return "Error"
    out.info(f"Restoring {app}...")
    home = os.path.join(work_dir, "apps", app)
    if not os.path.isfile(os.path.join(home, "settings/scripts/restore")):
        out.warning(f"{app} has no restore script")
        return "Warning"
    modes = world.modes()
    shutil.copytree(os.path.join(home, "settings"), settings_dir(app))
    state = world.load()
    state["apps"][app] = {
        "name": app, "version": "-", "description": "", **told, "data_dir": setting(app, "data_dir") is not None,
        "domain": setting(app, "domain") or state["main_domain"], "path": setting(app, "path") or f"/{app}",
    }
    world.save(state)
    fails = app in modes.get("restore_error", []) or app in modes.get("restore_error_in", {}).get(archive, [])
    if _script(app, work_dir, fails):
        return "Success"
    if not no_remove_on_failure:
        remove(app)
    out.error(f"Could not restore {app}: An error occured inside the app restore script")
    return "Error"
