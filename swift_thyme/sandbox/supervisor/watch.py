"""Looks at running sessions from outside, often but at a bounded cost: memory, files on disk, deleted files still held.

The kernel's own limits (address space, size of one file) stop most excess at once; what they cannot see is here.
"""

from __future__ import annotations

import asyncio
import os
import stat
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from . import tree
from .process import OVER
from .session import Session

_INTERVAL_S = 0.02
_MOST_SHARE = 0.05
"""Share of one core that watching may cost."""
_PAGE_BYTES = os.sysconf('SC_PAGE_SIZE')


async def watch(running: Callable[[], Iterable[Session]]) -> None:
    """Checks every running session for ever; puts an event into the turn of one that exceeds a limit."""
    pause = _INTERVAL_S
    while True:
        await asyncio.sleep(pause)
        begun = time.monotonic()
        for session in list(running()):
            process = session.running
            if process is None or process.lost:
                continue
            problem = exceeded(session, process.pid)
            if problem:
                process.events.put_nowait((OVER, problem.encode()))
        pause = max(_INTERVAL_S, (time.monotonic() - begun) / _MOST_SHARE)


def exceeded(session: Session, pid: int) -> str:
    """Which limit a session's process exceeds right now; '' for none."""
    limits = session.limits
    try:
        held = sum(entry.used_bytes for entry in tree.scan(session.live_dir, limits.files).values())
    except tree.TooManyFiles:
        return f'more than {limits.files} files and directories'
    except OSError:
        return ''
    held += _deleted_bytes(pid)
    if held > limits.disk_bytes:
        return f'the files together have more than {limits.disk_bytes} bytes'
    if held + _anonymous_bytes(pid) > limits.memory_bytes:
        return f'memory: more than {limits.memory_bytes} bytes'
    return ''


def _anonymous_bytes(pid: int) -> int:
    with suppress(OSError, ValueError), open(f'/proc/{pid}/statm', 'rb') as file:
        _size, resident, shared, *_ = file.read().split()
        return (int(resident) - int(shared)) * _PAGE_BYTES
    return 0


def _deleted_bytes(pid: int) -> int:
    """Space of files that were deleted but are still open."""
    total = 0
    directory = f'/proc/{pid}/fd'
    with suppress(OSError):
        for name in os.listdir(directory):
            if len(name) > 3:
                continue
            with suppress(OSError):
                info = os.stat(f'{directory}/{name}')
                if stat.S_ISREG(info.st_mode) and info.st_nlink == 0:
                    total += info.st_blocks * 512
    return total
