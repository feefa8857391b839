"""`thyme serve` as a process: many clients at a time, what it costs, and how it stops."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from ..infer.scripts import ANSWER, CROP, SIZE, SLEEP
from .conftest import data_url, question

pytestmark = pytest.mark.slow
N = 200


@contextmanager
def process(tiny: Path, folder: Path, turns: list[str], *flags: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server process and its URL; killed at the end where it still runs."""
    script = folder / 'script.json'
    script.write_text(json.dumps([turns]))
    env = {**os.environ, 'THYME_SCRIPT': str(script), 'PYTHONPATH': os.pathsep.join(sys.path)}
    argv = [sys.executable, '-m', 'tests.serve.scripted_serve', '--model', str(tiny), '--port', '0', *flags]
    argv += ['--engine-kwargs', '{"torch_dtype": "float32", "model_type": "qwen2_5_vl"}']
    log = folder / 'serve.log'
    with log.open('w') as errors:
        server = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=errors, text=True, env=env)
        try:
            assert server.stdout is not None
            found = re.search(r'http://\S+?(?=/v1)', server.stdout.readline())
            assert found is not None, log.read_text()[-3000:]
            yield server, found.group()
        finally:
            server.kill()
            server.wait()
            assert server.stdout is not None
            server.stdout.close()


def rss_mib(pid: int, peak: bool = False) -> float:
    status = Path(f'/proc/{pid}/status').read_text()
    found = re.search(rf'{"VmHWM" if peak else "VmRSS"}:\s+(\d+)', status)
    assert found is not None
    return int(found.group(1)) / 1024


def test_200_requests_at_a_time_are_all_answered(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = []
    for i in range(N):
        pictures.append(tmp_path / f'{i}.jpg')
        Image.effect_noise((300 + i, 200), 50).convert('RGB').save(pictures[-1])
    turns = [SIZE, CROP.removeprefix('<think>'), ANSWER]
    with process(tiny, tmp_path, turns, '--batch-size', '16') as (server, url):
        httpx.post(f'{url}/v1/chat/completions', json=question(pictures[0]), timeout=120).raise_for_status()
        before, most = rss_mib(server.pid), 0

        async def ask(client: httpx.AsyncClient, i: int) -> str:
            body = question(data_url(pictures[i]), stream=i % 2 == 1)
            reply = await client.post(f'{url}/v1/chat/completions', json=body)
            assert reply.status_code == 200, reply.text
            if i % 2 == 0:
                message = reply.json()['choices'][0]['message']
                assert message['content'] == 'B'
                return str(message['reasoning'])
            chunks = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith('data: {')]
            deltas = [chunk['choices'][0]['delta'] for chunk in chunks]
            assert ''.join(delta['content'] for delta in deltas) == 'B'
            return ''.join(delta.get('reasoning', '') for delta in deltas)

        async def ask_all() -> list[str]:
            nonlocal most
            limits = httpx.Limits(max_connections=None)
            async with httpx.AsyncClient(timeout=500, limits=limits) as client:
                asking = asyncio.gather(*(ask(client, i) for i in range(N)))
                while not asking.done():
                    health = (await client.get(f'{url}/health')).json()
                    most = max(most, health['sandbox_sessions'])
                    await asyncio.sleep(0.2)
                return await asking

        start = time.monotonic()
        reasonings = asyncio.run(ask_all())
        seconds = time.monotonic() - start
        for i, reasoning in enumerate(reasonings):
            assert f'size ({300 + i}, 200)' in reasoning and reasoning.count('<image>') == 1
        health = httpx.get(f'{url}/health').json()
        peak, after = rss_mib(server.pid, peak=True), rss_mib(server.pid)
        text = httpx.get(f'{url}/metrics').text
        with capsys.disabled():
            print(
                f'\n{N} requests in {seconds:.0f} s, at most {most} sessions; RSS {before:.0f} MiB before, '
                f'{peak:.0f} at most, {after:.0f} after'
            )
    assert (health['running'], health['waiting'], health['sandbox_sessions']) == (0, 0, 0)
    assert f'thyme_requests_total{{status="200"}} {N + 1}.0' in text
    assert most <= 16 and peak - before < 600


def test_a_server_told_to_stop_finishes_what_is_under_way(tiny: Path, tmp_path: Path) -> None:
    picture = tmp_path / 'picture.jpg'
    Image.new('RGB', (200, 100)).save(picture)
    replies: list[httpx.Response] = []
    with process(tiny, tmp_path, [SLEEP.replace('5', '3'), ANSWER]) as (server, url):
        body: dict[str, Any] = question(picture)
        thread = threading.Thread(
            target=lambda: replies.append(httpx.post(f'{url}/v1/chat/completions', json=body, timeout=60))
        )
        thread.start()
        while not httpx.get(f'{url}/health').json()['sandbox_sessions']:
            time.sleep(0.05)
        server.send_signal(signal.SIGTERM)
        thread.join()
        assert server.wait(30) == 0
    assert replies[0].json()['choices'][0]['message']['content'] == 'B'
