"""Directories of one supervisor: claimed with a lock that dies with it, and removed by itself, by a process that does
nothing but outlive it, or, where both were killed, by the next supervisor.
"""

from __future__ import annotations

import fcntl
import os
import signal
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass

from ...errors import SandboxUnavailable
from . import tree

PREFIX = 'thyme-sandbox-'
_LOCK = 'lock'
_TRIES, _PAUSE_S = 100, 0.02


@dataclass
class RunDir:
    """A supervisor's own directory."""

    path: str
    lock_fd: int

    def guard(self) -> int:
        """Starts a process that removes the directory once the calling process is gone, however; returns its pid.

        It holds no descriptor but the end of a pipe whose other end is the calling process's for life.
        """
        waiting, _ = os.pipe()
        pid = os.fork()
        if pid:
            os.close(waiting)
            return pid
        try:
            os.dup2(waiting, 0)
            os.closerange(1, os.sysconf('SC_OPEN_MAX'))
            os.setsid()
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
                signal.signal(number, signal.SIG_IGN)
            os.read(0, 1)
            for _ in range(_TRIES):  # who is being killed may make files meanwhile
                with suppress(OSError):
                    tree.remove(self.path)
                    break
                time.sleep(_PAUSE_S)
        finally:
            os._exit(0)

    def remove(self) -> None:
        """Removes it with everything in it."""
        with suppress(OSError):
            tree.remove(self.path)
        os.close(self.lock_fd)


def claim(base: str, *, others_may_pass: bool) -> RunDir:
    """Removes what dead supervisors of this user left in `base`, and makes a new directory there.

    Args:
        base: an existing directory, best on a memory file system.
        others_may_pass: other uids may go through it (tier B runs sessions under uids of their own).

    Raises:
        SandboxUnavailable: nothing can be written there.
    """
    sweep(base)
    try:
        draft = tempfile.mkdtemp(prefix='thyme-new-', dir=base)
        os.chmod(draft, 0o711 if others_may_pass else 0o700)
        lock_fd = os.open(os.path.join(draft, _LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock_fd, fcntl.LOCK_EX)
        path = os.path.join(base, PREFIX + os.path.basename(draft)[len('thyme-new-') :])
        os.rename(draft, path)  # visible to other supervisors' sweeps only once it is locked
    except OSError as error:
        raise SandboxUnavailable(
            f'the sandbox cannot write to {base}: {error}; set THYME_SANDBOX_DIR to a directory with room'
        ) from error
    return RunDir(path, lock_fd)


def sweep(base: str) -> list[str]:
    """Removes the directories of supervisors that no longer live; returns their paths."""
    gone = []
    with suppress(OSError), os.scandir(base) as entries:
        for entry in entries:
            mine = entry.name.startswith(PREFIX) and entry.is_dir(follow_symlinks=False)
            if mine and entry.stat(follow_symlinks=False).st_uid == os.getuid() and _is_abandoned(entry.path):
                with suppress(OSError):
                    tree.remove(entry.path)
                    gone.append(entry.path)
    return gone


def _is_abandoned(path: str) -> bool:
    try:
        fd = os.open(os.path.join(path, _LOCK), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return True  # a directory gets its name only after its lock
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True
