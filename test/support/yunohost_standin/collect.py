"""First half of `backup create`: the work dir and the list of paths that go into the tar, in YunoHost's order."""
import csv
import json
import os
import shutil
import subprocess

from . import apps, failures, out, world

BIG_PARTS = ("data_home", "data_mail", "data_multimedia")


def disk_usage(path):
    """Like `du -sb`: apparent bytes, directories included."""
    total = os.lstat(path).st_size
    if os.path.isdir(path) and not os.path.islink(path):
        for folder, folders, files in os.walk(path):
            total += sum(os.lstat(os.path.join(folder, n)).st_size for n in folders + files)
    return total


def mounted_below(path):
    """True when something is mounted at the path or below it."""
    path = os.path.realpath(path)
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        points = [line.split()[4] for line in file]
    return any(point == path or point.startswith(path + "/") for point in points)


class Collection:
    """What one backup has gathered. `paths` are (source on disk, source as told, name in the archive)."""

    def __init__(self, work_dir):
        self.work_dir = work_dir
        self.paths = []
        self.results = {"system": {}, "apps": {}}
        self.sizes = {"system": {}, "apps": {}}
        self.apps = {}
        self.system = {}

    def add(self, source, told, dest):
        if os.path.lexists(source):
            self.paths.append((source, told, dest))

    def measure(self, category, key, start):
        self.sizes[category][key] = sum(disk_usage(p[0]) for p in self.paths[start:])


def make_work_dir(name):
    path = os.path.join(world.tmp_dir(), name)
    if os.path.exists(path):
        if mounted_below(path):
            raise out.YunohostError("The output directory should be empty")
        shutil.rmtree(path)
    os.makedirs(path, mode=0o750)
    return path


def hooks(action):
    """part -> path of its hook as YunoHost tells it, by priority; those of the admin win over the stock ones."""
    found = {}
    for folder in (f"/usr/share/yunohost/hooks/{action}", f"/etc/yunohost/hooks.d/{action}"):
        for name in sorted(os.listdir(world.at(folder))) if os.path.isdir(world.at(folder)) else ():
            if not name.startswith(".") and not name.endswith("~"):
                found[os.path.splitext(name.partition("-")[2] or name)[0]] = f"{folder}/{name}"
    return dict(sorted(found.items(), key=lambda item: os.path.basename(item[1])))


def _stock_part(part, into, core_only):
    dest = part.replace("_", "/", 1)
    if core_only and part in BIG_PARTS:
        skipped = [f"/home/{user}" for user in world.load()["users"]] if part == "data_home" else [f"/{dest}"]
        for path in skipped:
            out.info(f"{path} will not be saved, because 'BACKUP_CORE_ONLY' is set.")
    elif part == "data_home":
        for user in world.load()["users"]:
            into.add(world.at(f"/home/{user}"), f"/home/{user}", f"data/home/{user}")
    elif part == "data_multimedia":
        into.add(world.at("/home/yunohost.multimedia"), "/home/yunohost.multimedia", "data/multimedia")
    elif part == "data_mail":
        into.add(world.at("/var/mail"), "/var/mail", "data/mail")
    elif part == "conf_ynh_certs":
        into.add(world.at("/etc/yunohost/certs"), "/etc/yunohost/certs", "conf/ynh/certs")
    elif part == "conf_ldap":
        into.add(world.at("/etc/ldap/ldap.conf"), "/etc/ldap/ldap.conf", "conf/ldap/ldap.conf")
        _work_file(into, "conf/ldap/db.ldif", "dn: dc=yunohost,dc=org\n")
    elif part == "conf_ynh_settings":
        state = world.load()
        _work_file(into, "conf/ynh/current_host", state["main_domain"])
        _work_file(into, "conf/ynh/settings.yml", json.dumps(state["settings"]))
        _work_file(into, "conf/ynh/firewall.yml", json.dumps(state["firewall"]))


