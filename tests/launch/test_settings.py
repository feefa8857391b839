from __future__ import annotations

import pytest

from swift_thyme.errors import ConfigError
from swift_thyme.launch.settings import LaunchSettings


def test_processes_are_those_of_all_nodes() -> None:
    env = {'NPROC_PER_NODE': '8', 'NNODES': '4', 'NODE_RANK': '3', 'MASTER_ADDR': '10.0.0.1'}
    assert LaunchSettings.from_env(env).processes == 32


@pytest.mark.parametrize(
    'env',
    [
        {'NNODES': '2'},
        {'NNODES': '2', 'NODE_RANK': '0'},
        {'NNODES': '2', 'MASTER_ADDR': '10.0.0.1'},
        {'NNODES': '2', 'NODE_RANK': '2', 'MASTER_ADDR': '10.0.0.1'},
        {'NPROC_PER_NODE': '0'},
        {'NPROC_PER_NODE': 'eight'},
    ],
)
def test_a_job_that_cannot_meet_is_refused_with_the_variable_to_set(env: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match='set'):
        LaunchSettings.from_env(env)


def test_variables_of_a_file_lie_beneath_those_that_are_set() -> None:
    settings = LaunchSettings.from_env({'NPROC_PER_NODE': '2'}, {'NPROC_PER_NODE': '8', 'MAX_PIXELS': '100'})
    assert settings.processes == 2
    assert dict(settings.shown) == {'NPROC_PER_NODE': '2', 'MAX_PIXELS': '100'}
