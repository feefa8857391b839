"""A real RL step, read back: what the trainer was given is what the engine sampled, and nothing else is trained.

The policy is scripted (a logits processor forces `conftest.SCRIPT`); engine, sandbox, judge and trainer are real.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from swift_thyme import protocol
from swift_thyme.trace import TracedRow
from swift_thyme.verify import TokenRules, trained_ids, trains_sandbox_output

from .conftest import SCRIPT, GrpoRun

pytestmark = pytest.mark.host


@pytest.fixture(scope='module')
def rows(grpo_run: GrpoRun) -> list[TracedRow]:
    return [row for batch in grpo_run.batches for row in batch]


def trajectory_of(row: TracedRow, run: GrpoRun) -> dict[str, Any]:
    found = [t for t in run.trajectories if t['sampled_ids'] == trained_ids(row)]
    assert found, 'a row trains on ids that no trajectory sampled'
    return found[0]


def test_every_row_trains_on_exactly_the_ids_the_engine_sampled(grpo_run: GrpoRun, rows: list[TracedRow]) -> None:
    assert len(rows) == len(grpo_run.trajectories) == 8
    assert Counter(str(trained_ids(r)) for r in rows) == Counter(str(t['sampled_ids']) for t in grpo_run.trajectories)


def test_sampled_ids_decode_to_the_script(grpo_run: GrpoRun, tokenizer: Any) -> None:
    texts = {tokenizer.decode(t['sampled_ids']).replace('<|im_end|>', '') for t in grpo_run.trajectories}
    assert texts == {''.join(turns) for turns in SCRIPT}


def test_the_whole_turn_is_text_and_outputs_in_order(grpo_run: GrpoRun, rows: list[TracedRow], tokenizer: Any) -> None:
    for row in rows:
        trajectory = trajectory_of(row, grpo_run)
        turn = tokenizer.decode(row.input_ids).rpartition('<|im_start|>assistant\n')[2]
        while '<|image_pad|><|image_pad|>' in turn:
            turn = turn.replace('<|image_pad|><|image_pad|>', '<|image_pad|>')
        turn = turn.replace('<|vision_start|><|image_pad|><|vision_end|>', protocol.IMAGE_TAG)
        assert turn.removesuffix('<|im_end|>') == trajectory['text']


def test_no_token_of_sandbox_output_is_trained(rows: list[TracedRow], tokenizer: Any) -> None:
    assert any(protocol.SANDBOX_OPEN in tokenizer.decode(row.input_ids).rpartition('assistant\n')[2] for row in rows)
    assert not any(trains_sandbox_output(row, tokenizer) for row in rows)


def test_image_pads_are_untrained_and_as_many_as_pictures(
    grpo_run: GrpoRun, rows: list[TracedRow], tokenizer: Any
) -> None:
    pad = tokenizer.convert_tokens_to_ids('<|image_pad|>')
    rules = TokenRules.of(tokenizer, pad)
    for row in rows:
        trajectory = trajectory_of(row, grpo_run)
        pictures = len(trajectory['images']) + sum(len(turn.get('images', ())) for turn in trajectory['turns'])
        assert len(rules.pad_runs(row.input_ids)) == pictures
        assert pad not in trained_ids(row)
    for batch in grpo_run.batches:
        assert [n for row in batch for n in rules.pad_runs(row.input_ids)] == batch[0].image_tokens


def test_prompts_are_untrained(rows: list[TracedRow], tokenizer: Any) -> None:
    for row in rows:
        prompt, _, _ = tokenizer.decode(row.input_ids).rpartition('<|im_start|>assistant\n')
        n_prompt = len(tokenizer.encode(prompt + '<|im_start|>assistant\n'))
        assert set(row.labels[:n_prompt]) == {-100}


def test_the_returned_picture_is_the_crop(grpo_run: GrpoRun) -> None:
    from PIL import Image

    crops = [(t, turn['images'][0]) for t in grpo_run.trajectories for turn in t['turns'] if turn.get('images')]
    assert len(crops) == 2
    for trajectory, name in crops:
        with Image.open(f'{trajectory["folder"]}/{name}') as image:
            assert image.size == (140, 140) and image.convert('L').getextrema()[0] < 60


def test_each_way_out_has_its_reason(grpo_run: GrpoRun) -> None:
    assert Counter(t['stop_reason'] for t in grpo_run.trajectories) == {'answer': 6, 'end_of_turn': 2}


def test_rewards_follow_the_papers_formula(grpo_run: GrpoRun) -> None:
    by_text = {t['text'].rpartition('<answer>')[0][:12]: t['rewards'] for t in grpo_run.trajectories}
    right = by_text['<think>The n']
    assert (right['fmt_orm'], right['vqa_orm'], right['cst_orm']) == (0.5, 1.0, 0.5)
    wrong = by_text['<think>Easy.']
    assert (wrong['fmt_orm'], wrong['vqa_orm'], wrong['cst_orm']) == (0.5, 0.0, 0.0)


def test_failing_code_is_data_and_not_a_failure_of_the_run(grpo_run: GrpoRun) -> None:
    outcomes = Counter(turn['outcome'] for t in grpo_run.trajectories for turn in t['turns'] if 'outcome' in turn)
    assert outcomes == {'ok': 4, 'code_error': 2}
    assert not any(t['quarantined'] for t in grpo_run.trajectories)
