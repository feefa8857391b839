"""A real RL step, read back: what the trainer was given is what the engine sampled, and nothing else is trained.

The policy is scripted (a logits processor forces `conftest.SCRIPT`); engine, sandbox, judge and trainer are real.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from swift_thyme import protocol
from swift_thyme.demo.host_command import logged
from swift_thyme.host.trace import IGNORED, TracedRow
from swift_thyme.host.verify import IMAGE_IDS_TEXT, TokenRules, trained_ids, trains_sandbox_output

from .conftest import SCRIPT, GrpoRun

pytestmark = pytest.mark.host
LOG_PPL_ROUNDING = 0.02
"""How far the log of the perplexity in engine and trainer may differ, for the rounding of bfloat16 on a GPU. Without
weight sync (`plugins/broken_sync_plugin.py`) it differs by 1.0 in the second step."""
MOVED = 0.05
"""By how much it differs at least where the engine is a step behind, as it is meant to be with `--async_generate`."""


@pytest.fixture(scope='module')
def rows(grpo_run: GrpoRun) -> list[TracedRow]:
    return [row for batch in grpo_run.batches for row in batch]


def trajectory_of(row: TracedRow, run: GrpoRun) -> dict[str, Any]:
    found = [t for t in run.trajectories if list(t.sampled_ids) == trained_ids(row)]
    assert found, 'a row trains on ids that no trajectory sampled'
    return found[0]


def prompts_of(row: TracedRow) -> list[tuple[int, ...]]:
    """What stands before each generation of a row: everything up to each place where trained tokens begin."""
    labels = row.labels
    starts = [i for i in range(1, len(labels)) if labels[i] != IGNORED and labels[i - 1] == IGNORED]
    return [tuple(row.input_ids[:i]) for i in starts]


def readable(ids: Sequence[int], tokenizer: Any) -> str:
    """Ids as text, each picture as one tag."""
    text: str = tokenizer.decode(ids)
    while '<|image_pad|><|image_pad|>' in text:
        text = text.replace('<|image_pad|><|image_pad|>', '<|image_pad|>')
    return text.replace(IMAGE_IDS_TEXT, protocol.IMAGE_TAG)


def chat_before(trajectory: dict[str, Any]) -> str:
    """The chat up to the assistant's turn, from the words of the record."""
    (user,) = (m['content'] for m in trajectory.messages if m['role'] == 'user')
    turns = [('system', protocol.SYSTEM_PROMPT), ('user', user)]
    return ''.join(f'<|im_start|>{role}\n{text}<|im_end|>\n' for role, text in turns) + '<|im_start|>assistant\n'


def test_every_row_trains_on_exactly_the_ids_the_engine_sampled(grpo_run: GrpoRun, rows: list[TracedRow]) -> None:
    assert len(rows) == len(grpo_run.trajectories) == len(SCRIPT) * grpo_run.steps
    assert Counter(str(trained_ids(r)) for r in rows) == Counter(
        str(list(t.sampled_ids)) for t in grpo_run.trajectories
    )


def test_sampled_ids_decode_to_the_script(grpo_run: GrpoRun, tokenizer: Any) -> None:
    texts = {tokenizer.decode(list(t.sampled_ids)).replace('<|im_end|>', '') for t in grpo_run.trajectories}
    assert texts == {''.join(turns) for turns in SCRIPT}


def test_the_whole_turn_is_text_and_outputs_in_order(grpo_run: GrpoRun, rows: list[TracedRow], tokenizer: Any) -> None:
    for row in rows:
        trajectory = trajectory_of(row, grpo_run)
        turn = readable(row.input_ids, tokenizer).rpartition('<|im_start|>assistant\n')[2]
        assert turn.removesuffix('<|im_end|>') == trajectory.text


def test_the_engine_got_exactly_the_prompts_that_training_has(grpo_run: GrpoRun, rows: list[TracedRow]) -> None:
    trained = Counter(prompt for row in rows for prompt in prompts_of(row))
    assert not trained - Counter(grpo_run.prompts)
    assert len(grpo_run.prompts) == sum(map(len, SCRIPT)) * generated_batches(grpo_run)


def generated_batches(run: GrpoRun) -> int:
    """As many as are trained; a run that generates ahead ends with one that nothing waits for."""
    return run.steps + (run.engine == 'ahead')


def test_decoded_prompts_tell_the_trajectory_so_far(grpo_run: GrpoRun, tokenizer: Any) -> None:
    expected = Counter[str]()
    for trajectory in grpo_run.trajectories:
        outputs = trajectory.text.split(protocol.SANDBOX_CLOSE)[:-1]
        for n in range(len(outputs) + 1):
            so_far = ''.join(output + protocol.SANDBOX_CLOSE for output in outputs[:n])
            expected[chat_before(trajectory) + so_far] += 1
    assert not expected - Counter(readable(prompt, tokenizer) for prompt in grpo_run.prompts)
    assert expected.total() == sum(map(len, SCRIPT)) * grpo_run.steps


