"""What a process holds, as the kernel counts it: memory, and files that no directory lists any more."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from .process import Process

_FEW = 8
"""Files made and gone that need no closer look."""
_PAGE_BYTES = os.sysconf('SC_PAGE_SIZE')


def unseen_bytes(process: Process, files: int) -> int:
    """Bytes of files that a session's process deleted but still holds.

    Args:
        process: the session's.
        files: how many files and directories it has; where it made no more than these, none can be unseen.
    """
    if process.files_made <= files:
        return 0
    held = _deleted_bytes(process.pid)
    return held + _deleted_mapped_bytes(process.pid) if process.files_made > files + _FEW else held


def anonymous_bytes(pid: int) -> int:
    """Resident memory that is no file's, shared pages counted in full."""
    with suppress(OSError, ValueError), open(f'/proc/{pid}/statm', 'rb') as file:
        _size, resident, shared, *_ = file.read().split()
        return (int(resident) - int(shared)) * _PAGE_BYTES
    return 0


def proportional_bytes(pid: int) -> int:
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
