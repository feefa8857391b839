"""What `tests/gpu/recipes.py` reads from the host's log; needs no GPU."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .recipes import figures


def test_the_first_step_and_saving_do_not_count_as_seconds_a_step(tmp_path: Path) -> None:
    speeds = [7.751, 5.64, 4.845, 4.461]
    records = [
        {'loss': '1', 'global_step/max_steps': f'{i}/4', 'memory(GiB)': '19.31', 'train_speed(s/it)': str(speed)}
        for i, speed in enumerate(speeds, start=1)
    ]
    last = {'train_runtime': '37.49', 'global_step/max_steps': '4/4', 'train_speed(s/it)': '9.373'}
    (tmp_path / 'logging.jsonl').write_text('\n'.join(map(json.dumps, [*records, last])))
    done, seconds, memory = figures(tmp_path)
    assert (done, memory) == (4, 19.31)
    assert seconds == pytest.approx((4 * 4.461 - 7.751) / 3)


def test_a_run_that_logged_nothing_has_no_figures(tmp_path: Path) -> None:
    assert figures(tmp_path) == (0, None, None)
