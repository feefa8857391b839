from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift_thyme.errors import ConfigError
from swift_thyme.launch.batch import derive, hostfile_processes


@pytest.mark.parametrize('processes', [1, 2, 4, 8, 16, 32, 64, 128])
def test_the_papers_batches_are_kept_for_every_power_of_two(processes: int) -> None:
    assert derive(128, processes).total == 128
    assert derive(256, processes, multiple_of=4).total == 256


def test_the_nearest_batch_is_taken_where_it_does_not_divide() -> None:
    assert derive(128, 6).total == 126
    assert derive(128, 48).total == 144
    assert derive(128, 256).total == 256


@given(st.integers(1, 1024), st.integers(1, 256), st.integers(1, 8), st.integers(1, 16))
def test_no_other_accumulation_comes_closer(wanted: int, processes: int, per_device: int, group: int) -> None:
    batch = derive(wanted, processes, per_device, multiple_of=group)
    assert batch.total % group == 0
    once = processes * per_device
    others = [once * n for n in range(1, 2 * (wanted // once + group) + 1) if once * n % group == 0]
    assert abs(batch.total - wanted) == min(abs(total - wanted) for total in others)


def test_a_batch_below_one_is_refused() -> None:
    with pytest.raises(ConfigError, match='>= 1'):
        derive(0, 8)


def test_a_hostfile_counts_its_slots(tmp_path: Path) -> None:
    path = tmp_path / 'hostfile'
    path.write_text('# nodes\nworker-1 slots=8\n\nworker-2 slots=4  # half\n')
    assert hostfile_processes(path) == 12


@pytest.mark.parametrize('content', ['', '# none\n', 'worker-1\n', 'worker-1 slots=x\n'])
def test_a_hostfile_without_slots_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / 'hostfile'
    path.write_text(content)
    with pytest.raises(ConfigError, match='slots=8'):
        hostfile_processes(path)
