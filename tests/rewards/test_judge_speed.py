"""Thousands of verdicts at concurrency 64 against servers that take 50 ms; run it where nothing else has to be done."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from swift_thyme.config import JudgeSettings
from swift_thyme.rewards.judge import JudgeClient

from .test_judge_blame import EIGHT_WAYS
from .test_judge_blame import question as numbered
from .test_judge_faults import question

pytestmark = pytest.mark.slow

VERDICTS, CONCURRENCY, LATENCY_S = 2000, 64, 0.05
IDEAL_S = VERDICTS * LATENCY_S / CONCURRENCY
DEAD = -1.0
ROOT = Path(__file__).parents[2]
MANY = int(os.environ.get('VERDICTS', '10000'))
"""Verdicts in each of the eight ways; fewer for a first look."""


def measure(latencies_s: Sequence[float], tries: int = 3) -> float:
    """The best of a few runs, seconds. Servers are processes of their own; one that is dead refuses connections."""
    with serving(*([str(s)] for s in latencies_s if s != DEAD)) as ports:
        urls = [f'http://127.0.0.1:{port}/v1' for port in ports + [9] * list(latencies_s).count(DEAD)]
        return min(asyncio.run(_ask(urls)) for _ in range(tries))


@contextmanager
def serving(*words: Sequence[str]) -> Iterator[list[int]]:
    """The ports of stub judges, each a process of its own with these arguments."""
    command = [sys.executable, '-m', 'tests.rewards.stub_judge']
    servers = [
        subprocess.Popen([*command, *w], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for w in words
    ]
    try:
        yield [int(s.stdout.readline()) for s in servers if s.stdout]
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


def judge_many(fourth: str) -> float:
    """Asks for many verdicts of three good addresses and one that fails in a way; all must be right. Seconds."""

    async def go(ports: Sequence[int]) -> float:
        urls = tuple(f'http://127.0.0.1:{port}/v1' for port in ports)
        client = JudgeClient(JudgeSettings(addresses=urls, cache_dir='', concurrency=CONCURRENCY, model='stub'))
        started = time.perf_counter()
        found = await asyncio.gather(*(client.ask(numbered(i)) for i in range(MANY)))
        elapsed = time.perf_counter() - started
        await client.aclose()
        assert [one.scores[0] for one in found] == [1 - i % 2 for i in range(MANY)]
        return elapsed

    with serving(*([str(LATENCY_S), way] for way in ('good', 'good', 'good', fourth))) as ports:
        return asyncio.run(go(ports))


@pytest.fixture(scope='module')
def good_s() -> float:
    return max(judge_many('good'), MANY * LATENCY_S / CONCURRENCY)


@pytest.mark.parametrize('way', EIGHT_WAYS)
def test_verdicts_over_four_addresses_with_one_broken_are_right_and_in_time(
    way: str, good_s: float, capsys: pytest.CaptureFixture[str]
) -> None:
    taken_s = judge_many(way)
    with capsys.disabled():
        print(f'\n{MANY} verdicts, one of four addresses {way}: {taken_s:.2f} s, four good ones {good_s:.2f} s')
    assert taken_s <= 1.3 * good_s
