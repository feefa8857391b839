"""What becomes of a batch once every reward has spoken, on a trainer and samples of the host's own types."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from swift.rl_core.advantage import compute_advantages
from swift.rl_core.data import GRPOSample

from swift_thyme.errors import MachineryDown
from swift_thyme.host import scoring
from swift_thyme.rewards.bound import Loss, SetAsideBound
from swift_thyme.rewards.trajectory import SetAside
from swift_thyme.trajectories.record import EVAL_FOLDER, FOLDER, read_trajectories
from tests.rewards.test_neutral import by_hand

PROMPT = [{'role': 'user', 'content': '<image>Which number?'}]


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (('_BOUND', SetAsideBound()), ('_RECORDERS', {}), ('_TALLIES', []), ('_JUDGE_LOSSES', {})):
        monkeypatch.setattr(scoring, name, value)


def sample(name: str, image: str, **info: Any) -> GRPOSample:
    """One of the host's, as its rollout leaves it; every question has the same words."""
    base = {'text': '<answer>42</answer>', 'stop_reason': 'answer', 'code_blocks': 0, 'turns': [{'text': 'x'}]}
    return GRPOSample(
        messages=[*PROMPT, {'role': 'assistant', 'content': 'x'}],
        images=[image],
        prompt_id='prompt_0',
        request_id=name,
        extra={'solution': '42'},
        rollout_infos={'thyme': {**base, **info}},
    )


def trainer(folder: Path, *, training: bool = True, step: int = 0) -> Any:
    return SimpleNamespace(
        num_generations=4,
        num_generations_eval=2,
        dynamic_num_samples=False,
        model=SimpleNamespace(training=training),
        state=SimpleNamespace(global_step=step),
        args=SimpleNamespace(output_dir=str(folder)),
        reward_func_names=['vqa_orm', 'MyOwn'],
    )


SAME_WORDS = [
    *(sample(f'a{i}', 'one.png', **({'quarantined': True} if i == 3 else {})) for i in range(4)),
    *(sample(f'b{i}', 'two.png') for i in range(4)),
]


def test_two_questions_of_one_wording_are_two_groups_whoever_wrote_the_rewards(tmp_path: Path) -> None:
    scoring.note_judge_losses({'b0': Loss(SetAside.JUDGE_UNAVAILABLE)})
    rewards = torch.tensor([[0, 0.1], [1, 0.2], [0, 0], [0, 0], [0, 0], [1, 0], [1, 0.5], [1, 1]])
    settled = scoring.settle(trainer(tmp_path), SAME_WORDS, rewards)
    found, _ = compute_advantages(settled, torch.tensor([1.0, 2.0]), 4)
    expected = [*by_hand([0.2, 1.4, 0.0, None]), *by_hand([None, 1.0, 2.0, 3.0])]
    assert found.tolist() == pytest.approx(expected, abs=1e-6)


def test_evaluation_has_its_own_size_of_groups(tmp_path: Path) -> None:
    rewards = torch.tensor([[0.0], [1.0], [3.0], [9.0]])
    settled = scoring.settle(trainer(tmp_path, training=False), SAME_WORDS[:4], rewards)
    assert settled.flatten().tolist() == [0.0, 1.0, 3.0, 3.0]


def test_too_many_losses_stop_the_run(tmp_path: Path) -> None:
    lost = [sample(str(i), 'a', stop_reason='sandbox_failure', error='SessionDead: gone') for i in range(2)]
    for _ in range(2):
        scoring.settle(trainer(tmp_path), lost, torch.zeros(2, 1))
    with pytest.raises(MachineryDown, match=r'6 sandbox_failure \(SessionDead: gone\)'):
        scoring.settle(trainer(tmp_path), lost, torch.zeros(2, 1))


def written(folder: Path) -> list[dict[str, Any]]:
    return read_trajectories(folder / FOLDER)


def record(folder: Path, **kwargs: Any) -> None:
    samples = SAME_WORDS
    for i, one in enumerate(samples):
        one.advantages = torch.tensor(i / 8)
    made = trainer(folder, **kwargs)
    made._rewards_per_func = torch.tensor([[float(i), float('nan')] for i in range(8)])
    scoring.record(made, samples)


def test_the_record_has_groups_advantages_and_every_reward_by_name(tmp_path: Path) -> None:
    record(tmp_path)
    record(tmp_path)
    found = written(tmp_path)
    assert [t['prompt_id'] for t in found] == [f'prompt_{i}' for i in (0, 1, 2, 3) for _ in range(4)]
    assert [t['advantage'] for t in found[:8]] == [i / 8 for i in range(8)]
    assert found[5]['rewards'] == {'vqa_orm': 5.0, 'MyOwn': None}
    assert scoring.take_tally().trajectories == 16


def test_evaluation_is_recorded_apart_and_not_counted(tmp_path: Path) -> None:
    record(tmp_path, training=False)
    assert not (tmp_path / FOLDER).exists() and len(read_trajectories(tmp_path / EVAL_FOLDER)) == 8
    assert scoring.take_tally().trajectories == 0


def test_a_resumed_run_writes_its_steps_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for step in (0, 1, 2):
        record(tmp_path, step=step)
    monkeypatch.setattr(scoring, '_RECORDERS', {})
    record(tmp_path, step=1)
    assert [t['step'] for t in written(tmp_path)] == [0] * 8 + [1] * 8


def test_records_can_be_read_as_json(tmp_path: Path) -> None:
    record(tmp_path)
    for line in next((tmp_path / FOLDER).rglob('*.jsonl')).read_text().splitlines():
        json.loads(line, parse_constant=lambda word: pytest.fail(f'{word} is no JSON'))
