"""Clients unchanged: they get the answer, or a refusal that names what is not offered; never an answer in another form.

They pin packages: `python -m venv ENV && ENV/bin/pip install openai langchain-openai litellm`, and name its
interpreter in `THYME_CLIENTS_PYTHON`.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from swift_thyme.infer import Thinker
from swift_thyme.sandbox import shared_sandbox

from ..evaluate.scripted import ScriptedEngine
from ..infer.scripts import ANSWER, SIZE, lent
from .conftest import listening

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
def test_clients_get_the_answer_or_a_refusal_by_name(tmp_path: Path) -> None:
    picture = tmp_path / 'picture.jpg'
    Image.new('RGB', (200, 100)).save(picture)
    engine = ScriptedEngine(lambda conversation: ANSWER if conversation.rounds else SIZE)
    with listening(lent(Thinker(engine, sandbox=shared_sandbox()))) as running:
        line = [CLIENTS, str(Path(__file__).with_name('clients_driver.py')), f'{running.url}/v1', str(picture)]
        env = {**os.environ, 'LITELLM_LOCAL_MODEL_COST_MAP': 'True'}  # else it looks for prices on the net
        done = subprocess.run(line, capture_output=True, text=True, timeout=280, check=False, env=env)
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
