"""`backup create`: checks, collecting, writing the tar under its final name, and the sidecar last of all."""
import csv
import json
import os
import shutil
import tarfile
import time
import traceback

from . import archives, failures, out, world
from .collect import Collection, collect_apps, collect_system, make_work_dir


def _write_lists(into, described):
    """backup.csv (CR LF) and info.json (one line, no newline) in the work dir, then what lies there unlisted."""
    told = f"/home/yunohost.backup/tmp/{os.path.basename(into.work_dir)}"
    unlisted = ["backup.csv", "info.json", *(f"apps/{app}" for app in into.apps)]
    unlisted += [n for n in ("conf", "data") if os.path.isdir(os.path.join(into.work_dir, n))]
    for name in unlisted:
        into.paths.append((os.path.join(into.work_dir, name), f"{told}/{name}", name))
    with open(os.path.join(into.work_dir, "backup.csv"), "w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows((source, dest) for _, source, dest in into.paths)
    with open(os.path.join(into.work_dir, "info.json"), "w", encoding="utf-8") as file:
        file.write(json.dumps(described))


def _write_tar(path, into):
    compress = path.endswith(".gz")
    try:
        raw = failures.TarFile(path, "w")
        tar = tarfile.open(name=path[:-3] if compress else path, mode="w:gz" if compress else "w", fileobj=raw,
                           format=tarfile.PAX_FORMAT)
    except OSError as problem:
        raise out.YunohostError("Could not open the backup archive") from problem

    def step(member):
        world.pause()
        return member

    half = len(into.paths) // 2
    try:
        for index, (source, _, dest) in enumerate(into.paths):
            if index == half:
                raw.flush()
                failures.stage("tar")
            tar.add(source, arcname=dest, filter=step)
        tar.close()
    except OSError as problem:
        out.error(f"Could not add the files '{source}' (named in the archive '{dest}') to be backed up into the "
                  f"compressed archive '{path}'\n{traceback.format_exc()}")
        raise out.YunohostError("Could not create the backup archive") from problem
    finally:
        raw.close()


def create(name, description, system, apps, dry_run):
    if name is not None:
        archives.check_name(name)
        if name in archives.names():
            raise out.YunohostError(f"A backup archive with the name '{name}' already exists.")
    name = name or time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    if system is None and apps is None:
        system, apps = [], []
    folder = world.archives_dir()
    if os.path.islink(folder) and not os.path.exists(folder):
        raise out.YunohostError(f"Your archive directory '{folder}' is a broken symlink. Maybe you forgot to re/mount "
                                "or plug in the storage medium it points to.")
    if not os.path.exists(folder):
        os.makedirs(folder)
        os.chmod(folder, 0o770)
    created_at = int(time.time())
    core_only = bool(os.environ.get("BACKUP_CORE_ONLY"))
    into = Collection(make_work_dir(name))
    if system is not None:
        collect_system(into, system, core_only)
    if apps is not None:
        collect_apps(into, apps, core_only)
    if not into.apps and not into.system:
        shutil.rmtree(into.work_dir)
        raise out.YunohostError("Failed to collect files to be backed up")
    size = sum(sum(sizes.values()) for sizes in into.sizes.values())
    described = {"description": description, "created_at": created_at, "size": size, "size_details": into.sizes,
                 "apps": into.apps, "system": into.system, "from_yunohost_version": world.load()["version"]}
    _write_lists(into, described)
    if dry_run:
        return {"size": size, "size_details": into.sizes}
    out.info("Creating a backup archive from the collected files...")
    try:
        _write_archive(name, into, size)
    finally:
        shutil.rmtree(into.work_dir)
    out.success(f"Backup '{name}' created")
    return {"name": name, "size": size, "results": into.results}


def _write_archive(name, into, size):
    folder = world.archives_dir()
    disk = os.statvfs(folder)
    if world.modes().get("no_space") or disk.f_bavail * disk.f_frsize < size:
        raise out.YunohostError(f"Not enough free space on '{folder}'")
    compress = world.load()["settings"].get(world.COMPRESS)
    path = os.path.join(folder, f"{name}.tar" + (".gz" if compress else ""))
    _write_tar(path, into)
    failures.stage("sidecar")
    shutil.copy(os.path.join(into.work_dir, "info.json"), archives.sidecar(name))
    link = os.path.join(folder, f"{name}.tar")
    if not os.path.isfile(link):
        os.symlink(path, link)
