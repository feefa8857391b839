"""A set that is made without a word about difficulty needs the tool."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from swift_thyme.data.synth import SetSpec, generate
from swift_thyme.data.synth.cli import difficulty
from swift_thyme.data.synth.readable import share_of_set
from swift_thyme.data.synth.tasks import TASKS
from swift_thyme.evaluate.options import add_set_arguments


@pytest.mark.slow
@pytest.mark.parametrize('task', [name for name in TASKS if name not in ('no_tool', 'compute')])
def test_little_of_a_default_picture_task_can_be_read_without_a_tool(task: str, tmp_path: Path) -> None:
    generate(SetSpec(task=task, n=6), tmp_path)
    found = share_of_set(tmp_path)
    assert found is not None and found[1] <= 0.05


def test_an_evaluation_makes_the_set_that_synth_makes() -> None:
    parser = argparse.ArgumentParser()
    add_set_arguments(parser)
    made = parser.parse_args([])
    assert (made.canvas, difficulty(made.difficulty)) == (SetSpec().canvas, SetSpec().difficulty)