def _work_file(into, name, text):
    path = os.path.join(into.work_dir, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _custom_part(hook, into):
    """Runs an admin's backup hook as YunoHost does; false when it failed."""
    listed = os.path.join(into.work_dir, ".collected.csv")
    env = {**os.environ, "YNH_BACKUP_DIR": into.work_dir, "YNH_BACKUP_CSV": listed, "YNH_CWD": into.work_dir}
    done = subprocess.run(["/bin/bash", world.at(hook), into.work_dir], cwd=into.work_dir, env=env, check=False,
                          stdout=subprocess.DEVNULL)
    if os.path.exists(listed):
        with open(listed, newline="", encoding="utf-8") as file:
            for source, dest in csv.reader(file):
                into.add(source, source, dest)
        os.unlink(listed)
    return done.returncode == 0


def collect_system(into, wanted, core_only):
    available = hooks("backup")
    for part in wanted or available:
        if part not in available:
            into.results["system"][part] = "Skipped"
            out.error(f"The backup hook '{part}' is unknown")
    if not wanted or any(part in available for part in wanted):
        out.info("Running backup hooks...")
    for part, hook in available.items():
        if wanted and part not in wanted:
            continue
        failures.stage("collect")
        start = len(into.paths)
        failed = part in world.modes().get("part_error", [])
        if not failed and part in world.STOCK_PARTS:
            _stock_part(part, into, core_only)
        elif not failed:
            failed = not _custom_part(hook, into)
        if failed:
            out.error(f"Could not run script: {hook}")
            into.results["system"][part] = "Error"
            continue
        into.system[part] = [hook]
        into.measure("system", part, start)
        restore = hooks("restore").get(part)
        if restore is None or part in world.modes().get("part_warning", []):
            out.warning(f"'{part}' has no restore hook: it will be saved but cannot be restored")
            into.results["system"][part] = "Warning"
        else:
            into.results["system"][part] = "Success"
            into.add(world.at(restore), restore, f"hooks/restore/{os.path.basename(restore)}")


def collect_apps(into, wanted, core_only):
    installed = world.load()["apps"]
    for app in wanted or installed:
        if app not in installed:
            into.results["apps"][app] = "Skipped"
            out.error(f"{app} will not be saved")
            continue
        out.info(f"Collecting files to be backed up for {app}...")
        failures.stage("collect")
        home = os.path.join(into.work_dir, "apps", app)
        shutil.copytree(world.at(f"/etc/yunohost/apps/{app}"), os.path.join(home, "settings"))
        os.makedirs(os.path.join(home, "backup"), mode=0o700)
        if app in world.modes().get("app_error", []):
            out.warning(f"[Error] Backup script of {app}: mysqldump: Got error: 2002")
            out.error(f"Could not back up {app}")
            shutil.rmtree(home)
            into.results["apps"][app] = "Error"
            continue
        start = len(into.paths)
        places = [f"/etc/nginx/conf.d/{installed[app]['domain']}.d/{app}.conf", f"/var/www/{app}"]
        big = [f"/home/yunohost.app/{app}", f"/var/log/{app}"]
        spared = core_only or apps.setting(app, "do_not_backup_data") == "1"
        for place in places + ([] if spared else big):
            into.add(world.at(place), place, f"apps/{app}/backup{place}")
        why = "BACKUP_CORE_ONLY" if core_only else "do_not_backup_data"
        for place in big if spared else []:
            out.info(f"{place} will not be saved, because '{why}' is set.")
        _work_file(into, f"apps/{app}/backup/db.sql", f"-- dump of {app}\n")
        into.measure("apps", app, start)
        into.sizes["apps"][app] += disk_usage(home)
        into.apps[app] = {key: installed[app][key] for key in ("version", "name", "description")}
        if app in world.modes().get("app_warning", []):
            out.warning(f"{app} will not be restored: it has no restore script")
            into.results["apps"][app] = "Warning"
        else:
            into.results["apps"][app] = "Success"
