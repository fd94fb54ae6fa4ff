"""YunoHost's global lock: a file with the holder's pid, polled every half second, waiting for ever by default."""
import os
import time

from . import out, world

BUSY = "There is already a YunoHost operation running. Please wait for it to finish before running another one."
WAITING = "Another YunoHost command is running right now, we are waiting for it to finish before running this one"
WAITING_AGAIN = "Still waiting..."
ACQUIRED = "The other command just completed, now starting this command"


def _path():
    return world.at("/var/run/moulinette_yunohost.lock")


def _holders():
    try:
        with open(_path(), encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except FileNotFoundError:
        return []


def _descends_from(pids):
    pid = os.getpid()
    while pid > 1:
        if pid in pids:
            return True
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                pid = int(file.read().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return False


class Lock:
    """Taken for the time of a mutating command; a kill leaves the file behind, as with the real one."""

    def __init__(self, timeout):
        self.timeout = timeout
        self.mine = False

    def __enter__(self):
        start = time.monotonic()
        threshold = world.modes().get("lock_warn_ms", 15_000) / 1000
        warned = False
        first_check = True
        while True:
            holders = _holders()
            refused = world.modes().get("refuse_lock", False)
            if not refused and _descends_from(holders):
                return self
            stale = first_check and holders and not os.path.exists(f"/proc/{holders[0]}/exe")
            if not refused and (not holders or stale) and self._take(replace=bool(stale)):
                break
            first_check = False
            waited = time.monotonic() - start
            if self.timeout is not None and waited > self.timeout:
                raise out.YunohostError(BUSY)
            if waited > threshold:
                out.warning(WAITING_AGAIN if warned else WAITING)
                warned = True
                threshold = max(threshold, 1) * 4
            time.sleep(0.5)
        if warned:
            out.warning(ACQUIRED)
        return self

    def _take(self, replace):
        os.makedirs(os.path.dirname(_path()), exist_ok=True)
        if replace:
            os.unlink(_path())
        try:
            fd = os.open(_path(), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            return False
        os.write(fd, str(os.getpid()).encode())
        os.close(fd)
        self.mine = True
        return True

    def __exit__(self, *_):
        if self.mine:
            os.unlink(_path())
