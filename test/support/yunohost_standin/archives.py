"""Archives on disk: list, info, delete, and the sidecar that is made again from the tar when it is missing."""
import glob
import json
import os
import re
import shutil
import subprocess
import tarfile
import traceback
from datetime import datetime, timezone

from . import out, world

NAME = re.compile(r"^[\w\-\._]{1,50}(?<!\.)$")


def check_name(name):
    if not NAME.match(name):
        text = "Must be a valid filename with max 30 characters, alphanumeric and -_. characters only"
        out.warning(f"'{name}' is not a valid name")
        raise out.YunohostError(f"Invalid argument 'name': {text}")


def sidecar(name):
    return os.path.join(world.archives_dir(), f"{name}.info.json")


def names():
    """Oldest first by ctime of the real file; a link is listed under its target's base name."""
    folder = world.archives_dir()
    found = glob.glob(f"{folder}/*.tar.gz") + glob.glob(f"{folder}/*.tar")
    real = [p for p in {os.path.realpath(f) for f in found} if os.path.exists(p)]
    return [re.sub(r"\.tar(\.gz)?$", "", os.path.basename(p)) for p in sorted(real, key=os.path.getctime)]


def find(name):
    """The real file of an archive."""
    name = re.sub(r"\.tar(\.gz)?$", "", name)
    path = os.path.join(world.archives_dir(), f"{name}.tar")
    if not os.path.lexists(path):
        path += ".gz"
        if not os.path.lexists(path):
            raise out.YunohostError(f"Unknown local backup archive named '{name}'")
    if os.path.islink(path):
        path = os.path.realpath(path)
        if not os.path.exists(path):
            raise out.YunohostError(f"Could not access the backup archive (broken link to {path})")
    return name, path


def open_tar(path):
    return tarfile.open(path, "r:gz" if path.endswith(".gz") else "r")


def _regenerate(name, path):
    with open_tar(path) as tar:
        try:
            members = tar.getnames()
        except (OSError, EOFError, tarfile.ReadError) as problem:
            raise out.YunohostError(
                f"It looks like the backup archive '{path}' is corrupted : {problem}") from problem
        member = next((m for m in ("info.json", "./info.json") if m in members), None)
        if member is not None:
            with open(sidecar(name), "wb") as file:
                shutil.copyfileobj(tar.extractfile(member), file)
            found = tar.getmember(member)
            os.chmod(sidecar(name), found.mode)
            os.utime(sidecar(name), (found.mtime, found.mtime))


def read(name):
    """Name, real path and parsed sidecar."""
    name, path = find(name)
    if not os.path.exists(sidecar(name)):
        _regenerate(name, path)
    try:
        with open(sidecar(name), encoding="utf-8") as file:
            return name, path, json.load(file)
    except (OSError, ValueError) as problem:
        raise out.YunohostError(f"Could not load info for archive '{path}'... The info.json file cannot be "
                                "retrieved (or is not a valid json).") from problem


def human(size):
    for unit in ("", "K", "M", "G", "T"):
        if size < 1024 or unit == "T":
            return f"{size:.1f}{unit}B" if unit else f"{size}B"
        size /= 1024
    return f"{size}B"


def info(name, with_details=False, human_readable=False):
    name, path, described = read(name)
    size = described.get("size", 0)
    if not size:
        with open_tar(path) as tar:
            size = sum(member.size for member in tar)
    show = human if human_readable else (lambda n: n)
    answer = {"path": path,
              "created_at": datetime.fromtimestamp(described["created_at"], tz=timezone.utc).isoformat(),
              "description": described["description"], "size": show(size)}
    if with_details:
        details = described.get("size_details")
        for category in ("apps", "system") if details is not None else ():
            for key, value in described[category].items():
                if category == "system":
                    described[category][key] = value = {"paths": list(value)}
                value["size"] = show(details[category][key]) if key in details[category] else -1
        answer["apps"] = described["apps"]
        answer["system"] = described["system"]
        answer["from_yunohost_version"] = described.get("from_yunohost_version")
    return answer


def listing(with_info, human_readable):
    if not with_info:
        return {"archives": names()}
    described = {}
    for name in names():
        try:
            described[name] = info(name, human_readable=human_readable)
        except out.YunohostError as problem:
            out.warning(str(problem))
        except Exception:  # the real one shows any traceback as a warning and goes on
            out.warning(f"Could not check infos for archive {name}: \n{traceback.format_exc()}")
    return {"archives": described}


def _hooks(action, name):
    folder = world.at(f"/etc/yunohost/hooks.d/{action}")
    for hook in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        subprocess.run(["/bin/bash", os.path.join(folder, hook), name], cwd=folder, check=False,
                       stdout=subprocess.DEVNULL)


def delete(name):
    check_name(name)
    if name not in names():
        raise out.YunohostError(f"Unknown local backup archive named '{name}'")
    _hooks("pre_backup_delete", name)
    path = os.path.join(world.archives_dir(), f"{name}.tar")
    if not os.path.lexists(path):
        path += ".gz"
    doomed = [path, os.path.realpath(path), sidecar(name)]
    for file in dict.fromkeys(doomed):
        if os.path.lexists(file):
            os.unlink(file)
    _hooks("post_backup_delete", name)
    out.success(f"Backup deleted: {name}")
