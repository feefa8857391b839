"""RL learns for the right reason: paid for the answer it finds the crop that shows it, else it leaves it.

Every step is the host's command; the policy samples, nothing is scripted.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from swift_thyme.demo.host_command import HostCommand, run
from swift_thyme.demo.quickstart import judge
from swift_thyme.demo.tiny import SMALL_VOCAB, build_tiny
from swift_thyme.launch.legacy import packaged_plugin

from . import two_dots as dots
from .two_dots import Found

pytestmark = [pytest.mark.host, pytest.mark.timeout(1800)]
COUNTER_PLUGIN = Path(__file__).parents[1] / 'plugins' / 'wrong_answer_plugin.py'
ENVIRONMENT = {'MAX_PIXELS': str(dots.MAX_PIXELS), 'HF_HUB_OFFLINE': '1', 'OMP_NUM_THREADS': '1'}


@dataclass(frozen=True)
class Trained:
    """Three checkpoints and the rows."""

    lesson: dots.Lesson
    taught: Path
    right: Path
    """RL paid for the answer."""
    wrong: Path
    """RL paid for the answer that is wrong."""


@pytest.fixture(scope='module')
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    root = tmp_path_factory.mktemp('dots')
    lesson = dots.write_lesson(root / 'rows')
    build_tiny(root / 'tiny', byte_pairs=SMALL_VOCAB)
    taught = _train('sft', root / 'sft', root / 'tiny', lesson.sft, packaged_plugin(), dots.sft_flags())
    paid = {
        'right': (packaged_plugin(), dots.rl_flags()),
        'wrong': (COUNTER_PLUGIN, dots.rl_flags('fmt_orm', 'wrong_answer')),
    }
    with judge(root / 'judge.log') as address, ThreadPoolExecutor() as beside:
        host, _, port = address.partition(':')
        env = {'REWARD_API_ADDRESS': host, 'QWEN_API_PORT': port, 'THYME_JUDGE_CACHE': 'off'}
        runs = {
            name: beside.submit(_train, 'rlhf', root / name, taught, lesson.rl, plugin, flags, env)
            for name, (plugin, flags) in paid.items()
        }
        return Trained(lesson, taught, **{name: run.result() for name, run in runs.items()})


def _train(
    method: str,
    out: Path,
    model: Path,
    rows: Path,
    plugin: Path | str,
    flags: dict[str, object],
    env: dict[str, str] | None = None,
) -> Path:
    """Runs one stage and returns its checkpoint."""
    named = {'model': model, 'dataset': rows, 'external_plugins': plugin, 'output_dir': out}
    run(HostCommand(method, {**named, **flags}), log=out.with_suffix('.log'), env={**ENVIRONMENT, **(env or {})})
    return out / f'checkpoint-{flags["max_steps"]}'


def share_right(model: Path, *rows: Path, each: int, monkeypatch: pytest.MonkeyPatch) -> float:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    counted: Counter[Found] = Counter()
    for path in rows:
        counted += dots.sample(model, path, each=each)
    return float(counted[Found.RIGHT] / counted.total())


@pytest.mark.skip(reason='not seen to pass yet: see docs/dev-log/core.md, the lesson of the two dots')
def test_rl_finds_the_right_crop_and_the_wrong_reward_the_wrong_one(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions = (trained.lesson.rl, trained.lesson.held_out)
    before, after, counter = (
        share_right(model, *questions, each=8, monkeypatch=monkeypatch)
        for model in (trained.taught, trained.right, trained.wrong)
    )
    held_out = share_right(trained.right, trained.lesson.held_out, each=16, monkeypatch=monkeypatch)
    print(f'before {before:.2f}, after {after:.2f}, held out {held_out:.2f}, counter-test {counter:.2f}')
    assert before < 0.6 and after > 0.9 and counter < 0.2 and held_out > 0.85
