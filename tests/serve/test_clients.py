"""Clients unchanged: they get the answer, or a refusal that names what is not offered; never an answer in another form.

They pin packages: `python -m venv ENV && ENV/bin/pip install openai langchain-openai litellm`, and name its
interpreter in `THYME_CLIENTS_PYTHON`.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ..infer.scripts import ANSWER, SIZE

CLIENTS = os.environ.get('THYME_CLIENTS_PYTHON', '')
REFUSED = {
    'openai, parse': 'response_format',
    'openai, tools': 'tools',
    'openai, n': 'n must be 1',
    'openai, logprobs': 'logprobs',
    'langchain, json_schema': 'response_format',
    'langchain, json_mode': 'response_format',
    'langchain, function_calling': 'tools',
    'langchain, tools': 'tools',
    'litellm, response_format': 'response_format',
}


@pytest.mark.slow
@pytest.mark.skipif(not CLIENTS, reason='THYME_CLIENTS_PYTHON names no interpreter that has the clients')
def test_clients_get_the_answer_or_a_refusal_by_name(serve: Any, scripted: Any, picture: Path) -> None:
    scripted([SIZE, ANSWER])
    line = [CLIENTS, str(Path(__file__).with_name('clients_driver.py')), f'{serve().url}/v1', str(picture)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    for name, named in REFUSED.items():
        refusal = found.pop(name)
        assert refusal['status'] == 400 and named in refusal['error'], (name, refusal)
    for name in ('openai, responses', 'openai, completions'):
        refusal = found.pop(name)
        assert refusal['status'] == 404 and 'chat completions only' in refusal['error'], (name, refusal)
    several = {name: found.pop(name) for name in ('openai, async', 'langchain, batch')}
    assert several == {'openai, async': ['B'] * 4, 'langchain, batch': ['B'] * 3}
    assert found == dict.fromkeys(found, 'B') and len(found) == 8
