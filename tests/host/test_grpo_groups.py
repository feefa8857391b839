"""Real RL steps on two questions that are asked in the same words, with ours and somebody else's reward."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from swift_thyme import protocol
from swift_thyme.demo.host_command import HostCommand, logged, run
from swift_thyme.trajectories import Record, read_records
from swift_thyme.trajectories.record import FOLDER
from tests.rewards.test_neutral import by_hand

from .conftest import grpo_flags, run_environment

pytestmark = pytest.mark.host
PLUGIN = Path(__file__).parents[1] / 'plugins' / 'own_reward_plugin.py'


def answer(digit: int, words: str) -> list[str]:
    return [f'<think>{words}.</think>\n<answer>{digit}</answer>']


def code(digit: int, comment: str) -> list[str]:
    return [f'<think>Sum. <code>\nprint({digit})  {comment}\n</code>', f'So.</think>\n<answer>{digit}</answer>']


SCRIPT = [
    *(code(1, '# lost'), code(2, '# kept'), answer(3, 'Easy'), answer(1, 'Plain')),  # one lost, one with code counts
    *(code(5, '# lost'), answer(2, 'Sure'), answer(9, 'Right'), answer(4, 'Fine')),  # only those without code are left
]
LOST = (0, 4)


def by_index(out: Path) -> list[Record]:
    """The trajectories in the order of `SCRIPT`."""
    found = {t.turns[0].text: t for t in read_records(out / FOLDER)}
    return [found[turns[0]] for turns in SCRIPT]


@pytest.fixture(scope='module', params=['own', 'ours'])
def same_words_run(
    request: pytest.FixtureRequest, tiny: Path, judge_address: str, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """One step; `own` names somebody else's reward alone, `ours` the format check beside it."""
    folder = tmp_path_factory.mktemp(request.param)
    rows = []
    for colour in ('white', 'navy'):
        path = folder / f'{colour}.png'
        Image.new('RGB', (640, 480), colour).save(path)
        prompt = protocol.render_user_prompt('Which number?', [protocol.PromptImage('images/1.png', 640, 480)])
        rows.append({'messages': [{'role': 'user', 'content': prompt}], 'images': [str(path)], 'solution': '1'})
    dataset, script = folder / 'rl.jsonl', folder / 'script.json'
    dataset.write_text(''.join(json.dumps(row) + '\n' for row in rows))
    script.write_text(json.dumps(SCRIPT))
    flags: dict[str, object] = {
        'external_plugins': PLUGIN,
        'callbacks': 'thyme_rewards',
        'reward_funcs': ['own_reward', *['fmt_orm'] * (request.param == 'ours')],
        'per_device_train_batch_size': 8,
        'max_steps': 1,
    }
    env = run_environment(script, judge_address, folder / 'batches')
    run(HostCommand('rlhf', grpo_flags(tiny, dataset, folder / 'out', **flags)), log=folder / 'log', env=env)
    return folder / 'out'


def test_advantages_are_those_of_the_hand(same_words_run: Path) -> None:
    found = by_index(same_words_run)
    assert [i for i, t in enumerate(found) if t.quarantined] == list(LOST)
    expected = by_hand([None, 2.0, 3.0, 1.0]) + [0.0] * 4
    assert [t.advantage for t in found] == pytest.approx(expected, abs=1e-6)


def test_a_group_is_one_question_with_its_picture(same_words_run: Path) -> None:
    found = by_index(same_words_run)
    assert [t.prompt_id for t in found] == ['prompt_0'] * 4 + ['prompt_1'] * 4
    assert len({t.images[0] for t in found[:4]}) == 1 and found[0].images != found[4].images


def test_every_reward_is_recorded_and_the_figures_are_there(same_words_run: Path) -> None:
    found = by_index(same_words_run)
    assert [t.rewards['OwnReward'] for t in found] == pytest.approx([2.0, 2.0, 3.0, 1.0] + [5.0] * 4)
    assert logged(same_words_run, 'thyme/rollout/tool_use_rate') == [3 / 8]
    assert logged(same_words_run, 'thyme/rollout/quarantined') == [2.0]
