"""What `benchmarks/sandbox.py` puts beside each other: this sandbox in its ways, a fresh process."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from sandbox_rows import Row, TreeCpu, drive, merge, row
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


async def warm(
    sandbox: ZygoteSandbox, image: Path, variant: str, clients: int, count: int, between: Callable[[], None]
) -> Row:
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
        between()
        rows.append(await drive(variant, clients, clients * 9, one))
    await asyncio.gather(*(session.close() for session in sessions))
    return merge(rows)


async def first(sandbox: ZygoteSandbox, image: Path, clients: int, count: int, between: Callable[[], None]) -> Row:
    """First snippets: sessions are opened before the clock starts, as many for each client as `warm` runs snippets."""
    rows = []
    each = 9 if clients <= 32 else 4  # 128 clients would need 1,152 sessions
    for _ in range(max(count // (clients * each), 1)):
        sessions = [await sandbox.open([InputImage(image)]) for _ in range(clients * each)]
        waiting = list(sessions)

        async def one(_: int, waiting: list = waiting) -> bool:
            result = await waiting.pop().run(SNIPPET % 0)
            return result.outcome is Outcome.OK and len(result.images) == 1

        await refilled(sandbox)
        between()
        rows.append(await drive('sandbox: first snippet', clients, clients * each, one))
        await asyncio.gather(*(session.close() for session in sessions))
    return merge(rows)


async def empty(sandbox: ZygoteSandbox, variant: str, count: int) -> Row:
    """`pass` in a warm session."""
    async with await sandbox.open() as session:
        await session.run('x = 1')

        async def one(_: int) -> bool:
            return (await session.run('pass')).outcome is Outcome.OK

        return await drive(variant, 1, count, one)


async def start(sandbox: ZygoteSandbox, image: Path, count: int) -> Row:
    """Opening one session right after another; the CPU of the spare processes made for them is counted."""
    sessions, times_s = [], []
    await refilled(sandbox)
    cpu, begin = TreeCpu(), time.perf_counter()
    for _ in range(count):
        opening = time.perf_counter()
        sessions.append(await sandbox.open([InputImage(image)]))
        times_s.append(time.perf_counter() - opening)
    wall_s = time.perf_counter() - begin
    await refilled(sandbox)
    used_s = cpu.used_s()
    await asyncio.gather(*(session.close() for session in sessions))
    return row('session start', 1, times_s, wall_s, used_s)


async def refilled(sandbox: ZygoteSandbox) -> None:
    """Waits until the supervisor has as many spare processes as it keeps, so that making them is no row's burden."""
    have = -1
    while have != (have := len((await asyncio.to_thread(sandbox.stats))['spares'])) or not have:
        await asyncio.sleep(0.05)


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


def fresh_process(image: Path, directory: Path, clients: int, count: int) -> Row:
    """`python -c` for every snippet."""
    code = f'import cv2\nimage_path = {str(image)!r}\n' + SNIPPET % 0

    async def one(_: int) -> bool:
        process = await asyncio.create_subprocess_exec(
            sys.executable, '-c', code, cwd=directory, stdout=subprocess.DEVNULL
        )
        return await process.wait() == 0

    return asyncio.run(drive('fresh process', clients, count, one))
