"""Rollouts at scale on GPUs: a model of Qwen2.5-VL-3B's shape, 64 trajectories in flight, tensor parallel, weight sync.

The policy is scripted (`scripted.policy`), the weights are random; engine, sandbox, trainer and log-probs are real.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from swift_thyme.demo.host_command import HostCommand, logged, run
from swift_thyme.host.trace import read_batches
from swift_thyme.host.verify import trained_ids
from swift_thyme.trajectories import read_records
from swift_thyme.trajectories.record import FOLDER

from ..host.conftest import (
    AHEAD,
    NEEDS_TWO_GPUS,
    NEEDS_VLLM,
    VLLM_FLAGS,
    GrpoRun,
    gpu,
    grpo_flags,
    judge_address,
    rollout_server,
    run_environment,
    write_rl_rows,
)

pytestmark = [pytest.mark.host, pytest.mark.slow, NEEDS_VLLM]

CROP = (
    'The number is small, so I crop it. <code>\n```python\nimport cv2\nimage = cv2.imread(image_path)\n'
    "crop = image[100:340, 60:300]\nprocessed_path = 'crop{n}.png'\ncv2.imwrite(processed_path, crop)\n"
    'print(processed_path)\n```\n</code>'
)
ANSWER = 'It is 42.</think>\n<answer>{answer}</answer>'
SCRIPT = [
    [
        f'<think>Case {answer}. ' + CROP.replace('{n}', '1'),
        CROP.replace('{n}', '2'),
        ANSWER.format(answer=answer),
    ]
    for answer in (42, 41)
]
"""Two code rounds with a picture each; half of the answers are wrong, so that groups have an advantage."""
COLOCATE = {
    'use_vllm': 'true',
    'vllm_mode': 'colocate',
    'torch_dtype': 'bfloat16',
    'log_rollout_offpolicy_metrics': 'true',
    'sleep_level': 0,
    'callbacks': 'thyme_rewards',
    **VLLM_FLAGS,
    'vllm_max_model_len': 8192,
}


@pytest.fixture(scope='module')
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('script') / 'script.json'
    path.write_text(json.dumps(SCRIPT), encoding='utf-8')
    return path


@pytest.fixture(scope='module')
def shaped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with the shape of Qwen2.5-VL-3B."""
    out = tmp_path_factory.mktemp('shaped') / 'model'
    code = Path(__file__).parents[2] / 'benchmarks' / 'shaped.py'
    subprocess.run([sys.executable, code, out], check=True)
    return out


def train(model: Path, folder: Path, script: Path, judge: str, n_rows: int = 8, **flags: Any) -> GrpoRun:
    """Two steps of GRPO; `env_…` among the flags are variables."""
    env = run_environment(script, judge, folder / 'batches') | {
        'THYME_TRACE_LIMIT': '1000',
        'CUDA_VISIBLE_DEVICES': gpu(0),
    }
    env |= {name[4:]: str(flags.pop(name)) for name in list(flags) if name.startswith('env_')}
    flags = grpo_flags(model, write_rl_rows(folder, n_rows), folder / 'out', **{**COLOCATE, **flags})
    run(HostCommand('rlhf', flags), log=folder / 'log', env=env)
    return GrpoRun(folder / 'out', list(read_records(folder / 'out' / FOLDER)), list(read_batches(folder / 'batches')))


def verify(found: GrpoRun, trajectories: int) -> None:
    """Every trajectory ran both code rounds, is sound, and is trained on exactly what was sampled."""
    assert len(found.trajectories) == trajectories
    assert Counter(t.stop_reason for t in found.trajectories) == {'answer': trajectories}
    assert not any(t.quarantined for t in found.trajectories)
    assert all(t.code_ok == 2 for t in found.trajectories)
    rows = [str(trained_ids(row)) for batch in found.batches for row in batch]
    assert Counter(rows) == Counter(str(list(t.sampled_ids)) for t in found.trajectories)


