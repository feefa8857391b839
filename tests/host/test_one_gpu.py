"""The two one-GPU recipes from rows to an answer, on the tiny checkpoint: LoRA by SFT, RL from it, a question."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from tests.gpu.recipes import NO_ENGINE, SCRIPTED, SMALL
from tests.gpu.rows import SCRIPT, write_rows

from .conftest import run_environment

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.host, pytest.mark.slow]
SHORT = ['--max_steps', '2', '--save_steps', '2', '--global_batch_size', '4', '--learning_rate', '1e-2']
SHORT += ['--lora_dropout', '0']  # two draws of it differ, which would hide what the reference is
RL = ['--max_completion_length', '192', '--max_turns', '3', '--overlong_filter', 'false', '--logging_steps', '1']


def train(script: str, flags: list[str], folder: Path, env: dict[str, str], **variables: object) -> Path:
    """Runs a recipe as a user would; returns where it wrote."""
    given = {name: str(value) for name, value in variables.items()}
    binary = Path(sys.executable).parents[1]
    log = folder / f'{Path(script).stem}.log'
    with log.open('w') as file:
        done = subprocess.run(
            ['sh', str(ROOT / script), *SMALL, *flags],
            env={**os.environ, **env, 'THYME_VENV': str(binary), 'CUDA_VISIBLE_DEVICES': '', **given},
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        )
    assert done.returncode == 0, log.read_text()[-3000:]
    return Path(given['SAVE_PATH'])


@pytest.fixture(scope='module')
def runs(tiny: Path, judge_address: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """SFT with LoRA, and RL that began with the SFT run's folder."""
    folder = tmp_path_factory.mktemp('one-gpu')
    rows = write_rows(folder / 'rows', n=4)
    script = folder / 'script.json'
    script.write_text(json.dumps(SCRIPT))
    env = run_environment(script, judge_address, folder / 'batches')
    cpu = ['--without', 'attn_impl', '--torch_dtype', 'float32', '--attn_impl', 'sdpa']
    given = {'MODEL': tiny, 'DATASET': rows['sft'], 'SAVE_PATH': folder / 'sft'}
    sft = train('examples/sft_lora_1gpu.sh', [*SHORT, *cpu], folder, env, **given)
    given = {'MODEL': sft, 'DATASET': rows['rl'], 'SAVE_PATH': folder / 'rl'}
    rl = train('examples/grpo_lora_1gpu.sh', [*NO_ENGINE, *SCRIPTED, *SHORT, *RL], folder, env, **given)
    return {'sft': sft, 'rl': rl, 'script': script, 'picture': rows['rl'].parent / '0.png'}


def test_rl_goes_on_with_the_adapter_and_measures_from_it(runs: dict[str, Path]) -> None:
    newest = str(runs['sft'] / 'checkpoint-2')
    args = json.loads((runs['rl'] / 'args.json').read_text())
    assert args['adapters'] == args['ref_adapters'] == [newest] and args['tuner_type'] == 'lora'
    steps = [json.loads(line) for line in (runs['rl'] / 'logging.jsonl').read_text().splitlines()]
    divergence = float(next(step['kl'] for step in steps if 'kl' in step))
    weights = load_file(runs['sft'] / 'checkpoint-2' / 'adapter_model.safetensors')
    assert max(float(w.abs().max()) for name, w in weights.items() if 'lora_B' in name) > 1e-3  # SFT changed something
    assert divergence < 1e-5  # the reference is what RL began with, not the model under the adapter


def test_the_run_gives_an_answer(runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from scripted.policy import register_scripted
    from swift_thyme.infer import Thinker

    monkeypatch.setenv('THYME_SCRIPT', str(runs['script']))
    register_scripted()
    kwargs: dict[str, Any] = {'torch_dtype': __import__('torch').float32}
    thinker = Thinker.load(runs['rl'], template='thyme_scripted', engine_kwargs=kwargs)
    reply = thinker.ask('Which number is shown?', [runs['picture']])
    assert reply.answer == '42' and reply.turns[0].result is not None and reply.turns[0].result.images


def test_the_command_takes_the_runs_folder(runs: dict[str, Path]) -> None:
    words = ['infer', '--model', str(runs['rl']), '--question', 'Which?', '--image', str(runs['picture'])]
    words += ['--max-tokens', '4', '--json', '--engine-kwargs', '{"torch_dtype": "float32"}']
    done = subprocess.run(
        [sys.executable, '-m', 'swift_thyme.cli', *words], capture_output=True, text=True, check=False
    )
    assert json.loads(done.stdout.splitlines()[-1])['model'] == 'checkpoint-2', done.stderr[-2000:]
