"""What the kernel says of a session's processes in `/proc`. Reads; decides nothing."""

from __future__ import annotations

import os


def all_stand_still(pid: int) -> bool:
    """Whether every thread of a process is stopped or has ended."""
    try:
        threads = os.listdir(f'/proc/{pid}/task')
    except OSError:
        return True
    return all(read_state(int(tid))[0] in 'TtZX' for tid in threads)


def has_ended(pid: int) -> bool:
    """Whether none of a process's threads can run any more (it may still be waited for)."""
    state, threads = read_state(pid)
    return state in 'ZX' and threads <= 1


def read_state(pid: int) -> tuple[str, int]:
    """State letter and number of threads of a process, from the kernel; ('X', 0) when it is gone."""
    try:
        fields = contents(f'/proc/{pid}/stat').rpartition(b')')[2].split()
    except OSError:
        return 'X', 0
    return fields[0].decode(), int(fields[17])


def contents(path: str) -> bytes:
    """What the kernel says in a file of one short line, with a third of the calls that a Python file makes.

    Raises:
        OSError: it says nothing.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 4096)
    finally:
        os.close(fd)


def children(tid: int) -> set[int] | None:
    """Processes that a thread made and that nobody has waited for; None where the kernel does not say."""
    try:
        with open(f'/proc/{tid}/task/{tid}/children', 'rb') as file:
            return {int(pid) for pid in file.read().split()}
    except OSError:
        return None
