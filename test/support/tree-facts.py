"""Prints, as JSON, everything that can be seen of each entry below a folder, by its relative path in hexadecimal.

Independent of the program: Python's standard library only. Usage: tree-facts.py FOLDER
"""
import hashlib
import json
import os
import stat
import sys


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def facts(path, found):
    kind = stat.S_IFMT(found.st_mode)
    entry = {"kind": kind, "mode": stat.S_IMODE(found.st_mode), "uid": found.st_uid, "gid": found.st_gid,
             "mtime": str(found.st_mtime_ns)}
    if kind in (stat.S_IFBLK, stat.S_IFCHR):
        entry["device"] = found.st_rdev
    if kind == stat.S_IFLNK:
        entry["target"] = os.readlink(path).hex()
    if kind == stat.S_IFREG:
        entry["size"] = found.st_size
        entry["sha256"] = sha256(path)
        entry["holes"] = found.st_size > 65536 and found.st_blocks * 512 < found.st_size // 2
    names = sorted(os.listxattr(path, follow_symlinks=False))
    entry["attributes"] = {name: os.getxattr(path, name, follow_symlinks=False).hex() for name in names}
    return entry


def main():
    root = os.fsencode(sys.argv[1])
    linked = {}
    out = {}
    for folder, dirs, files in os.walk(root):
        for name in dirs + files + ([b""] if folder == root else []):
            path = os.path.join(folder, name)
            found = os.lstat(path)
            relative = os.path.relpath(path, root).hex()
            out[relative] = facts(path, found)
            if not stat.S_ISDIR(found.st_mode):
                out[relative]["same"] = found.st_nlink
                linked.setdefault((found.st_dev, found.st_ino), []).append(relative)
    for group in linked.values():
        for relative in group:
            # A symbolic link cannot be changed: that it has several names is nothing that anybody could miss. Archives do
            # not keep it, because Python's tarfile would follow such a link when it restores the second name.
            alone = out[relative]["kind"] == stat.S_IFLNK
            out[relative]["same"] = [relative] if alone else sorted(group)
    print(json.dumps(out))


main()
