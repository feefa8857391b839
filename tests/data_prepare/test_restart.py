"""A run that is killed, resumed or repeated gives the set that one undisturbed run gives."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tqdm import tqdm

from swift_thyme.cli import main
from swift_thyme.data.prepare import run as preparation
from swift_thyme.data.prepare import state, worker
from swift_thyme.data.prepare.options import Options
from swift_thyme.data.prepare.run import prepare
from swift_thyme.data.rows import Kind
from swift_thyme.errors import ConfigError, DataError
from swift_thyme.host.datasets import prepared_root

from . import public
from .conftest import PreparedSet, rows_of, run


def fingerprint(out: Path) -> dict[str, Any]:
    """Everything in a set that a user reads."""
    files = [p for p in sorted(out.rglob('*')) if p.is_file() and '.thyme' not in p.parts and p.name != 'report.html']
    content: dict[str, Any] = {str(p.relative_to(out)): p.read_bytes() for p in files if p.name != 'report.json'}
    content['report'] = {**json.loads((out / 'report.json').read_text()), 'seconds': 0}
    return content


def shards(folder: Path, count: int = 6) -> Path:
    for i in range(count):
        public.write_parquet(folder / f'train-{i:05d}.parquet', public.sft_shard(i % 4, good=2).rows)
    return folder


def test_a_second_run_does_nothing_again(sft_set: PreparedSet) -> None:
    before = {p: p.stat().st_mtime_ns for p in sft_set.out.glob('stage?/*/*')}
    done = prepare(sft_set.options)
    assert done.resumed == done.shards == 3
    assert done.tally.as_json() == sft_set.done.tally.as_json()
    assert {p: p.stat().st_mtime_ns for p in sft_set.out.glob('stage?/*/*')} == before


def test_workers_and_resuming_change_nothing(tmp_path: Path) -> None:
    source = shards(tmp_path / 'source')
    run(source, tmp_path / 'one', workers=1)
    run(source, tmp_path / 'two', workers=3)
    run(source, tmp_path / 'three', shards=2)
    run(source, tmp_path / 'three', shards=5)
    run(source, tmp_path / 'three')
    one = fingerprint(tmp_path / 'one')
    assert fingerprint(tmp_path / 'two') == one
    assert fingerprint(tmp_path / 'three') == one


@pytest.mark.slow
def test_a_killed_run_is_finished_by_the_next(tmp_path: Path) -> None:
    source = tmp_path / 'source'
    for i in range(8):
        rows = public.sft_shard(i, good=20).rows
        public.write_parquet(source / f'train-{i:05d}.parquet', rows)
    out = tmp_path / 'out'
    command = [
        sys.executable,
        '-m',
        'swift_thyme.cli',
        'prepare',
        'sft',
        str(source),
        '--out',
        str(out),
        '--workers',
        '2',
        '--certify',
        '0',
    ]
    killed = 0
    for wanted in (1, 3, 5):
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        ) as process:
            deadline = time.monotonic() + 60
            while process.poll() is None and time.monotonic() < deadline:
                if len(list(out.glob('.thyme/shards/*.json'))) >= wanted:
                    os.killpg(process.pid, signal.SIGKILL)
                    killed += 1
                    break
                time.sleep(0.005)
    assert killed
    if not json.loads((out / 'prepared.json').read_text())['complete']:
        with pytest.raises(DataError, match='not finished'):
            prepared_root(out / 'stage1' / 'single_round')
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    run(source, tmp_path / 'undisturbed')
    got, expected = fingerprint(out), fingerprint(tmp_path / 'undisturbed')
    assert {name: got[name] for name in got if not name.startswith('images/')} == {
        name: expected[name] for name in expected if not name.startswith('images/')
    }
    assert not [p for p in out.rglob('*.part') if '.thyme' not in p.parts and 'images' not in p.parts]


def test_other_settings_are_refused(sft_set: PreparedSet) -> None:
    with pytest.raises(ConfigError, match='decode'):
        run(sft_set.source, sft_set.out, decode=True)


def test_another_source_is_refused(tmp_path: Path) -> None:
    source = shards(tmp_path / 'source', 1)
    run(source, tmp_path / 'out')
    public.write_parquet(source / 'train-00000.parquet', public.sft_shard(9).rows)
    with pytest.raises(ConfigError, match='another source'):
        run(source, tmp_path / 'out')


def test_fewer_shards_than_are_there_are_refused(sft_set: PreparedSet) -> None:
    with pytest.raises(ConfigError, match='3 shards'):
        run(sft_set.source, sft_set.out, shards=1)


def test_restart_begins_again_and_spares_foreign_folders(tmp_path: Path) -> None:
    source = shards(tmp_path / 'source', 1)
    run(source, tmp_path / 'out')
    arguments = ['prepare', 'sft', str(source), '--out', str(tmp_path / 'out'), '--decode', '--workers', '1']
    assert main(arguments) == 2
    assert main([*arguments, '--restart']) == 0
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine' / 'images').write_text('precious')
    assert main(['prepare', 'sft', str(source), '--out', str(tmp_path / 'mine'), '--restart']) == 2
    assert (tmp_path / 'mine' / 'images').read_text() == 'precious'


def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    from swift_thyme.data.prepare.state import State

    holder = State(tmp_path / 'out')
    try:
        with pytest.raises(ConfigError, match='another process'):
            run(shards(tmp_path / 'source', 1), tmp_path / 'out')
    finally:
        holder.close()


def test_a_broken_file_does_not_stop_the_others_and_is_done_when_it_is_whole(tmp_path: Path) -> None:
    source = shards(tmp_path / 'source', 3)
    whole = (source / 'train-00001.parquet').read_bytes()
    (source / 'train-00001.parquet').write_bytes(whole[: len(whole) // 2])
    done, options = run(source, tmp_path / 'out')
    assert list(done.failed) == ['train-00001.parquet']
    assert done.tally.rows == 2 * len(public.sft_shard(0, good=2).rows)
    with pytest.raises(DataError, match='not finished'):
        prepared_root(tmp_path / 'out' / 'stage1' / 'single_round')
    (source / 'train-00001.parquet').write_bytes(whole)
    again = prepare(options)
    assert not again.failed
    assert again.tally.rows == 3 * len(public.sft_shard(0, good=2).rows)
    assert prepared_root(tmp_path / 'out' / 'stage1') == tmp_path / 'out'


def test_large_files_are_cut_and_no_row_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from swift_thyme.data import readers, sources

    monkeypatch.setattr(sources, 'SHARD_BYTES', 40_000)
    monkeypatch.setattr(sources, 'LINES_BYTES', 40_000)
    planted = public.sft_shard(0, good=8)
    public.write_parquet(tmp_path / 'in' / 'a.parquet', planted.rows)
    public.write_jsonl(tmp_path / 'in' / 'b.jsonl', public.sft_shard(1, good=8).rows)
    cut = [piece for shard in sources.plan([str(tmp_path / 'in')])[0] for piece in shard.pieces]
    assert len({piece.url for piece in cut}) == 2
    assert len(cut) > 4
    labels = [label for piece in cut for label, _ in readers.read(piece)]
    assert len(labels) == len(set(labels)) == 2 * len(planted.rows)


def test_progress_sums_to_the_whole(tmp_path: Path) -> None:
    source = shards(tmp_path / 'source', 2)
    public.write_jsonl(source / 'x.jsonl', [{'question': 'a', 'response': 'b'}])
    bar = tqdm(file=io.StringIO())
    prepare(Options(kind=Kind.SFT, sources=(str(source),), out=tmp_path / 'out'), bar)
    assert 0.8 < bar.n / bar.total <= 1.01


def test_the_order_of_rows_is_that_of_the_source(sft_set: PreparedSet) -> None:
    numbers = [
        int(row['source'].split('#')[1])
        for row in rows_of(sft_set.out, 'stage1/two_rounds')
        if '00000-of' in row['source']
    ]
    assert numbers == sorted(numbers)


def make_again(monkeypatch: pytest.MonkeyPatch, source: Path, out: Path) -> None:
    """Makes every finished shard again, as another `--drop` does; `read` gives the first row of each piece only."""
    real = worker.read

    def first_row(*args: Any) -> Any:
        yield next(iter(real(*args)))

    monkeypatch.setattr(preparation, '_is_as_wanted', lambda *_: False)
    monkeypatch.setattr(worker, 'read', first_row)
    run(source, out, workers=1)


def test_a_kill_while_a_finished_shard_is_made_again_leaves_it_unfinished(tmp_path: Path) -> None:
    source, out = shards(tmp_path / 'source', 2), tmp_path / 'out'
    run(source, out, workers=1)
    before = fingerprint(out)

    def publish_and_die(*args: Any) -> None:
        state.publish(*args)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(preparation, 'publish', publish_and_die)
        make_again(patch, source, out)
    done, _ = run(source, out, workers=1)
    assert done.resumed == 1
    assert fingerprint(out) == before


def test_a_source_that_fails_does_not_take_the_place_of_a_finished_shard(tmp_path: Path) -> None:
    source, out = shards(tmp_path / 'source', 2), tmp_path / 'out'
    run(source, out, workers=1)
    before = fingerprint(out)
    real = worker.process_shard

    def broken(shard: Any, scratch: Path) -> Any:
        result = real(shard, scratch)
        result.failed['train'] = 'the network went'
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preparation, 'process_shard', broken)
        make_again(patch, source, out)
    assert not json.loads((out / 'prepared.json').read_text())['complete']
    done, _ = run(source, out, workers=1)
    assert done.resumed == 2
    assert fingerprint(out) == before


@pytest.mark.parametrize('code', [errno.ENOSYS, errno.EINVAL])
def test_a_kernel_that_cannot_flush_one_file_system_flushes_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    flushed: list[bool] = []
    monkeypatch.setattr(state.ctypes, 'CDLL', lambda *_, **__: SimpleNamespace(syncfs=lambda _: -1))
    monkeypatch.setattr(state.ctypes, 'get_errno', lambda: code)
    monkeypatch.setattr(state.os, 'sync', lambda: flushed.append(True))
    state.flush_disk(tmp_path)
    assert flushed
    monkeypatch.setattr(state.ctypes, 'get_errno', lambda: errno.EIO)
    with pytest.raises(OSError, match='cannot flush'):
        state.flush_disk(tmp_path)
