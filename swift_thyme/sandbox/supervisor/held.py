"""What a process holds, as the kernel counts it: memory, and files that no directory lists any more."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from .process import Process

_NOT_A_FILE = b'/dev/zero (deleted)'
"""How the kernel calls shared memory without a file; no session can make a file of this whole name."""
_PAGE_BYTES = os.sysconf('SC_PAGE_SIZE')


def unseen_bytes(process: Process, files: int, most_file_bytes: int) -> int:
    """Bytes of files that a session's process deleted but still holds, each file once, whatever it was called.

    Args:
        process: the session's.
        files: how many files and directories it has; where it made no more than these, none can be unseen.
        most_file_bytes: what a file counts for that is only mapped: nobody says how long it is, and one page of it
            keeps all of it.
    """
    if process.files_made <= files:
        return 0
    still_open = _deleted_files(process.pid)
    only_mapped = _deleted_mappings(process.pid) - still_open.keys()
    return sum(still_open.values()) + len(only_mapped) * most_file_bytes


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


def _deleted_files(pid: int) -> dict[int, int]:
    """Inode → bytes of files that were deleted but are still open."""
    found = {}
    directory = f'/proc/{pid}/fd'
    with suppress(OSError):
        for name in os.listdir(directory):
            with suppress(OSError):
                info = os.stat(f'{directory}/{name}')
                if stat.S_ISREG(info.st_mode) and info.st_nlink == 0:
                    found[info.st_ino] = info.st_blocks * 512
    return found


def _deleted_mappings(pid: int) -> set[int]:
    """Inodes of deleted files that are mapped, which holds them without a descriptor."""
    with suppress(OSError), open(f'/proc/{pid}/maps', 'rb') as file:
        maps = file.read()
        if b' (deleted)\n' in maps:
            lines = [line.split(None, 5) for line in maps.split(b'\n') if line.endswith(b' (deleted)')]
            return {int(line[4]) for line in lines if line[5] != _NOT_A_FILE}
    return set()
