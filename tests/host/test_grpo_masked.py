"""A real RL step with code masked out and one trajectory that must not be trained, read back from the batch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from swift_thyme.demo.host_command import HostCommand, logged, run
from swift_thyme.host.trace import read_batches
from swift_thyme.host.verify import trained_ids
from swift_thyme.trajectories import read_records
from swift_thyme.trajectories.record import FOLDER

from .conftest import (
    AHEAD,
    CROP,
    NEEDS_TWO_GPUS,
    VLLM_DTYPE,
    GrpoRun,
    gpu,
    grpo_flags,
    rollout_server,
    run_environment,
    write_rl_rows,
)

pytestmark = pytest.mark.host

SCRIPT = [
    [CROP, 'It is 42.</think>\n<answer>42</answer>'],
    ['<think>Count. <code>\nprint(6 * 7)  # lost\n</code>'],
    ['<think>Compute. <code>\nprint(6 * 7)\n</code>', 'It is 41.</think>\n<answer>41</answer>'],
    ['<think>Easy.</think>\n<answer>42</answer>'],
]
"""One group: a crop, code whose session `plugins/losing_plugin.py` loses, a computation, no code."""
PLUGIN = Path(__file__).parents[1] / 'plugins' / 'losing_plugin.py'


@pytest.fixture(scope='module')
def masked_run(tiny: Path, judge_address: str, tmp_path_factory: pytest.TempPathFactory) -> GrpoRun:
    """A step with `THYME_TRAIN_CODE=mask` and a KL term."""
    folder = tmp_path_factory.mktemp('grpo-masked')
    script = folder / 'script.json'
    script.write_text(json.dumps(SCRIPT), encoding='utf-8')
    more: dict[str, object] = {'callbacks': 'thyme_rewards', 'beta': 0.01, 'max_steps': 1, 'external_plugins': PLUGIN}
    flags = grpo_flags(tiny, write_rl_rows(folder), folder / 'out', **more)
    env = run_environment(script, judge_address, folder / 'batches') | {'THYME_TRAIN_CODE': 'mask'}
    run(HostCommand('rlhf', flags), log=folder / 'log', env=env)
    return GrpoRun(folder / 'out', list(read_records(folder / 'out' / FOLDER)), list(read_batches(folder / 'batches')))


def test_the_lost_trajectory_leaves_one_end_token_and_the_others_are_trained(
    masked_run: GrpoRun, tokenizer: Any
) -> None:
    trained = [trained_ids(row) for batch in masked_run.batches for row in batch]
    assert len(trained) == 4 and trained.count([tokenizer.eos_token_id]) == 1, 'host_patch masks that one'
    reasons = [t.quarantine_reason for t in masked_run.trajectories if t.quarantined]
    assert len(reasons) == 1 and all('SessionDead' in reason for reason in reasons)


def test_the_row_kept_out_of_training_has_no_token_in_the_loss(masked_run: GrpoRun) -> None:
    assert logged(masked_run.output_dir, 'completions/min_length') == [0]


def test_what_is_trained_is_what_was_sampled_outside_code(masked_run: GrpoRun, tokenizer: Any) -> None:
    texts = {tokenizer.decode(trained_ids(row)) for batch in masked_run.batches for row in batch}
    assert {text.replace('<|im_end|>', '') for text in texts} - {''} == {
        '<think>The number is small, so I crop it. <code>\nIt is 42.</think>\n<answer>42</answer>',
        '<think>Compute. <code>\nIt is 41.</think>\n<answer>41</answer>',
        '<think>Easy.</think>\n<answer>42</answer>',
    }


def test_every_segment_says_its_temperature(masked_run: GrpoRun) -> None:
    found = {(s.kind, s.temperature) for t in masked_run.trajectories for x in t.turns for s in x.segments}
    assert found == {('text', 1.0), ('code', 0.0)}


def test_rollout_figures_are_in_the_trainers_log(masked_run: GrpoRun) -> None:
    lines = (masked_run.output_dir / 'logging.jsonl').read_text().splitlines()
    figures = next(line for line in map(json.loads, lines) if 'thyme/rollout/rounds' in line)
    assert figures['thyme/rollout/quarantined'] == 1.0
    assert figures['thyme/rollout/tool_use_rate'] == 0.75
    assert figures['thyme/rollout/code_ok_rate'] == 1.0
    assert figures['thyme/rollout/rounds'] == 1.5
    assert figures['thyme/rollout/stop/answer'] == 0.75
    assert figures['thyme/rollout/tokens/image'] > 0


@NEEDS_TWO_GPUS
@pytest.mark.vllm
@pytest.mark.slow
def test_a_row_is_kept_out_of_the_loss_where_neither_scheduler_nor_rewards_of_ours_are_in_the_trainer(
    tiny: Path, tmp_path: Path
) -> None:
    script, port = tmp_path / 'script.json', 18124
    script.write_text(json.dumps(SCRIPT), encoding='utf-8')
    server = {'vllm_mode': 'server', 'vllm_server_host': '127.0.0.1', 'vllm_server_port': port}
    flags = grpo_flags(
        tiny,
        write_rl_rows(tmp_path),
        tmp_path / 'out',
        reward_funcs='format',
        external_plugins=PLUGIN,
        use_vllm='true',
        torch_dtype=VLLM_DTYPE,
        vllm_server_group_port=51218,
        **server,
        **AHEAD,
    )
    env = run_environment(script, '', tmp_path / 'batches') | {'CUDA_VISIBLE_DEVICES': gpu(0)}
    with rollout_server(tiny, script, tmp_path / 'server.log', port, external_plugins=PLUGIN):
        run(HostCommand('rlhf', flags), log=tmp_path / 'log', env=env)
    assert logged(tmp_path / 'out', 'completions/min_length') == [0, 0]
    assert min(logged(tmp_path / 'out', 'completions/max_length')) > 0
