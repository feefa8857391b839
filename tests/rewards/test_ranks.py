"""Two real ranks over gloo: a group that lies on both is one group, and an outage on one stops both."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def two_ranks(case: str) -> list[Any]:
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    env = {
        **os.environ,
        'REWARD_API_ADDRESS': 'http://127.0.0.1:9',
        'THYME_JUDGE_OUTAGE_LIMIT_S': '0.3',
        'THYME_JUDGE_CACHE': 'off',
        'PYTHONPATH': os.pathsep.join(sys.path),
        'WORLD_SIZE': '2',
        'MASTER_ADDR': '127.0.0.1',
        'MASTER_PORT': str(port),
    }
    words = [sys.executable, '-m', 'tests.rewards.rank_worker', case]
    ranks = [
        subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=env | {'RANK': str(i), 'LOCAL_RANK': str(i)})
        for i in range(2)
    ]
    return [json.loads(rank.communicate(timeout=240)[0].splitlines()[-1]) for rank in ranks]


def test_mean_is_that_of_the_whole_group() -> None:
    first, second = two_ranks('aside')
    assert first == second == [1.0, pytest.approx(1 / 3), 0.0, 0.0]


def test_outage_on_one_rank_stops_both_with_the_same_message() -> None:
    first, second = two_ranks('outage')
    assert first == second
    assert 'http://127.0.0.1:9/v1: cannot connect' in first
