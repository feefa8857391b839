"""`thyme judge --model` with the host's own server: it starts, says where, answers, and leaves nothing behind."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

pytestmark = [pytest.mark.host, pytest.mark.slow]

ARGUMENTS = '--model_type qwen2_5_vl --template qwen2_5_vl --torch_dtype float32 --attn_impl sdpa'


def _wait_for(url: str) -> None:
    for _ in range(240):
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(1)
    raise AssertionError(f'no reply from {url}')


def test_model_is_served_until_the_command_is_ended(tiny: Path) -> None:
    words = ['judge', '--model', str(tiny), '--backend', 'swift', '--port', '0', '--server-args', ARGUMENTS]
    process = subprocess.Popen([sys.executable, '-m', 'swift_thyme.cli', *words], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, '')
        url = next(m.group(1) for line in lines if (m := re.match(r'judge \(.*\) at (http://\S+/v1)', line)))
        _wait_for(f'{url}/models')
        body = {'model': tiny.name, 'messages': [{'role': 'user', 'content': 'Hi'}], 'max_tokens': 2}
        request = urllib.request.Request(
            f'{url}/chat/completions', json.dumps(body).encode(), {'Content-Type': 'application/json'}
        )
        with urllib.request.urlopen(request, timeout=120) as reply:
            assert json.load(reply)['choices'][0]['message']['role'] == 'assistant'
    finally:
        process.terminate()
        process.communicate(timeout=60)
    with pytest.raises(OSError):
        urllib.request.urlopen(f'{url}/models', timeout=5)
