"""Looks at running sessions from outside, often but at a bounded cost: memory, files on disk, deleted files still held.

The kernel's own limits (address space, size of one file) stop most excess at once; what they cannot see is here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

from . import tree
from .held import anonymous_bytes, proportional_bytes, unseen_bytes
from .process import OVER, Process
from .session import SupervisedSession

_INTERVAL_S = 0.02
_UNWATCHED_S = 0.06
"""A snippet that ends before this is not looked at while it runs: its files are counted at its end, the kernel limits
its address space, and a look costs 1 % of what such a snippet does."""
_LEAST_RUN_S = 0.01
"""CPU time since the last look: a process that others keep waiting holds no more than then."""
_MOST_SHARE = 0.05
"""Share of one core that watching may cost."""


async def watch(running: Callable[[], Iterable[SupervisedSession]]) -> None:
    """Checks every running session for ever; puts an event into the turn of one that exceeds a limit."""
    pause = _UNWATCHED_S
    while True:
        await asyncio.sleep(pause)
        begun, now_s, pause = time.thread_time(), asyncio.get_running_loop().time(), _UNWATCHED_S
        for session in list(running()):
            process = session.running
            if process is None or process.lost:
                continue
            left_s = _UNWATCHED_S - (now_s - process.begun_s)
            pause = min(pause, max(left_s, _INTERVAL_S))
            if left_s > 0 or not process.watch.has_run_on(_LEAST_RUN_S):
                continue
            problem = exceeded(session, process)
            if problem:
                process.happen((OVER, problem.encode()))
        pause = max(pause, (time.thread_time() - begun) / _MOST_SHARE)


def exceeded(session: SupervisedSession, process: Process) -> str:
    """Which limit a session exceeds right now; '' for none."""
    limits = session.limits
    try:
        entries = tree.scan(session.live_dir, limits.files)
    except tree.TooManyFiles:
        return f'more than {limits.files} files and directories'
    except OSError:
        return ''
    held = tree.used_bytes(entries) + unseen_bytes(process, len(entries), limits.file_bytes)
    if held > limits.disk_bytes:
        return f'the files together have more than {limits.disk_bytes} bytes'
    pids = [pid for pid in (process.pid, process.holder) if pid]
    used = held + sum(map(anonymous_bytes, pids))
    process.peak_bytes = max(process.peak_bytes, used)
    if used <= limits.memory_bytes:
        return ''
    if held + sum(map(proportional_bytes, pids)) > limits.memory_bytes:
        return f'memory: more than {limits.memory_bytes} bytes'
    return ''
