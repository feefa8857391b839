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

from swift_thyme.config import RewardSettings
from swift_thyme.errors import MachineryDown
from swift_thyme.host.rewards import REWARDS
from swift_thyme.host.scoring import Scoring
from swift_thyme.host.state import RunState
from swift_thyme.report.tally import RunTally
from swift_thyme.rewards.bound import Loss
from swift_thyme.trajectories import Fate, Phase, Record, read_records
from swift_thyme.trajectories.record import EVAL_FOLDER, FOLDER
from swift_thyme.types import SetAside
from tests.rewards.test_neutral import by_hand

PROMPT = [{'role': 'user', 'content': '<image>Which number?'}]


def sample(name: str, image: str, **info: Any) -> GRPOSample:
    """One of the host's, as its rollout leaves it; every question has the same words."""
    base = {'text': '<answer>42</answer>', 'stop_reason': 'answer', 'turns': [{'text': 'x'}], 'sampled_ids': [1]}
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
        reward_funcs=[SimpleNamespace(skips_set_aside=True), SimpleNamespace()],
        overlong_filter=False,
    )


SAME_WORDS = [
    *(sample(f'a{i}', 'one.png', **({'quarantined': True} if i == 3 else {})) for i in range(4)),
    *(sample(f'b{i}', 'two.png') for i in range(4)),
]


def test_two_questions_of_one_wording_are_two_groups_whoever_wrote_the_rewards(tmp_path: Path) -> None:
    scoring = Scoring()
    scoring.note_judge_losses({'b0': Loss(SetAside.JUDGE_UNAVAILABLE)})
    rewards = torch.tensor([[0, 0.1], [1, 0.2], [0, 0], [0, 0], [0, 0], [1, 0], [1, 0.5], [1, 1]])
    settled = scoring.settle(trainer(tmp_path), SAME_WORDS, rewards)
    found, _ = compute_advantages(settled, torch.tensor([1.0, 2.0]), 4)
    expected = [*by_hand([0.2, 1.4, 0.0, None]), *by_hand([None, 1.0, 2.0, 3.0])]
    assert found.tolist() == pytest.approx(expected, abs=1e-6)


def test_evaluation_has_its_own_size_of_groups(tmp_path: Path) -> None:
    rewards = torch.tensor([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0], [9.0, 0.0]])
    settled = Scoring().settle(trainer(tmp_path, training=False), SAME_WORDS[:4], rewards)
    assert settled[:, 0].tolist() == [0.0, 1.0, 3.0, 3.0]


def test_too_many_losses_stop_the_run(tmp_path: Path) -> None:
    lost = [sample(str(i), 'a', stop_reason='sandbox_failure', error='SessionDead: gone') for i in range(2)]
    scoring = Scoring()
    for _ in range(2):
        scoring.settle(trainer(tmp_path), lost, torch.zeros(2, 2))
    with pytest.raises(MachineryDown, match=r'6 sandbox_failure \(SessionDead: gone\)'):
        scoring.settle(trainer(tmp_path), lost, torch.zeros(2, 2))


def written(folder: Path) -> list[Record]:
    return list(read_records(folder / FOLDER))


def score(scoring: Scoring, made: Any, samples: list[GRPOSample], rewards: list[list[float]]) -> None:
    """As the host does once its rewards have spoken."""
    made._rewards_per_func = scoring.settle(made, samples, torch.tensor(rewards))


def record(scoring: Scoring, folder: Path, samples: list[GRPOSample] = SAME_WORDS, **kwargs: Any) -> None:
    """One batch, scored and trained."""
    made = trainer(folder, **kwargs)
    score(scoring, made, samples, [[float(i), float('nan')] for i in range(len(samples))])
    for i, one in enumerate(samples):
        one.advantages = torch.tensor(i / 8)
    scoring.record(made, samples)


def test_the_record_has_groups_advantages_and_every_reward_by_name(tmp_path: Path) -> None:
    scoring = Scoring()
    record(scoring, tmp_path)
    record(scoring, tmp_path)
    found = written(tmp_path)
    assert [t.prompt_id for t in found] == [f'prompt_{i}' for i in (0, 1, 2, 3) for _ in range(4)]
    assert [t.advantage for t in found[:8]] == [i / 8 for i in range(8)]
    assert found[5].rewards == {'vqa_orm': 5.0, 'MyOwn': None} and found[5].rewards_given == {}
    assert {t.phase for t in found} == {Phase.TRAIN} and {t.logged_step for t in found} == {1}
    assert scoring.take_tally().trajectories == 16


def test_what_a_reward_gave_is_told_apart_from_the_mean_that_stands_for_it(tmp_path: Path) -> None:
    samples = [sample(f'a{i}', 'one.png', **({'quarantined': True} if i == 3 else {})) for i in range(4)]
    scoring, made = Scoring(), trainer(tmp_path)
    score(scoring, made, samples, [[0.0, 1.0], [1.0, 1.0], [2.0, 1.0], [0.0, 0.5]])
    for one in samples:
        one.advantages = torch.tensor(0.0)
    scoring.record(made, samples)
    aside = written(tmp_path)[3]
    assert aside.rewards == {'vqa_orm': 1.0, 'MyOwn': 1.0}
    assert aside.rewards_given == {'vqa_orm': None, 'MyOwn': 0.5}


