"""vLLM in this process and behind its own server, with a scripted policy. Needs vllm; runs without a GPU."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from swift_thyme.agent import assistant_text
from swift_thyme.engines import Sampling
from swift_thyme.errors import ContextFull
from swift_thyme.infer import InferSettings, TextDelta, Thinker

from ..infer.scripts import ANSWER, CROP, SIZE

pytest.importorskip('vllm', reason='vllm is not installed (extra: vllm)')
pytestmark = pytest.mark.slow
SCRIPT = [[CROP, SIZE.removeprefix('<think>'), ANSWER]]


@pytest.fixture(scope='module', autouse=True)
def script(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The script, where vLLM's own processes find it too."""
    path = tmp_path_factory.mktemp('script') / 'script.json'
    path.write_text(json.dumps(SCRIPT))
    changes = {'THYME_SCRIPT': str(path), 'VLLM_CPU_KVCACHE_SPACE': '1', 'VLLM_CPU_NUM_OF_RESERVED_CPU': '0'}
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    yield path
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


def pictures(folder: Path, n: int) -> list[Path]:
    out = []
    for i in range(n):
        out.append(folder / f'{i}.png')
        Image.new('RGB', (200 + 8 * i, 168)).save(out[-1])
    return out


def check_many(thinker: Thinker, folder: Path, n: int = 6) -> list[Any]:
    """Asks several at a time; each must get its own picture's size back."""

    async def ask_all() -> list[Any]:
        return await asyncio.gather(*(thinker.answer('Which?', [p]) for p in pictures(folder, n)))

    replies = asyncio.run(ask_all())
    assert [(r.answer, r.error) for r in replies] == [('B', '')] * n
    assert [r.turns[1].result.text for r in replies] == [f'size ({200 + 8 * i}, 168)\n' for i in range(n)]
    return replies


def test_vllm_in_this_process(tiny: Path, tmp_path: Path) -> None:
    import torch

    from scripted.policy import register_scripted

    register_scripted()
    kwargs = {
        'torch_dtype': torch.float32,
        'model_type': 'qwen2_5_vl',
        'max_model_len': 2048,
        'enforce_eager': True,
        'max_num_seqs': 8,
        'limit_mm_per_prompt': {'image': 4},
    }
    thinker = Thinker.load(tiny, backend='vllm', template='thyme_scripted', engine_kwargs=kwargs)
    replies = check_many(thinker, tmp_path)
    gained = [r.round_usage[1].image_tokens - r.round_usage[0].image_tokens for r in replies]
    assert gained == [12] * len(replies)
    seen: list[Any] = []
    sampled = Sampling(temperature=1.0, seed=3)
    reply = thinker.ask('Which?', pictures(tmp_path, 1), on_event=seen.append, sampling=sampled)
    words = ''.join(turn.text for turn in reply.turns)
    assert ''.join(e.text for e in seen if isinstance(e, TextDelta)) == words
    for words_in in (1900, 1791):  # too long as the host counts, and only with the picture's tokens
        with pytest.raises(ContextFull):
            thinker.ask('word ' * words_in, pictures(tmp_path, 1))
    asyncio.run(thinker.aclose())


@pytest.fixture(scope='module')
def server(tiny: Path, script: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`vllm serve` with the scripted policy; its base URL."""
    with socket.create_server(('127.0.0.1', 0)) as free:
        port = free.getsockname()[1]
    argv = [str(Path(sys.executable).with_name('vllm')), 'serve', str(tiny), '--port', str(port), '--dtype', 'float32']
    argv += ['--enforce-eager', '--max-model-len', '2048', '--max-num-seqs', '8', '--served-model-name', 'tiny']
    argv += ['--limit-mm-per-prompt', '{"image": 4}', '--mm-processor-kwargs', '{"max_pixels": 50176}']
    argv += ['--logits-processors', 'scripted.vllm:ScriptedTokens']
    log = tmp_path_factory.mktemp('vllm') / 'serve.log'
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    with log.open('w') as file:
        process = subprocess.Popen(argv, stdout=file, stderr=subprocess.STDOUT, env=env, start_new_session=True)
        try:
            deadline = time.monotonic() + 200
            while not _answers(f'http://127.0.0.1:{port}/health'):
                assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-3000:]
                time.sleep(0.5)
            yield f'http://127.0.0.1:{port}/v1'
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def test_vllm_serve_continues_an_assistant_message_with_pictures_inside(server: str, tmp_path: Path) -> None:
    thinker = Thinker.load(backend='url', engine_kwargs={'base_url': server})
    replies = check_many(thinker, tmp_path)
    first, second = replies[0].round_usage[:2]
    assert second.prompt_tokens - first.prompt_tokens - first.completion_tokens in range(20, 26)
    assert assistant_text(replies[0].turns).count('<image>') == 1


def test_vllm_serve_says_when_the_context_is_full(server: str, tmp_path: Path) -> None:
    thinker = Thinker.load(backend='url', engine_kwargs={'base_url': server}, settings=InferSettings())
    with pytest.raises(ContextFull):
        thinker.ask('word ' * 3000, pictures(tmp_path, 1))
