"""A Hugging Face data set is streamed by its id: no file of it is stored, and what is finished is not fetched again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from swift_thyme.data.prepare.writer import read_rows
from swift_thyme.data.sources import plan
from swift_thyme.errors import DataError

from . import public
from .hub import hub


def prepare(endpoint: str, out: Path, home: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        'HF_ENDPOINT': endpoint,
        'HF_HOME': str(home),
        'HF_HUB_OFFLINE': '0',
        'HF_HUB_DISABLE_XET': '1',
    }
    command = [sys.executable, '-m', 'swift_thyme.cli', 'prepare', 'sft', *flags, '--out', str(out), '--workers', '1']
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_mistyped_name_in_a_folder_that_is_there_asks_no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'examples' / 'dataset').mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match='in examples there is dataset'):
        plan(['examples/datset'])


@pytest.mark.slow
def test_a_data_set_is_streamed_by_its_id_and_resumed(tmp_path: Path) -> None:
    planted = [public.sft_shard(seed, good=2) for seed in range(2)]
    for i, shard in enumerate(planted):
        public.write_parquet(tmp_path / 'repo' / 'data' / f'2round-{i:05d}-of-00218.parquet', shard.rows)
    (tmp_path / 'repo' / 'README.md').write_text('card')
    with hub(tmp_path / 'repo') as (endpoint, fetched):
        first = prepare(endpoint, tmp_path / 'out', tmp_path / 'home', 'org/thyme', '--shards', '1')
        assert first.returncode == 0, first.stderr
        assert {name for name, _ in fetched} == {'2round-00000-of-00218.parquet'}
        assert all(span for _, span in fetched)
        fetched.clear()
        second = prepare(endpoint, tmp_path / 'out', tmp_path / 'home', 'org/thyme')
        assert second.returncode == 0, second.stderr
        assert {name for name, _ in fetched} == {'2round-00001-of-00218.parquet'}
        missing = prepare(endpoint, tmp_path / 'none', tmp_path / 'home', 'org/nothing')
        assert missing.returncode == 2
        assert 'org/nothing' in missing.stderr
    rows = [row for path in (tmp_path / 'out' / 'stage1').rglob('*.parquet') for row in read_rows(path)]
    assert rows
    assert not list((tmp_path / 'home').rglob('*.parquet'))
    local = subprocess.run(
        [
            sys.executable,
            '-m',
            'swift_thyme.cli',
            'prepare',
            'sft',
            str(tmp_path / 'repo'),
            '--out',
            str(tmp_path / 'local'),
        ],
        capture_output=True,
        check=False,
    )
    assert local.returncode == 0
    same = [row for path in (tmp_path / 'local' / 'stage1').rglob('*.parquet') for row in read_rows(path)]
    assert sorted(row['id'] for row in rows) == sorted(row['id'] for row in same)
