"""Measures the sandbox beside the physical limit and other ways to run code, in one run on the same snippets.

    python benchmarks/sandbox.py [--quick | --count N] [--json FILE] [--parts floor,snippets,start,memory]

The snippet reads a 2048x1536 JPEG, crops 700x500, enlarges it twice, writes a JPEG and prints its path. "CPU" is what
the kernel accounted to this process and all its descendants, supervisor and decoder included, per snippet. The
physical limit is the same OpenCV work in a plain loop of an ordinary process; `limit + decode` adds one full decode of
the written picture, which no sandbox that checks its output can save; `limit in a fresh fork` touches memory that its
process never touched, as the first snippet of a session does. The first two are measured again between the rounds of a
row (nine snippets a client), and the row is divided by their mean: a processor's speed changes within seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import atexit
import contextlib
import json
import os
import platform
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

from sandbox_limits import LIMITS, Limits, floor, picture
from sandbox_rows import CpuGroup, Row, TreeCpu, row
from sandbox_variants import empty, first, fresh_process, memory, start, warm
from swift_thyme.config import SandboxSettings
from swift_thyme.sandbox import ZygoteSandbox


def show(r: Row) -> None:
    """Prints one line of the table."""
    print(
        f'{r.variant:34} {r.clients:7d} {r.snippets:5d} {r.p50_ms:8.2f} {r.p99_ms:8.2f} {r.per_s:7.1f} '
        f'{r.cpu_ms:7.2f} {r.cpu_ms / r.limit_cpu_ms:6.2f} {r.cpu_ms / r.decode_cpu_ms:13.2f} {r.failed:6d}',
        flush=True,
    )


class Table:
    """Rows, each divided by the limit as measured between its rounds."""

    def __init__(self, limits: Limits) -> None:
        """
        Args:
            limits: who does the limit's work.
        """
        self._limits = limits
        self.rows: list[Row] = []
        self._plain: list[tuple[float, float]] = []
        self._decode: list[tuple[float, float]] = []
        print(
            f'{"variant":34} {"clients":>7} {"n":>5} {"p50 ms":>8} {"p99 ms":>8} {"per s":>7} {"CPU ms":>7} '
            f'{"/limit":>6} {"/limit+decode":>13} {"failed":>6}'
        )

    def between(self) -> None:
        """Measures the limit; to be called between the rounds of a row."""
        self._plain += self._limits.run('plain', 6)
        self._decode += self._limits.run('decode', 3)

    def add(self, found: Row) -> None:
        """Takes a row that was just measured."""
        self.between()
        plain, decode = (sum(cpu for _, cpu in done) / len(done) for done in (self._plain, self._decode))
        self._plain, self._decode = [], []
        self.rows.append(replace(found, limit_cpu_ms=plain * 1e3, decode_cpu_ms=decode * 1e3))
        show(self.rows[-1])

    def add_limit(self, name: str, how: str, count: int) -> None:
        """Measures the limit as a row of its own."""
        self.between()
        done = self._limits.run(how, count)
        walls = [wall_s for wall_s, _ in done]
        self.add(row(name, 1, walls, sum(walls), sum(cpu_s for _, cpu_s in done)))


def settled(settings: SandboxSettings) -> ZygoteSandbox:
    """A sandbox that has started all it starts beside its first sessions, which no row should pay for."""
    sandbox = ZygoteSandbox(settings)

    async def open_some() -> None:
        for session in await asyncio.gather(*(sandbox.open() for _ in range(4))):
            await session.close()

    asyncio.run(open_some())
    while len(sandbox.stats()['zygotes']) < 3:
        time.sleep(0.1)
    return sandbox


def verdict(rows: list[Row], started: Row | None) -> str:
    """One line: each goal, what was measured, and whether all that were measured are met."""
    cores = os.cpu_count() or 1
    goals: list[tuple[str, float, float]] = []
    for row_ in rows:
        ratio = row_.cpu_ms / row_.limit_cpu_ms
        share = row_.per_s * row_.limit_cpu_ms / 1e3 / cores
        if row_.clients == 1 and 'first' in row_.variant:
            goals.append(('first / limit', ratio, 1.35))
        elif row_.clients == 1 and row_.variant == 'sandbox: without rollback':
            goals.append(('later / limit', ratio, 1.10))
        elif row_.clients == 1 and row_.variant == 'sandbox: with rollback':
            goals.append(('with rollback / limit', ratio, 1.45))
        elif row_.clients == 8 and row_.variant == 'sandbox: without rollback':
            goals.append(('cores ÷ limit / eight clients', 1 / share, 1 / 0.85))
    if started is not None:
        goals.append(('start, ms', started.p50_ms, 6.0))
    if not goals:
        return 'nothing that has a goal was measured'
    said = ', '.join(f'{name} {found:.2f} (at most {most:.2f})' for name, found, most in goals)
    return f'{"PASS" if all(found <= most for _, found, most in goals) else "FAIL"}: {said}'


def snippets(image: Path, directory: Path, options: argparse.Namespace) -> list[Row]:
    """The table of snippets."""
    count, limits = options.count, Limits(image, directory)
    table = Table(limits)
    for name, how in LIMITS.items():
        table.add_limit(name, how, max(count // 6, 6))
    for rollback in (False, True):
        sandbox = settled(SandboxSettings(rollback=rollback))
        name = 'with' if rollback else 'without'
        for clients in options.clients:
            size = max(count, clients * 9)
            if not rollback:
                table.add(asyncio.run(first(sandbox, image, clients, size, table.between)))
            variant = f'sandbox: {name} rollback'
            table.add(asyncio.run(warm(sandbox, image, variant, clients, size, table.between)))
        table.add(asyncio.run(empty(sandbox, f'sandbox: empty, {name} rollback', count)))
        sandbox.close()
    for clients in [c for c in options.clients if c <= 32]:
        table.add(fresh_process(image, directory, clients, max(count // 8, clients)))
    limits.close()
    return table.rows


def main() -> None:
    """Runs the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--quick', action='store_true', help='few repetitions')
    parser.add_argument('--count', type=int, default=360, metavar='N', help='snippets of a row, at least')
    parser.add_argument('--clients', type=lambda text: [int(c) for c in text.split(',')], default=[1, 8, 32, 128])
    parser.add_argument('--parts', default='floor,snippets,start,memory')
    parser.add_argument('--json', metavar='FILE')
    options = parser.parse_args()
    options.count = 36 if options.quick else options.count
    report: dict[str, object] = {
        'machine': platform.platform(),
        'cores': os.cpu_count(),
        'python': platform.python_version(),
    }
    with contextlib.suppress(OSError):
        TreeCpu.group = CpuGroup()
        atexit.register(TreeCpu.group.close)
    report['cpu'] = 'control group' if TreeCpu.group else 'clocks of processes; ends of snapshots are not counted'
    print(f'CPU by {report["cpu"]}')
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        image = picture(directory)
        if 'floor' in options.parts:
            report['floor'] = found = floor(image)
            for name, value in found.items():
                print(f'{name:34} {value:8.3f}', flush=True)
        rows: list[Row] = []
        if 'snippets' in options.parts:
            rows = snippets(image, directory, options)
            report['snippets'] = [asdict(r) for r in rows]
        sandbox = settled(SandboxSettings())
        started = None
        if 'start' in options.parts:
            started = asyncio.run(start(sandbox, image, 20 if options.quick else 200))
            print(
                f'session start: p50 {started.p50_ms:.2f} ms, p99 {started.p99_ms:.2f} ms, CPU {started.cpu_ms:.2f} ms'
            )
            report['start'] = asdict(started)
        if 'memory' in options.parts:
            report['memory'] = []
            for sessions in (100,) if options.quick else (100, 1000):
                found = asyncio.run(memory(sandbox, image, sessions))
                print(found)
                report['memory'].append(found)  # type: ignore[attr-defined]
        sandbox.close()
    print(verdict(rows, started))
    if options.json:
        Path(options.json).write_text(json.dumps(report, indent=2))


if __name__ == '__main__':
    main()