def test_a_record_says_whether_it_was_trained_set_aside_or_left_out(tmp_path: Path) -> None:
    samples = [
        sample('a', 'one.png'),
        sample('b', 'one.png', stop_reason='sandbox_failure', quarantined=True),
        sample('c', 'one.png', sampled_ids=[]),
        sample('d', 'one.png', stop_reason='length'),
    ]
    samples[3].finish_reason = 'length'
    scoring, made = Scoring(), trainer(tmp_path)
    made.overlong_filter = True
    score(scoring, made, samples, [[1.0, 0.0]] * 4)
    for one in samples:
        one.advantages = torch.tensor(0.0)
    scoring.record(made, samples)
    assert [t.fate for t in written(tmp_path)] == [Fate.TRAINED, Fate.SET_ASIDE, Fate.LEFT_OUT, Fate.LEFT_OUT]


def test_groups_that_dynamic_sampling_throws_away_are_written_as_such_and_counted_nowhere(tmp_path: Path) -> None:
    first = [sample(f'{group}{i}', 'one.png') for group in 'ab' for i in range(4)]
    second = [sample(f'{group}{i}', 'one.png') for group in 'cd' for i in range(4)]
    scoring, made = Scoring(), trainer(tmp_path)
    score(scoring, made, first, [[1.0, 0.0]] * 8)
    score(scoring, made, second, [[1.0, 0.0]] * 8)
    kept = [*first[4:], *second[:4]]
    for one in kept:
        one.advantages = torch.tensor(0.25)
    made._rewards_per_func = made._rewards_per_func[:8]
    scoring.record(made, kept)
    found = {t.request_id: t for t in written(tmp_path)}
    assert {name for name, t in found.items() if t.fate is Fate.TRAINED} == {one.request_id for one in kept}
    thrown = [t for t in found.values() if t.fate is Fate.THROWN_AWAY]
    assert {t.request_id[0] for t in thrown} == {'a', 'd'} and {t.advantage for t in thrown} == {None}
    assert all(t.rewards['vqa_orm'] == 1.0 for t in thrown)
    groups = {frozenset(t.request_id[0] for t in found.values() if t.prompt_id == p) for p in
              {t.prompt_id for t in found.values()}}  # fmt: skip
    assert groups == {frozenset(name) for name in 'abcd'}
    assert scoring.take_tally().trajectories == 8
    assert RunTally.of(written(tmp_path)).n == 8


def test_evaluation_is_recorded_apart_and_not_counted(tmp_path: Path) -> None:
    scoring = Scoring()
    record(scoring, tmp_path, training=False, step=7)
    found = list(read_records(tmp_path / EVAL_FOLDER))
    assert not (tmp_path / FOLDER).exists() and len(found) == 8
    assert {t.phase for t in found} == {Phase.EVALUATION} and {t.logged_step for t in found} == {7}
    assert {t.fate for t in found} == {None, Fate.SET_ASIDE}
    assert scoring.take_tally().trajectories == 0


def test_the_folder_of_trajectories_has_the_bound_of_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('THYME_TRAJECTORY_MB', '0')
    scoring = Scoring()
    for step in range(3):
        record(scoring, tmp_path, step=step)
    assert [folder.name for folder in (tmp_path / FOLDER).iterdir()] == ['step-000002']


def test_a_resumed_run_writes_its_steps_once_and_numbers_its_lives(tmp_path: Path) -> None:
    scoring = Scoring()
    for step in (0, 1, 2):
        record(scoring, tmp_path, step=step)
    record(Scoring(), tmp_path, step=1)
    assert [(t.step, t.life) for t in written(tmp_path)] == [(0, 0)] * 8 + [(1, 1)] * 8
    record(Scoring(), tmp_path, step=2)
    assert [t.life for t in written(tmp_path)] == [0] * 8 + [1] * 8 + [2] * 8


def test_records_can_be_read_as_json(tmp_path: Path) -> None:
    record(Scoring(), tmp_path)
    for line in next((tmp_path / FOLDER).rglob('*.jsonl')).read_text().splitlines():
        json.loads(line, parse_constant=lambda word: pytest.fail(f'{word} is no JSON'))


def test_two_runs_live_side_by_side_in_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('REWARD_API_ADDRESS', 'http://127.0.0.1:9/v1')
    runs = [RunState(), RunState()]
    rewards = [REWARDS['fmt_orm'](state=run) for run in runs]
    runs[0].scorer.settings = RewardSettings(fmt_weight=5.0)
    columns = {'rollout_infos': [{}], 'request_id': ['r']}
    text = ['<think>It is blue.</think>\n<answer>B</answer>']
    assert [reward(text, **columns) for reward in rewards] == [[5.0], [0.5]]
    runs[0].learn(text_temperature=0.7)
    assert [run.facts.text_temperature for run in runs] == [0.7, 1.0]
    record(runs[0].scoring, tmp_path / 'a')
    record(runs[1].scoring, tmp_path / 'b')
    assert [len(written(tmp_path / name)) for name in 'ab'] == [8, 8]
    assert runs[0].scoring.take_tally().trajectories == runs[1].scoring.take_tally().trajectories == 8
    assert runs[0].image_dir != runs[1].image_dir and runs[0].sandbox is not runs[1].sandbox
    for run in runs:
        run.scorer.close()
