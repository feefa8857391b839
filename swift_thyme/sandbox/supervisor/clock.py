"""How much of its time a process has had. On a busy machine the wall clock says what its neighbours did."""

from __future__ import annotations

import time
from contextlib import suppress

from .procfs import contents

_MOST_STRETCH = 8.0
"""A process that gets less than this part of what it waits for is ended all the same."""


class Stopwatch:
    """Time that a process used or let pass, from now on: waiting for a processor that others hold does not count."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._begun_s = time.monotonic()
        self._cpu_s, self._queued_s = _used(pid)

    def elapsed_s(self) -> float:
        """CPU time of all its threads, or the wall clock without the waits of its first one: the larger of the two."""
        wall_s = time.monotonic() - self._begun_s
        cpu_s, queued_s = _used(self._pid)
        counted_s = max(cpu_s - self._cpu_s, wall_s - max(queued_s - self._queued_s, 0.0))
        return max(counted_s, wall_s / _MOST_STRETCH)


def _used(pid: int) -> tuple[float, float]:
    """Seconds that a process ran, and that its first thread waited in a run queue; zeros where the kernel is silent."""
    cpu_s = queued_s = 0.0
    with suppress(OSError):
        cpu_s = time.clock_gettime(~pid << 3 | 2)  # the clock of another process: clock_getcpuclockid(3)
    with suppress(OSError, ValueError, IndexError):
        queued_s = int(contents(f'/proc/{pid}/schedstat').split()[1]) / 1e9
    return cpu_s, queued_s
