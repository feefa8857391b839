"""Two real ranks over gloo: a group that lies on both is one group, and an outage on one stops both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def two_ranks(case: str, folder: Path) -> list[Any]:
    env = {
        **os.environ,
        'REWARD_API_ADDRESS': 'http://127.0.0.1:9',
        'THYME_JUDGE_OUTAGE_LIMIT_S': '0.3',
        'THYME_JUDGE_CACHE': 'off',
        'PYTHONPATH': os.pathsep.join(sys.path),
    }
    words = [sys.executable, '-m', 'tests.rewards.rank_worker', case]
    ranks = [
        subprocess.Popen([*words, str(i), str(folder / 'meet')], stdout=subprocess.PIPE, text=True, env=env)
        for i in range(2)
    ]
    return [json.loads(rank.communicate(timeout=240)[0].splitlines()[-1]) for rank in ranks]


def test_mean_is_that_of_the_whole_group(tmp_path: Path) -> None:
    first, second = two_ranks('aside', tmp_path)
    assert first == [1.0, pytest.approx(1 / 3)]
    assert second == [0.0, 0.0]


def test_outage_on_one_rank_stops_both_with_the_same_message(tmp_path: Path) -> None:
    first, second = two_ranks('outage', tmp_path)
    assert first == second
    assert 'http://127.0.0.1:9/v1: cannot connect' in first
