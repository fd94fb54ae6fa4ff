"""The failure modes of modes.json that need more than a look: dying, hanging, a disk that fills up."""
import errno
import io
import os
import signal
import subprocess
import sys
import time

from . import world

# Ignores SIGTERM and keeps stdout and stderr open: what an app's backup script can leave running.
_GRANDCHILD = ("import os,signal,sys,time\n"
               "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
               "open(sys.argv[1] + '.new', 'w').write(str(os.getpid()))\n"
               "os.rename(sys.argv[1] + '.new', sys.argv[1])\n"
               "time.sleep(3600)\n")


def stage(name):
    """Called at `collect`, `tar` (half-way through the members) and `sidecar` (tar closed, no sidecar yet); `remove` (half-way
    of an app's removal), `restore` (half-way of an app's restore) and `restore_part` (after each part)."""
    modes = world.modes()
    world.pause()
    if modes.get("once") and name in (modes.get("kill"), modes.get("hang")):
        if os.path.exists(world.at(f"/been-{name}")):
            return
        world.write(f"/been-{name}", "")
    if modes.get("kill") == name:
        os.kill(os.getpid(), signal.SIGKILL)
    if modes.get("hang") == name:
        subprocess.Popen([sys.executable, "-I", "-S", "-c", _GRANDCHILD, world.at("/hang.pid")])
        while world.modes().get("hang") == name:
            time.sleep(0.05)


class TarFile(io.FileIO):
    """The file the tar is written to; raises ENOSPC after `disk_full_after` bytes when that mode is set."""

    def write(self, data):
        limit = world.modes().get("disk_full_after")
        if limit is not None and self.tell() + len(data) > limit:
            super().write(bytes(data)[: max(0, limit - self.tell())])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)
