"""`backup restore`: apps come back into the pretended server; hooks that archives bring run for real, as root's bash."""
import json
import os
import re
import shutil
import sys
import tarfile
import time

from . import apps, archives, failures, hooks, out, world

MARGIN = 104_857_600


def _make_folder(path, mode=0o777, parents=False, force=False):
    """The real one's helper: the mode is taken as it is, and after a folder that was there the umask stays 0."""
    if os.path.exists(path) and not force:
        raise RuntimeError(f"Folder {path} already exists")
    head = os.path.dirname(path)
    if parents and not os.path.exists(head):
        _make_folder(head, mode, parents, force=force)
    before = os.umask(0)
    try:
        os.mkdir(path, mode)
        os.umask(before)
    except FileExistsError:
        if not force:
            raise


def _trusting(tar):
    """Debian 12's tarfile has no filters; where there are some, none is used."""
    if hasattr(tarfile, "fully_trusted_filter"):
        tar.extraction_filter = tarfile.fully_trusted_filter
    return tar


def _check_version(told):
    told = re.sub(r"~\w+", "", told)
    if not told:
        raise out.YunohostError("This backup archive can not be restored because it comes from a too-old YunoHost version.")
    found = re.match(r"^v?(\d+(?:\.\d+)*)(?:(?:a|b|rc|\.post|\.dev|\+)[\w.]*)?$", told)
    if not found:
        raise ValueError(f"InvalidVersion: Invalid version: '{told}'")
    if tuple(int(step) for step in found.group(1).split(".")) < (4, 2, 0):
        raise out.YunohostError("This backup archive can not be restored because it comes from a too-old YunoHost version.")


class Targets:
    """What is wanted, and how each went; a result only ever gets worse."""
    LEVELS = ("Unknown", "Success", "Warning", "Error", "Skipped")

    def __init__(self):
        self.results = {"system": {}, "apps": {}}
        self.wanted = {"system": [], "apps": []}

    def set_result(self, category, name, value):
        old = self.results[category].get(name, "Unknown")
        self.results[category][name] = max(old, value, key=self.LEVELS.index)

    def choose(self, category, asked, available, complaint):
        for name in [name for name in asked or () if name not in available]:
            self.set_result(category, name, "Skipped")
            out.error(complaint(name))
        if asked is not None:
            self.wanted[category] = [name for name in asked if name in available] if asked else list(available)
        for name in self.wanted[category]:
            self.set_result(category, name, "Unknown")
        return self.active(category)

    def active(self, category):
        return [name for name in self.wanted[category] if self.results[category][name] != "Skipped"]

    def succeeded(self):
        every = [*self.results["system"].values(), *self.results["apps"].values()]
        return "Success" in every or "Warning" in every


def _choose_parts(asked, info, targets):
    """A part without a hook on this system gets the archive's own, copied now: before anything is checked or asked."""
    folder = world.at(f"{hooks.ADMIN}/restore")
    parts = targets.choose("system", asked, info["system"],
                           lambda part: f"System part '{part}' unavailable in this backup")
    there = hooks.installed("restore")
    _make_folder(folder, 755, parents=True, force=True)
    for part in parts:
        if part in there:
            continue
        paths = info["system"][part].get("paths") or []
        if not paths:
            out.error(f"Restoration script for '{part}' not available on your system and not in the archive either")
            targets.set_result("system", part, "Skipped")
        for path in paths:
            with _trusting(archives.open_tar(info["path"])) as tar:
                member = tar.getmember(f"hooks/restore/{os.path.basename(path)}")
                member.name = os.path.basename(member.name)
                tar.extract(member, path=folder)


def _choose_apps(asked, info, targets):
    wanted = targets.choose("apps", asked, info["apps"], lambda app: f"Could not find {app} in the backup archive")
    installed = [app for app in wanted if apps.is_installed(app)]
    if installed:
        text = f"The following apps can't be restored because they are already installed: {', '.join(installed)}"
        if installed == wanted:
            raise out.YunohostError(text)
        out.warning(text)


def _check_space(info):
    disk = os.statvfs(os.path.dirname(world.archives_dir()))
    free, needed = disk.f_frsize * disk.f_bavail, info["size"]
    if free >= needed + MARGIN:
        return
    if free > needed:
        raise out.YunohostError(f"Your system does not seem to have enough space (free: {free} B, needed space: {needed} B, "
                                f"security margin: {MARGIN} B)")
    raise out.YunohostError(f"Not enough space (space: {free} B, needed space: {needed} B, security margin: {MARGIN} B)")


def _is_postinstalled():
    return os.path.isfile(world.at("/etc/yunohost/installed"))