def test_no_token_of_sandbox_output_is_trained(rows: list[TracedRow], tokenizer: Any) -> None:
    assert any(protocol.SANDBOX_OPEN in tokenizer.decode(row.input_ids).rpartition('assistant\n')[2] for row in rows)
    assert not any(trains_sandbox_output(row, tokenizer) for row in rows)


def test_image_pads_are_untrained_and_as_many_as_pictures(
    grpo_run: GrpoRun, rows: list[TracedRow], tokenizer: Any
) -> None:
    pad = tokenizer.convert_tokens_to_ids('<|image_pad|>')
    rules = TokenRules(pad)
    for row in rows:
        trajectory = trajectory_of(row, grpo_run)
        pictures = len(trajectory.images) + sum(len(turn.images) for turn in trajectory.turns)
        assert len(rules.pad_runs(row.input_ids)) == pictures
        assert pad not in trained_ids(row)
    for batch in grpo_run.batches:
        assert [n for row in batch for n in rules.pad_runs(row.input_ids)] == batch[0].image_tokens


def test_prompts_are_untrained(rows: list[TracedRow], tokenizer: Any) -> None:
    for row in rows:
        prompt, _, _ = tokenizer.decode(row.input_ids).rpartition('<|im_start|>assistant\n')
        n_prompt = len(tokenizer.encode(prompt + '<|im_start|>assistant\n'))
        assert set(row.labels[:n_prompt]) == {-100}


def test_both_code_rounds_return_their_picture(grpo_run: GrpoRun) -> None:
    from PIL import Image

    found = []
    for trajectory in grpo_run.trajectories:
        names = [name for turn in trajectory.turns for name in turn.images]
        sizes = []
        for name in names:
            with Image.open(f'{trajectory.folder}/{name}') as image:
                assert image.convert('L').getextrema()[0] < 60
                sizes.append(image.size)
        found += [sizes] if sizes else []
    assert found == [[(140, 140), (280, 280)]] * grpo_run.steps


def test_each_way_out_has_its_reason(grpo_run: GrpoRun) -> None:
    reasons = Counter(t.stop_reason for t in grpo_run.trajectories)
    assert reasons == {'answer': 3 * grpo_run.steps, 'end_of_turn': grpo_run.steps}


def test_rewards_follow_the_papers_formula(grpo_run: GrpoRun) -> None:
    by_text = {t.text.rpartition('<answer>')[0][:12]: t.rewards for t in grpo_run.trajectories}
    right = by_text['<think>The n']
    assert (right['fmt_orm'], right['vqa_orm'], right['cst_orm']) == (0.5, 1.0, 0.5)
    wrong = by_text['<think>Easy.']
    assert (wrong['fmt_orm'], wrong['vqa_orm'], wrong['cst_orm']) == (0.5, 0.0, 0.0)


def test_failing_code_is_data_and_not_a_failure_of_the_run(grpo_run: GrpoRun) -> None:
    outcomes = Counter(turn.outcome for t in grpo_run.trajectories for turn in t.turns if turn.outcome)
    assert outcomes == {'ok': 3 * grpo_run.steps, 'code_error': grpo_run.steps}


def test_the_verifier_finds_every_trajectory_and_every_row_sound(
    grpo_run: GrpoRun, rows: list[TracedRow], tokenizer: Any
) -> None:
    assert [t.quarantine_reason for t in grpo_run.trajectories if t.quarantined] == []
    rules = TokenRules(tokenizer.convert_tokens_to_ids('<|image_pad|>'))
    for batch in grpo_run.batches:
        ids = [token_id for row in batch for token_id in row.input_ids]
        rules.check_row(ids, [label for row in batch for label in row.labels], batch[0].image_tokens)


def test_a_vllm_engine_gives_a_log_prob_for_each_sampled_token_and_the_trainer_finds_them_right(
    grpo_run: GrpoRun,
) -> None:
    if grpo_run.engine == 'transformers':
        pytest.skip('the transformers engine is not asked for log-probs: it samples with the weights that are trained')
    for trajectory in grpo_run.trajectories:
        assert len(trajectory.sampled_logprobs) == len(trajectory.sampled_ids)
    differences = logged(grpo_run.output_dir, 'rollout_correction/log_ppl_diff')
    assert len(differences) == grpo_run.steps
    if grpo_run.engine == 'ahead':
        one_behind = differences.pop(1)
        assert abs(one_behind) > MOVED
    assert max(map(abs, differences)) < LOG_PPL_ROUNDING


def test_rollout_figures_of_every_step_are_in_the_trainers_log(grpo_run: GrpoRun) -> None:
    rounds, pictures = sum(map(len, SCRIPT)) / len(SCRIPT), 2 / len(SCRIPT)
    assert logged(grpo_run.output_dir, 'thyme/rollout/rounds') == [rounds] * grpo_run.steps
    assert logged(grpo_run.output_dir, 'thyme/rollout/images') == [pictures] * grpo_run.steps
    assert logged(grpo_run.output_dir, 'thyme/rollout/quarantined') == [0] * grpo_run.steps


def test_every_steps_trajectories_are_on_disk(grpo_run: GrpoRun) -> None:
    assert Counter(t.step for t in grpo_run.trajectories) == dict.fromkeys(range(grpo_run.steps), len(SCRIPT))