def test_sixty_four_trajectories_of_a_3b_shape_are_sound_and_log_probs_agree(
    shaped: Path,
    script: Path,
    judge_address: str,
    tmp_path: Path,
) -> None:
    found = train(
        shaped,
        tmp_path,
        script,
        judge_address,
        num_generations=8,
        per_device_train_batch_size=4,
        gradient_accumulation_steps=16,
        learning_rate=1e-6,
        vllm_gpu_memory_utilization=0.4,
        gradient_checkpointing='true',
    )
    verify(found, 128)
    differences = logged(found.output_dir, 'rollout_correction/log_ppl_diff')
    print('log_ppl_diff', differences, 'figures', (found.output_dir / 'logging.jsonl').read_text()[-3000:])
    assert differences and max(map(abs, differences)) < 0.02


@pytest.mark.parametrize('broken', [False, True])
def test_a_broken_weight_sync_shows_in_log_ppl_diff(
    tiny: Path,
    script: Path,
    judge_address: str,
    tmp_path: Path,
    broken: bool,
) -> None:
    plugin = Path(__file__).parents[1] / 'plugins' / f'{"broken_sync" if broken else "scripted"}_plugin.py'
    found = train(
        tiny, tmp_path, script, judge_address, n_rows=2, max_steps=4, learning_rate=1e-2, external_plugins=plugin
    )
    differences = logged(found.output_dir, 'rollout_correction/log_ppl_diff')
    print('broken' if broken else 'synced', 'log_ppl_diff', differences)
    assert (max(map(abs, differences)) > 0.05) is broken


@NEEDS_TWO_GPUS
@pytest.mark.parametrize('ahead', ['false', 'true'])
def test_a_rollout_server_serves_sixty_four_trajectories_of_a_3b_shape(
    shaped: Path,
    script: Path,
    judge_address: str,
    tmp_path: Path,
    ahead: str,
) -> None:
    i = ['false', 'true'].index(ahead)
    port, group_port = 18321 + i, 51300 + i
    with rollout_server(shaped, script, tmp_path / 'server.log', port, vllm_max_model_len=8192):
        found = train(
            shaped,
            tmp_path,
            script,
            judge_address,
            num_generations=8,
            per_device_train_batch_size=4,
            gradient_accumulation_steps=16,
            learning_rate=1e-6,
            gradient_checkpointing='true',
            vllm_mode='server',
            vllm_server_host='127.0.0.1',
            vllm_server_port=port,
            vllm_server_group_port=group_port,
            **(AHEAD if ahead == 'true' else {}),
        )
    assert {t.stop_reason for t in found.trajectories} == {'answer'}
    assert not any(t.quarantined for t in found.trajectories)
    differences = logged(found.output_dir, 'rollout_correction/log_ppl_diff')
    print(f'server, async_generate {ahead}: {len(found.trajectories)} trajectories, log_ppl_diff', differences)
    assert differences and max(map(abs, differences)) < 0.02


@NEEDS_TWO_GPUS
def test_tensor_parallel_two(shaped: Path, script: Path, judge_address: str, tmp_path: Path) -> None:
    found = train(
        shaped,
        tmp_path,
        script,
        judge_address,
        num_generations=8,
        per_device_train_batch_size=4,
        gradient_accumulation_steps=2,
        learning_rate=1e-6,
        vllm_tensor_parallel_size=2,
        vllm_gpu_memory_utilization=0.3,
        gradient_checkpointing='true',
        deepspeed='zero2',
        env_NPROC_PER_NODE=2,
        env_CUDA_VISIBLE_DEVICES=f'{gpu(0)},{gpu(1)}',
    )
    verify(found, 32)
    differences = logged(found.output_dir, 'rollout_correction/log_ppl_diff')
    print('tensor parallel log_ppl_diff', differences)
    assert differences and max(map(abs, differences)) < 0.02