def _confirm(force):
    """On a system that is installed already somebody has to say yes."""
    out.warning("YunoHost is already installed")
    if force:
        return
    if not sys.stdin.isatty():
        raise out.YunohostError("Not a tty, can't do interactive prompts")
    if input("Do you really want to restore an already installed system? [y/N] ") not in ("y", "Y"):
        raise out.YunohostError("Could not restore system")


def _mount(name, info, targets):
    """Unpacks what the targets need, by the beginning of the members' names. Returns the work dir."""
    work_dir = os.path.join(world.tmp_dir(), name)
    if os.path.isdir(work_dir):
        shutil.rmtree(work_dir)
    _make_folder(work_dir, parents=True)
    with _trusting(archives.open_tar(info["path"])) as tar:
        try:
            members = tar.getmembers()
        except (OSError, EOFError, tarfile.ReadError) as problem:
            raise out.YunohostError(
                f"It looks like the backup archive '{info['path']}' is corrupted : {problem}") from problem
        names = [member.name for member in members]
        lead = "" if "info.json" in names else "./"
        tar.extract(f"{lead}info.json", path=work_dir)
        if "backup.csv" in names or "./backup.csv" in names:
            tar.extract("backup.csv" if "backup.csv" in names else "./backup.csv", path=work_dir)
        parts = targets.active("system")
        prefixes = ["conf/"] if any(part.startswith("conf_") for part in parts) else []
        prefixes += [part.replace("_", "/") + "/" for part in parts if not part.startswith("conf_")]
        for prefix in [*prefixes, "hooks/restore/", *(f"apps/{app}" for app in targets.active("apps"))]:
            tar.extractall(work_dir, [member for member in members if member.name.startswith(lead + prefix)])
    return work_dir


def _postinstall_if_needed(work_dir):
    if _is_postinstalled():
        return
    if not os.path.isfile(os.path.join(work_dir, "conf/ynh/current_host")):
        raise out.YunohostError("The main domain name cannot be retrieved from inside the archive, and is needed to perform "
                                "the postinstall")
    world.write("/etc/yunohost/installed", "")


def _restore_stock(part, work_dir):
    """Puts the data parts back; the configuration parts of the pretended server are only counted."""
    for dest, place in (("data/home", "/home"), ("data/mail", "/var/mail"),
                        ("data/multimedia", "/home/yunohost.multimedia")):
        source = os.path.join(work_dir, dest)
        if part == dest.replace("/", "_") and os.path.isdir(source):
            shutil.copytree(source, world.at(place), symlinks=True, dirs_exist_ok=True)
    return True


def _restore_system(targets, work_dir):
    parts = targets.active("system")
    if not parts:
        return
    path = f"/var/log/yunohost/operations/{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-backup_restore_system.log"
    os.makedirs(os.path.dirname(world.at(path)), exist_ok=True)
    with open(world.at(path), "a", encoding="utf-8") as log:
        for _, part, hook in hooks.wanted("restore", parts):
            stock = part in world.STOCK_PARTS and hook.startswith(hooks.STOCK)
            worked = _restore_stock(part, work_dir) if stock else hooks.execute(hook, work_dir, log)
            failures.stage("restore_part")
            if not worked:
                out.error(f"Could not run script: {hook}")
            modes = world.modes()
            doomed = [*modes.get("restore_error", []), *modes.get("restore_error_in", {}).get(os.path.basename(work_dir), [])]
            if part in doomed or not worked:
                out.error(f"Could not restore the '{part}' system part")
                worked = False
            targets.set_result("system", part, "Success" if worked else "Error")


def _restore_apps(targets, described, work_dir, no_remove_on_failure):
    for app in targets.active("apps"):
        result = apps.restore(app, described["apps"][app], os.path.basename(work_dir), work_dir, no_remove_on_failure)
        targets.set_result("apps", app, result)


def restore(name, system, wanted_apps, force, no_remove_on_failure=False):
    if system is None and wanted_apps is None:
        system, wanted_apps = [], []
    info = archives.info(name, with_details=True)
    _check_version(info.get("from_yunohost_version", ""))
    targets = Targets()
    _choose_parts(system, info, targets)
    _choose_apps(wanted_apps, info, targets)
    _check_space(info)
    if targets.wanted["system"] and _is_postinstalled():
        _confirm(force)
    out.info("Preparing archive for restoration...")
    work_dir = _mount(name, info, targets)
    with open(os.path.join(work_dir, "info.json"), encoding="utf-8") as file:
        described = json.load(file)
    time.gmtime(described["created_at"])
    try:
        _postinstall_if_needed(work_dir)
        _restore_system(targets, work_dir)
        _restore_apps(targets, described, work_dir, no_remove_on_failure)
    except Exception as problem:
        raise out.YunohostError(f"The following critical error happened during restoration: {problem}") from problem
    finally:
        shutil.rmtree(work_dir)
    if not targets.succeeded():
        raise out.YunohostError("Nothing was restored")
    out.success("Restoration completed")
    return targets.results
