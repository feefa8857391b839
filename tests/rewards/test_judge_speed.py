"""2,000 verdicts at concurrency 64 against servers that take 50 ms; run it on a machine with nothing else to do."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from swift_thyme.config import JudgeSettings
from swift_thyme.rewards.judge import JudgeClient

from .test_judge_faults import question

pytestmark = pytest.mark.slow

VERDICTS, CONCURRENCY, LATENCY_S = 2000, 64, 0.05
IDEAL_S = VERDICTS * LATENCY_S / CONCURRENCY
DEAD = -1.0


def measure(latencies_s: Sequence[float], tries: int = 3) -> float:
    """The best of a few runs, seconds. Servers are processes of their own; one that is dead refuses connections."""
    command = [sys.executable, str(Path(__file__).with_name('stub_judge.py'))]
    servers = [
        subprocess.Popen([*command, str(s)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for s in latencies_s
        if s != DEAD
    ]
    try:
        ports = [int(s.stdout.readline()) for s in servers if s.stdout]
        urls = [f'http://127.0.0.1:{port}/v1' for port in ports + [9] * list(latencies_s).count(DEAD)]
        return min(asyncio.run(_ask(urls)) for _ in range(tries))
    finally:
        for server in servers:
            server.kill()
            server.communicate()


async def _ask(urls: Sequence[str]) -> float:
    settings = JudgeSettings(addresses=tuple(urls), cache_dir='', concurrency=CONCURRENCY, model='stub')
    client = JudgeClient(settings)
    await client.ask(question(-1))
    started = time.perf_counter()
    await asyncio.gather(*(client.ask(question(i)) for i in range(VERDICTS)))
    elapsed = time.perf_counter() - started
    await client.aclose()
    return elapsed


def test_client_keeps_the_servers_busy() -> None:
    assert measure([LATENCY_S]) <= 1.2 * IDEAL_S


@pytest.mark.parametrize('fourth', [DEAD, 1.0, 3600.0], ids=['dead', 'slow', 'hanging'])
def test_one_bad_address_of_four_costs_little(fourth: float) -> None:
    good = measure([LATENCY_S] * 4)
    assert measure([LATENCY_S] * 3 + [fourth]) <= 1.1 * max(good, IDEAL_S)
