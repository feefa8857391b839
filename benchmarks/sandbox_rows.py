"""One row of `benchmarks/sandbox.py`: how snippets are driven, timed and accounted. Owns no variant."""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TICK_S = 1 / os.sysconf('SC_CLK_TCK')
_CPUCLOCK_SCHED = 2
"""Of a process, as clock_getcpuclockid() makes it: `~pid << 3 | 2`."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    variant: str
    clients: int
    snippets: int
    p50_ms: float
    p99_ms: float
    per_s: float
    cpu_ms: float
    failed: int = 0
    limit_cpu_ms: float = 0.0
    """CPU of the limit, measured around this row."""
    decode_cpu_ms: float = 0.0
    """CPU of limit + decode, measured around this row."""


class TreeCpu:
    """CPU seconds of this process and every descendant, from its making on, by the kernel's own precise account.

    In a control group (`CpuGroup`) nothing is missed. Without one, what counts is each process's CPU clock and what
    waited-for children used: the end of a process that nobody waits for, as of a snapshot, is then missing. `utime` and
    `stime` of `/proc/PID/stat` would drop up to 10 ms of every process, as its sums of children still do.
    Looking at all processes costs milliseconds, so this one's own clock is read after it first and before it last.
    """

    group: CpuGroup | None = None
    """Where this process is, if it could be given one."""

    def __init__(self) -> None:
        self._others_s = 0.0 if self.group else _others_cpu_s()
        self._own_s = self.group.used_s() if self.group else time.process_time()

    def used_s(self) -> float:
        """Until now."""
        if self.group:
            return self.group.used_s() - self._own_s
        own_s = time.process_time() - self._own_s
        return own_s + _others_cpu_s() - self._others_s


class CpuGroup:
    """A control group for this process and all that it starts from now on; accounts also for those that ended."""

    _KINDS = (('', 'cpu.stat'), ('unified', 'cpu.stat'), ('cpuacct', 'cpuacct.usage'))

    def __init__(self, root: str = '/sys/fs/cgroup') -> None:
        """
        Args:
            root: where control groups are mounted.

        Raises:
            OSError: none can be made here (no such file system, read only, no right).
        """
        problem: OSError = FileNotFoundError(f'no control groups in {root}')
        lines = [line.split(':', 2) for line in Path('/proc/self/cgroup').read_text().splitlines()]
        for kind, file in self._KINDS:
            own = next(
                (path for _, names, path in lines if (kind if kind == 'cpuacct' else '') in names.split(',')), '/'
            )
            parent = Path(root, kind, own.lstrip('/'))
            self._dir, self._usage = parent / f'thyme-benchmark-{os.getpid()}', file
            try:
                (parent / 'cgroup.procs').read_bytes()
                self._dir.mkdir()
                (self._dir / 'cgroup.procs').write_text(str(os.getpid()))
                self.used_s()
            except OSError as error:
                problem = error
                continue
            self._parent = parent
            return
        raise problem

    def used_s(self) -> float:
        """CPU seconds of all its processes since it was made."""
        text = (self._dir / self._usage).read_text()
        return int(text) * 1e-9 if self._usage == 'cpuacct.usage' else int(text.split()[1]) * 1e-6

    def close(self) -> None:
        """Moves this process back; the group goes once it is empty."""
        (self._parent / 'cgroup.procs').write_text(str(os.getpid()))
        with suppress(OSError):  # an ended process may not be gone yet
            self._dir.rmdir()


def _others_cpu_s() -> float:
    """Of all descendants, those that ended and were waited for included."""
    parents, used = {}, {}
    for name in os.listdir('/proc'):
        if name.isdigit():
            try:
                text = Path(f'/proc/{name}/stat').read_bytes()
                used[int(name)] = time.clock_gettime(~int(name) << 3 | _CPUCLOCK_SCHED)
            except OSError:
                continue
            fields = text.rpartition(b')')[2].split()
            parents[int(name)] = int(fields[1])
            used[int(name)] += sum(int(field) for field in fields[13:15]) * _TICK_S
    me = os.getpid()

    def is_mine(pid: int) -> bool:
        while pid > 1 and pid != me:
            pid = parents.get(pid, 0)
        return pid == me

    waited_for = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    return waited_for + sum(used[pid] for pid in parents if pid != me and is_mine(pid))


def row(variant: str, clients: int, times_s: list[float], wall_s: float, cpu_s: float, failed: int = 0) -> Row:
    """Puts measurements of one variant together."""
    ordered = sorted(times_s)
    return Row(
        variant,
        clients,
        len(ordered),
        statistics.median(ordered) * 1e3,
        ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1e3,
        len(ordered) / wall_s,
        cpu_s / len(ordered) * 1e3,
        failed,
    )


async def drive(variant: str, clients: int, count: int, one: Callable[[int], Awaitable[bool]]) -> Row:
    """Runs `count` snippets from `clients` clients; each client has one snippet at a time."""
    times: list[float] = []
    failed = 0

    async def client(number: int) -> None:
        nonlocal failed
        for _ in range(max(count // clients, 1)):
            begin = time.perf_counter()
            failed += not await one(number)
            times.append(time.perf_counter() - begin)

    cpu, begin = TreeCpu(), time.perf_counter()
    await asyncio.gather(*(client(number) for number in range(clients)))
    wall_s = time.perf_counter() - begin
    return row(variant, clients, times, wall_s, cpu.used_s(), failed)


def merge(rows: list[Row]) -> Row:
    """One row of several measured one after another."""
    count = sum(r.snippets for r in rows)

    def mean(values: list[float]) -> float:
        return sum(v * r.snippets for v, r in zip(values, rows, strict=True)) / count

    return Row(
        rows[0].variant,
        rows[0].clients,
        count,
        statistics.median(r.p50_ms for r in rows),
        max(r.p99_ms for r in rows) if len(rows) < 4 else sorted(r.p99_ms for r in rows)[-2],
        count / sum(r.snippets / r.per_s for r in rows),
        mean([r.cpu_ms for r in rows]),
        sum(r.failed for r in rows),
    )
