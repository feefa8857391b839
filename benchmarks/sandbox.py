"""Measures the sandbox beside the physical limit and other ways to run code, in one run on the same snippets.

    python benchmarks/sandbox.py [--quick | --count N] [--json FILE] [--parts snippets,start,memory] [--jupyter]

The snippet reads a 2048x1536 JPEG, crops 700x500, enlarges it twice, writes a JPEG and prints its path. "CPU" is what
the kernel accounted to this process and all its descendants, supervisor and decoder included, per snippet. The
physical limit is the same OpenCV work in a plain loop of an ordinary process; `limit + decode` adds one full decode of
the written picture, which no sandbox that checks its output can save. Both are measured right before and after every
row, and the row is divided by their mean, so that a machine that others use at the same time does not favour a row.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from swift_thyme.config import SandboxSettings
from swift_thyme.sandbox import InputImage, ZygoteSandbox
from swift_thyme.types import Outcome

SNIPPET = """
img = cv2.imread(image_path)
crop = img[400:900, 600:1300]
big = cv2.resize(crop, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
processed_path = 'crop_%d.jpg'
cv2.imwrite(processed_path, big)
print(processed_path)
"""
_TICK_S = 1 / os.sysconf('SC_CLK_TCK')


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


def tree_cpu_s() -> float:
    """CPU seconds of this process and every descendant, ended ones included."""
    parents, used = {}, {}
    for name in os.listdir('/proc'):
        if name.isdigit():
            try:
                text = Path(f'/proc/{name}/stat').read_bytes()
            except OSError:
                continue
            fields = text.rpartition(b')')[2].split()
            parents[int(name)] = int(fields[1])
            used[int(name)] = sum(int(field) for field in fields[11:15]) * _TICK_S
    me = os.getpid()

    def is_mine(pid: int) -> bool:
        while pid > 1 and pid != me:
            pid = parents.get(pid, 0)
        return pid == me

    return sum(seconds for pid, seconds in used.items() if is_mine(pid))


def picture(directory: Path) -> Path:
    """A 2048x1536 JPEG with detail like a photograph's."""
    rng = np.random.default_rng(0)
    smooth = cv2.resize(rng.integers(0, 255, (96, 128, 3), dtype='u1'), (2048, 1536), interpolation=cv2.INTER_CUBIC)
    grain = rng.integers(-6, 7, smooth.shape)
    path = directory / 'input.jpg'
    cv2.imwrite(str(path), np.clip(smooth.astype('i2') + grain, 0, 255).astype('u1'), [cv2.IMWRITE_JPEG_QUALITY, 90])
    return path


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


LIMIT = """
import sys, time, cv2, json
cv2.setNumThreads(1)
path, out, count, decode = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == 'decode'
def work():
    img = cv2.imread(path)
    big = cv2.resize(img[400:900, 600:1300], None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(out, big)
    if decode:
        cv2.imread(out)
for _ in range(3):
    work()
times, cpu, begin = [], time.process_time(), time.perf_counter()
for _ in range(count):
    t = time.perf_counter()
    work()
    times.append(time.perf_counter() - t)
print(json.dumps([times, time.perf_counter() - begin, time.process_time() - cpu]))
"""


def limit(image: Path, directory: Path, count: int, *, decode: bool) -> Row:
    """The OpenCV work alone, in a plain process that keeps running."""
    out = directory / 'limit.jpg'
    done = subprocess.run(
        [sys.executable, '-c', LIMIT, str(image), str(out), str(count), 'decode' if decode else 'no'],
        capture_output=True,
        text=True,
        check=True,
    )
    times, wall_s, cpu_s = json.loads(done.stdout)
    return row('limit + decode' if decode else 'limit', 1, times, wall_s, cpu_s)


def fresh_process(image: Path, directory: Path, clients: int, count: int) -> Row:
    """`python -c` for every snippet."""
    code = f'import cv2\nimage_path = {str(image)!r}\n' + SNIPPET % 0

    async def one(_: int) -> bool:
        process = await asyncio.create_subprocess_exec(
            sys.executable, '-c', code, cwd=directory, stdout=subprocess.DEVNULL
        )
        return await process.wait() == 0

    return asyncio.run(drive('fresh process', clients, count, one))


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

    cpu_s, begin = tree_cpu_s(), time.perf_counter()
    await asyncio.gather(*(client(number) for number in range(clients)))
    wall_s = time.perf_counter() - begin
    return row(variant, clients, times, wall_s, tree_cpu_s() - cpu_s, failed)


async def warm(sandbox: ZygoteSandbox, image: Path, variant: str, clients: int, count: int) -> Row:
    """Snippets after the first of their session; a new session every nine (ten pictures are a session's most)."""
    sessions = [await sandbox.open([InputImage(image)]) for _ in range(clients)]
    used = [9] * clients

    async def one(number: int) -> bool:
        result = await sessions[number].run(SNIPPET % used[number])
        used[number] += 1
        return result.outcome is Outcome.OK and len(result.images) == 1

    async def renew(number: int) -> None:
        await sessions[number].close()
        sessions[number] = await sandbox.open([InputImage(image)])
        await one(number)
        used[number] = 1

    rows = []
    for _ in range(max(count // (clients * 9), 1)):
        await asyncio.gather(*(renew(number) for number in range(clients)))
        rows.append(await drive(variant, clients, clients * 9, one))
    await asyncio.gather(*(session.close() for session in sessions))
    return merge(rows)


async def first(sandbox: ZygoteSandbox, image: Path, clients: int, count: int) -> Row:
    """First snippets: sessions are opened before the clock starts."""
    rows = []
    for _ in range(max(count // (clients * 4), 1)):
        sessions = [await sandbox.open([InputImage(image)]) for _ in range(clients * 4)]
        waiting = list(sessions)

        async def one(_: int, waiting: list = waiting) -> bool:
            result = await waiting.pop().run(SNIPPET % 0)
            return result.outcome is Outcome.OK and len(result.images) == 1

        rows.append(await drive('sandbox: first snippet', clients, clients * 4, one))
        await asyncio.gather(*(session.close() for session in sessions))
    return merge(rows)


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


async def empty(sandbox: ZygoteSandbox, variant: str, count: int) -> Row:
    """`pass` in a warm session."""
    async with await sandbox.open() as session:
        await session.run('x = 1')

        async def one(_: int) -> bool:
            return (await session.run('pass')).outcome is Outcome.OK

        return await drive(variant, 1, count, one)


async def start(sandbox: ZygoteSandbox, image: Path, count: int) -> Row:
    """Opening a session until it can run a snippet."""
    await (await sandbox.open()).close()
    sessions = []

    async def one(_: int) -> bool:
        sessions.append(await sandbox.open([InputImage(image)]))
        return True

    result = await drive('session start', 1, count, one)
    await asyncio.gather(*(session.close() for session in sessions))
    return result


async def memory(sandbox: ZygoteSandbox, image: Path, count: int) -> dict[str, float]:
    """PSS of idle sessions, all open at once."""
    sessions = [await sandbox.open([InputImage(image)]) for _ in range(count)]
    pss = []
    for pids in (await asyncio.to_thread(sandbox.stats))['sessions'].values():
        for pid in pids:
            text = Path(f'/proc/{pid}/smaps_rollup').read_text()
            pss.append(int(text.split('Pss:')[1].split()[0]) / 1024)
    result = await sessions[-1].run('print(1)')
    await asyncio.gather(*(session.close() for session in sessions))
    ok = result.outcome is Outcome.OK
    return {'sessions': count, 'pss_mean_mib': statistics.mean(pss), 'pss_max_mib': max(pss), 'works': float(ok)}


def jupyter(image: Path, clients: int, count: int) -> Row:
    """One Jupyter kernel per client."""
    from jupyter_client.manager import AsyncKernelManager

    async def measure() -> Row:
        managers = [AsyncKernelManager() for _ in range(clients)]
        connected = []
        for manager in managers:
            await manager.start_kernel()
            client = manager.client()
            client.start_channels()
            await client.wait_for_ready()
            await client.execute_interactive(f'import cv2\ncv2.setNumThreads(1)\nimage_path = {str(image)!r}')
            connected.append(client)

        async def one(number: int) -> bool:
            reply = await connected[number].execute_interactive(SNIPPET % number, output_hook=lambda _: None)
            return reply['content']['status'] == 'ok'

        result = await drive('Jupyter kernel', clients, count, one)
        for manager in managers:
            await manager.shutdown_kernel(now=True)
        return result

    return asyncio.run(measure())


def show(r: Row) -> None:
    """Prints one line of the table."""
    print(
        f'{r.variant:34} {r.clients:7d} {r.snippets:5d} {r.p50_ms:8.2f} {r.p99_ms:8.2f} {r.per_s:7.1f} '
        f'{r.cpu_ms:7.2f} {r.cpu_ms / r.limit_cpu_ms:6.2f} {r.cpu_ms / r.decode_cpu_ms:13.2f} {r.failed:6d}',
        flush=True,
    )


class Table:
    """Rows, each with the limit beside it."""

    def __init__(self, image: Path, directory: Path, count: int) -> None:
        """
        Args:
            image: the snippets' input.
            directory: for the limit's output.
            count: how often the limit is run before and after each row.
        """
        self._image, self._directory, self._count = image, directory, count
        self.rows: list[Row] = []
        self._last = self._limits()
        print(
            f'{"variant":34} {"clients":>7} {"n":>5} {"p50 ms":>8} {"p99 ms":>8} {"per s":>7} {"CPU ms":>7} '
            f'{"/limit":>6} {"/limit+decode":>13} {"failed":>6}'
        )
        for found in self._last:
            self._keep(found, self._last)

    def _limits(self) -> tuple[Row, Row]:
        plain, decode = (limit(self._image, self._directory, self._count, decode=d) for d in (False, True))
        return plain, decode

    def _keep(self, found: Row, after: tuple[Row, Row]) -> None:
        plain, decode = ((a.cpu_ms + b.cpu_ms) / 2 for a, b in zip(self._last, after, strict=True))
        self.rows.append(replace(found, limit_cpu_ms=plain, decode_cpu_ms=decode))
        show(self.rows[-1])

    def add(self, found: Row) -> None:
        """Takes a row that was just measured."""
        after = self._limits()
        self._keep(found, after)
        self._last = after


def snippets(image: Path, directory: Path, options: argparse.Namespace) -> list[Row]:
    """The table of snippets."""
    count = options.count
    table = Table(image, directory, max(count // 6, 6))
    for rollback in (False, True):
        sandbox = ZygoteSandbox(SandboxSettings(rollback=rollback))
        name = 'with' if rollback else 'without'
        for clients in options.clients:
            size = max(count, clients * 9)
            if not rollback:
                table.add(asyncio.run(first(sandbox, image, clients, size)))
            table.add(asyncio.run(warm(sandbox, image, f'sandbox: {name} rollback', clients, size)))
        table.add(asyncio.run(empty(sandbox, f'sandbox: empty, {name} rollback', count)))
        sandbox.close()
    for clients in [c for c in options.clients if c <= 32]:
        table.add(fresh_process(image, directory, clients, max(count // 8, clients)))
        if options.jupyter and clients <= 8:
            table.add(jupyter(image, clients, count))
    return table.rows


def main() -> None:
    """Runs the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--quick', action='store_true', help='few repetitions')
    parser.add_argument('--count', type=int, default=360, metavar='N', help='snippets of a row, at least')
    parser.add_argument('--clients', type=lambda text: [int(c) for c in text.split(',')], default=[1, 8, 32, 128])
    parser.add_argument('--parts', default='snippets,start,memory')
    parser.add_argument(
        '--jupyter', action='store_true', help='also a Jupyter kernel (needs jupyter_client, ipykernel)'
    )
    parser.add_argument('--json', metavar='FILE')
    options = parser.parse_args()
    options.count = 36 if options.quick else options.count
    report: dict[str, object] = {
        'machine': platform.platform(),
        'cores': os.cpu_count(),
        'python': platform.python_version(),
    }
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        image = picture(directory)
        if 'snippets' in options.parts:
            rows = snippets(image, directory, options)
            report['snippets'] = [asdict(r) for r in rows]
        sandbox = ZygoteSandbox(SandboxSettings())
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
    if options.json:
        Path(options.json).write_text(json.dumps(report, indent=2))


if __name__ == '__main__':
    main()
