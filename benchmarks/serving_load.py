"""The part `load` of `benchmarks/serving.py`: 300 requests, 32 at a time, each with a picture of its own.

`thyme serve --url` stands before a scripted model in another process. One client in ten leaves, one in twenty sends no
JSON, half of the others stream. After a third of them the sandbox's supervisor is killed, after two thirds the model,
which is started again after two seconds. What fails must have been under way at a kill; whatever is answered
must be about its own picture.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from serving_attacks import ROUTE, picture, question
from serving_processes import SERVER, Process, free_port, running

N, PARALLEL = 300, 32
_DOWN_S, _ROUND_S = 2.0, 0.3
_SIZE = '<think><code>\n```python\nfrom PIL import Image\nprint(Image.open(image_path).size)\n```\n</code>'
_TURNS = json.dumps([_SIZE, '</think><answer>B</answer>'])


@dataclass
class Load:
    """What was asked, and what became of it."""

    server: Process
    ends: Counter[str] = field(default_factory=Counter)
    failed: list[tuple[float, float]] = field(default_factory=list)
    """When requests that were not answered began and ended."""
    times_s: list[float] = field(default_factory=list)
    wrong: int = 0
    """Answers about another picture."""

    async def ask(self, client: httpx.AsyncClient, i: int) -> None:
        """One request of the i-th kind."""
        begun = time.monotonic()
        try:
            await self._ask(client, i, begun)
        except httpx.HTTPError as error:
            self.ends[f'failed: {type(error).__name__}'] += 1
            self.failed.append((begun, time.monotonic()))

    async def _ask(self, client: httpx.AsyncClient, i: int, begun: float) -> None:
        if i % 20 == 7:
            reply = await client.post(ROUTE, content=b'{"messages": [' + bytes([i % 256]))
            self.ends[f'malformed: {reply.status_code}'] += 1
            return
        body = json.loads(question(f'q{i}', picture(300 + i, 200)))
        body['stream'] = i % 2 == 1
        if i % 10 == 3:
            try:
                await client.post(ROUTE, json=body, timeout=random.Random(i).uniform(0.05, 1.0))
                self.ends['answered before it left'] += 1
            except httpx.TimeoutException:
                self.ends['left'] += 1
            return
        reply = await client.post(ROUTE, json=body)
        text = reply.text
        if reply.status_code == 200 and '"error"' not in text:
            self.ends['answered'] += 1
            self.times_s.append(time.monotonic() - begun)
            self.wrong += f'({300 + i}, 200)' not in text
            return
        said = 'in a stream' if reply.status_code == 200 else str(reply.status_code)
        code = re.search(r'"code": ?"(\w+)"', text)
        self.ends[f'failed: {said}, {code[1] if code else text[:80]}'] += 1
        self.failed.append((begun, time.monotonic()))


@contextmanager
def _model(port: int) -> Iterator[int]:
    """The model's process id for as long as the block, unless it is killed before."""
    line = [sys.executable, SERVER, 'upstream', _TURNS, str(_ROUND_S), '--port', str(port)]
    started = subprocess.Popen(line, stderr=subprocess.DEVNULL)
    try:
        yield started.pid
    finally:
        started.kill()
        started.wait()


async def _under_load(found: Load, model: int, port: int, stack: ExitStack) -> list[tuple[float, float]]:
    """Asks everything and kills twice; when the killed parts were away."""
    left, away = iter(range(1, N + 1)), []
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=found.server.url, timeout=300, limits=limits) as client:

        async def one() -> None:
            for i in left:
                await found.ask(client, i)

        async def kill() -> None:
            while found.ends.total() < N // 3:
                await asyncio.sleep(0.05)
            supervisor = next(pid for pid in found.server.tree() if 'supervisor' in _line_of(pid))
            begun = time.monotonic()
            os.kill(supervisor, signal.SIGKILL)
            away.append((begun, begun + 1))
            while found.ends.total() < 2 * N // 3:
                await asyncio.sleep(0.05)
            begun = time.monotonic()
            os.kill(model, signal.SIGKILL)
            await asyncio.sleep(_DOWN_S)
            stack.enter_context(_model(port))
            async with httpx.AsyncClient() as probe:
                while True:
                    try:
                        await probe.get(f'http://127.0.0.1:{port}/v1/models')
                        break
                    except httpx.HTTPError:
                        await asyncio.sleep(0.05)
            away.append((begun, time.monotonic()))

        await asyncio.gather(kill(), *(one() for _ in range(PARALLEL)))
        await client.post(ROUTE, content=question('Which?'))
    return away


def _line_of(pid: int) -> str:
    try:
        return Path(f'/proc/{pid}/cmdline').read_text(encoding='utf-8', errors='replace')
    except OSError:
        return ''


def load() -> None:
    """Prints what became of the requests, and what the server had before and after."""
    port = free_port()
    with ExitStack() as stack:
        model = stack.enter_context(_model(port))
        line = ['-m', 'swift_thyme.cli', 'serve', '--url', f'http://127.0.0.1:{port}/v1', '--port', '0']
        server = stack.enter_context(running(*line))
        warm = Load(server)

        async def begin() -> None:
            async with httpx.AsyncClient(base_url=server.url, timeout=300) as client:
                await asyncio.gather(*(warm.ask(client, 20 * i) for i in range(PARALLEL)))

        asyncio.run(begin())
        time.sleep(3)
        before = server.memory_mib(), len(server.tree())
        found, begun = Load(server), time.monotonic()
        away = asyncio.run(_under_load(found, model, port, stack))
        took = time.monotonic() - begun
        time.sleep(3)
        after = server.memory_mib(), len(server.tree())
        health = httpx.get(f'{server.url}/health').json()
    beside = sum(not any(a <= end and begin <= b for a, b in away) for begin, end in found.failed)
    print(f'{N} requests in {took:.1f} s: {dict(sorted(found.ends.items()))}')
    print(f'answers about another picture: {found.wrong}; failed though not under way at a kill: {beside}')
    print(f'memory {before[0]:.0f} MiB before, {after[0]:.0f} after; processes {before[1]}, {after[1]}; {health}')
