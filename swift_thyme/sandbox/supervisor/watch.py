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
from .process import OVER, Process
from .session import Session

_INTERVAL_S = 0.02
_MOST_SHARE = 0.05
"""Share of one core that watching may cost."""
_FEW = 8
"""Files made and gone that need no closer look."""
_PAGE_BYTES = os.sysconf('SC_PAGE_SIZE')


async def watch(running: Callable[[], Iterable[Session]]) -> None:
    """Checks every running session for ever; puts an event into the turn of one that exceeds a limit."""
    pause = _INTERVAL_S
    while True:
        await asyncio.sleep(pause)
        begun = time.thread_time()
        for session in list(running()):
            process = session.running
            if process is None or process.lost:
                continue
            problem = exceeded(session, process)
            if problem:
                process.happen((OVER, problem.encode()))
        pause = max(_INTERVAL_S, (time.thread_time() - begun) / _MOST_SHARE)


def exceeded(session: Session, process: Process) -> str:
    """Which limit a session exceeds right now; '' for none."""
    limits = session.limits
    try:
        files = tree.scan(session.live_dir, limits.files)
    except tree.TooManyFiles:
        return f'more than {limits.files} files and directories'
    except OSError:
        return ''
    held = sum(entry.used_bytes for entry in files.values()) + _deleted_bytes(process.pid)
    if process.files_made > len(files) + _FEW:
        held += _deleted_mapped_bytes(process.pid)
    if held > limits.disk_bytes:
        return f'the files together have more than {limits.disk_bytes} bytes'
    pids = [pid for pid in (process.pid, process.holder) if pid]
    if held + sum(map(_anonymous_bytes, pids)) <= limits.memory_bytes:
        return ''
    if held + sum(map(_proportional_bytes, pids)) > limits.memory_bytes:
        return f'memory: more than {limits.memory_bytes} bytes'
    return ''


def _anonymous_bytes(pid: int) -> int:
    with suppress(OSError, ValueError), open(f'/proc/{pid}/statm', 'rb') as file:
        _size, resident, shared, *_ = file.read().split()
        return (int(resident) - int(shared)) * _PAGE_BYTES
    return 0


def _proportional_bytes(pid: int) -> int:
    """Memory with shared pages divided among those who share them; slow, so asked only near the limit."""
    with suppress(OSError, ValueError), open(f'/proc/{pid}/smaps_rollup', 'rb') as file:
        return int(file.read().partition(b'\nPss:')[2].split()[0]) * 1024
    return 0


def _deleted_bytes(pid: int) -> int:
    """Space of files that were deleted but are still open."""
    total = 0
    directory = f'/proc/{pid}/fd'
    with suppress(OSError):
        for name in os.listdir(directory):
            with suppress(OSError):
                info = os.stat(f'{directory}/{name}')
                if stat.S_ISREG(info.st_mode) and info.st_nlink == 0:
                    total += info.st_blocks * 512
    return total


def _deleted_mapped_bytes(pid: int) -> int:
    """Size of mappings of deleted files, which hold them without a descriptor."""
    total = 0
    with suppress(OSError), open(f'/proc/{pid}/maps', 'rb') as file:
        for line in file:
            if line.endswith(b'(deleted)\n') and b'/dev/zero' not in line:
                start, _, end = line.split(b' ', 1)[0].partition(b'-')
                total += int(end, 16) - int(start, 16)
    return total
