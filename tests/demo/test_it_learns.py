"""RL learns for the right reason: paid for the answer it finds the crop that shows it, else it leaves it.

The quickstart as a user runs it, and its RL stage once more with the wrong answer paid. The policy samples, nothing is
scripted.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from swift_thyme.demo.lessons import share_right
from swift_thyme.demo.quickstart import Quickstart
from swift_thyme.demo.summary import learnt

pytestmark = [pytest.mark.host, pytest.mark.timeout(1800)]
COUNTER_PLUGIN = Path(__file__).parents[1] / 'plugins' / 'wrong_answer_plugin.py'


@pytest.mark.slow
def test_rl_finds_the_right_crop_and_the_wrong_reward_the_wrong_one(tmp_path: Path) -> None:
    quick = Quickstart(tmp_path / 'quickstart', lambda *_: None, lambda *_: None)
    summary = quick.run()
    quick.reinforce('counter', COUNTER_PLUGIN, ['fmt_orm', 'wrong_answer'])
    before, after, counter = (
        share_right(quick.checkpoint(name), quick.lesson.rl, quick.lesson.held_out, each=8)
        for name in ('sft-2', 'grpo', 'counter')
    )
    held_out = summary['held_out']['grpo']
    print(f'before {before:.2f}, after {after:.2f}, held out {held_out:.2f}, counter-test {counter:.2f}')
    assert before < 0.6 and after > 0.9 and counter < 0.2 and held_out > 0.85
    assert learnt(summary)
    for name, stage in summary['stages'].items():
        assert stage['rows_verified'] == stage['rows'] > 0, name
