"""How much of its time a process has had. On a busy machine the wall clock says what its neighbours did."""

from __future__ import annotations

import time
from contextlib import suppress

from .procfs import contents, read_state

_MOST_STRETCH = 8.0
"""A process that gets less than this part of what it waits for is ended all the same."""


class Stopwatch:
    """Time that a process used or let pass, from now on: waiting for a processor that others hold does not count."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._begun_s = self._seen_s = time.monotonic()
        self._cpu_s, self._queued_s, self._last_ran = _used(pid)
        self._waiting_s = self._noticed_s = 0.0

    def elapsed_s(self) -> float:
        """CPU time of all its threads, or the wall clock without the waits of its first one: the larger of the two."""
        now_s = time.monotonic()
        cpu_s, queued_s, ran = _used(self._pid)
        # a wait is added to the kernel's sum when it is over; until then the process could run and does not
        still_waits = ran == self._last_ran and read_state(self._pid)[0] == 'R'
        self._waiting_s = self._waiting_s + now_s - self._seen_s if still_waits else 0.0
        self._seen_s, self._last_ran = now_s, ran
        wall_s = now_s - self._begun_s
        queued_s = max(queued_s - self._queued_s, 0.0) + self._waiting_s
        return max(cpu_s - self._cpu_s, wall_s - queued_s, wall_s / _MOST_STRETCH)

    def has_run_on(self, least_s: float) -> bool:
        """Whether the process has had so much CPU time since this was last true, or the kernel does not say."""
        cpu_s = _cpu_s(self._pid)
        if cpu_s and cpu_s - self._noticed_s < least_s:
            return False
        self._noticed_s = cpu_s
        return True


def _used(pid: int) -> tuple[float, float, bytes]:
    """Seconds that a process ran and that its first thread waited in a run queue, and what changes when that runs.

    Zeros where the kernel does not say.
    """
    queued_s, ran = 0.0, b''
    with suppress(OSError, ValueError):
        ran, queued, _ = contents(f'/proc/{pid}/schedstat').split()
        queued_s = int(queued) / 1e9
    return _cpu_s(pid), queued_s, ran


def _cpu_s(pid: int) -> float:
    with suppress(OSError):
        return time.clock_gettime(~pid << 3 | 2)  # the clock of another process: clock_getcpuclockid(3)
    return 0.0
