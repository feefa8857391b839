"""One odd line is one rejected row; a disk, a network or another run in the way ends in one sentence."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from swift_thyme.data.prepare.run import prepare
from swift_thyme.data.prepare.state import State
from swift_thyme.data.rows import Kind, Reason
from swift_thyme.data.validate.run import validate
from swift_thyme.errors import ConfigError

from . import public
from .conftest import rows_of, run
from .test_prepare import rejected_of

GOOD = '{"query": "ok%d?", "response": "<think>t</think><answer>red</answer>"}'
ODD = {
    'surrogate in a question': r'{"query":"caf\ud83d?","response":"<think>t</think><answer>red</answer>"}',
    'surrogate in an answer': r'{"query":"a?","response":"<answer>\udc80</answer>"}',
    'surrogate in a bad row': r'{"query":"caf\ud83d?","response":"no"}',
    'surrogate in a path': r'{"query":"<image>q","image":"im\udc80g.jpg","response":"<answer>red</answer>"}',
    'surrogate in a key': r'{"\ud83d":1,"query":"q"}',
    'surrogate in JSON in JSON': json.dumps({'messages': r'[{"role":"user","content":"\ud83d"}]'}),
    'deep': '{"query":' + '[' * 20_000 + ']' * 20_000 + '}',
    'deep but read': '{"query":' + '[' * 900 + ']' * 900 + '}',
    'deep JSON in JSON': json.dumps({'messages': '[' * 20_000 + ']' * 20_000}),
    'NUL in a path': '{"query":"<image>q","image":"a\\u0000.jpg","response":"<answer>red</answer>"}',
    'number for a path': '{"query":"<image>q","image":1e400,"response":"<answer>red</answer>"}',
    'key twice': '{"query":"a?","query":"b?","response":"<answer>red</answer>"}',
    'key twice inside': '{"query":"a?","response":"<answer>red</answer>","meta":{"of":[{"a":1,"a":2,"b":3}]}}',
    'NaN for an answer and a number in twos': '{"query":"a?","response":"<answer>r</answer>","w":NaN,"w":1}',
    'a pipe for a path': '{"query":"<image>q","image":"pipe","response":"<answer>red</answer>"}',
    'a device for a path': '{"query":"<image>q","image":"/dev/zero","response":"<answer>red</answer>"}',
    'a folder for a path': '{"query":"<image>q","image":"..","response":"<answer>red</answer>"}',
    'a path of nobody': '{"query":"<image>q","image":"~no-such-user/a.jpg","response":"<answer>red</answer>"}',
    'not UTF-8': b'{"query":"a\xff?","response":"<answer>red</answer>"}'.decode('latin-1'),
}


def lines(path: Path, odd: str) -> Path:
    path.mkdir()
    os.mkfifo(path / 'pipe')
    (path / 'a.jsonl').write_bytes(b'\n'.join(line.encode('latin-1') for line in (GOOD % 0, odd, GOOD % 1)))
    (path / 'b.jsonl').write_text(GOOD % 2)
    return path


@pytest.mark.parametrize('odd', ODD.values(), ids=ODD)
def test_an_odd_line_is_one_rejected_row(tmp_path: Path, odd: str) -> None:
    source = lines(tmp_path / 'source', odd)
    done, _ = run(source, tmp_path / 'out', workers=1)
    assert (done.tally.rows, done.tally.rows_kept, done.tally.rows_rejected) == (4, 3, 1)
    (line,) = rejected_of(tmp_path / 'out')
    assert line['source'].startswith('a.jsonl@')
    problems: list[Any] = []
    assert sum(validate(source / 'a.jsonl', on_problem=problems.append).problems.values()) == len(problems) == 1


@pytest.mark.parametrize('odd', [r'"\ud83d"', '[' * 100 + ']' * 100, r'{"\ud83d": ["\udc80"]}', '1e400'])
def test_an_odd_further_column_does_not_stop_the_run(tmp_path: Path, odd: str) -> None:
    row = '{"question":"What colour is it?","answer":"red","note":' + odd + '}'
    done, _ = run(lines(tmp_path / 'source', row), tmp_path / 'out', Kind.RL, workers=1)
    kept = [row for row in rows_of(tmp_path / 'out') if row['extra']]
    assert done.tally.rows_kept == len(kept) == 1
    assert 'note' in json.loads(kept[0]['extra'])


def bad_text() -> pa.Array:
    return pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(b'\0\0\0\0\3\0\0\0\6\0\0\0'), pa.py_buffer(b'a\xffcdef')]
    )


@pytest.mark.parametrize(
    'column',
    [
        bad_text(),
        pa.array([2**62, 0], pa.timestamp('us')),
        pa.array([[('k', 1), ('k', 2)], [('k', 1)]], pa.map_(pa.string(), pa.int32())),
    ],
    ids=['bad UTF-8', 'a date beyond the calendar', 'a key twice'],
)
def test_an_odd_parquet_cell_is_one_rejected_row(tmp_path: Path, column: pa.Array) -> None:
    texts = {'question': ['a?', 'b?'], 'response': ['<answer>x</answer>'] * 2}
    pq.write_table(pa.table({**texts, 'note': column}), tmp_path / 'a.parquet')
    done, _ = run(tmp_path / 'a.parquet', tmp_path / 'out', workers=1)
    assert (done.tally.rows_kept, done.tally.rejected) == (1, {Reason.MALFORMED_ROW.value: 1})
    (line,) = rejected_of(tmp_path / 'out')
    assert 'note' in line['detail']
    assert line['row']['question'] == 'a?'


def test_a_malformed_picture_cell_keeps_its_texts_in_the_rejected_file(tmp_path: Path) -> None:
    table = pa.table({'image': [[None], [None]], 'question': ['a?', 'b?'], 'response': ['<answer>x</answer>'] * 2})
    pq.write_table(table, tmp_path / 'a.parquet')
    run(tmp_path / 'a.parquet', tmp_path / 'out', workers=1)
    assert [line['row'].get('question') for line in rejected_of(tmp_path / 'out')] == ['a?', 'b?']


def test_a_dead_link_is_named_and_the_others_are_done(tmp_path: Path) -> None:
    source = tmp_path / 'source'
    source.mkdir()
    (source / 'a.jsonl').write_text(GOOD % 0)
    (source / 'b.parquet').symlink_to('/nonexistent')
    (source / 'c.jsonl').symlink_to('/nonexistent')
    (source / 'd.jsonl').write_text(GOOD % 1)
    done, _ = run(source, tmp_path / 'out')
    assert done.tally.rows_kept == 2
    assert sorted(done.failed) == ['b.parquet', 'c.jsonl']


def command(*words: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, '-m', 'swift_thyme.cli', 'prepare', *map(str, words), '--workers', '1'],
        capture_output=True,
        text=True,
        check=False,
        **more,
    )


def test_a_full_disk_stops_cleanly_and_the_next_run_goes_on(tmp_path: Path) -> None:
    row = {'image': 'big.png', 'question': '<image>What?', 'response': '<answer>x</answer>'}
    (tmp_path / 'a.jsonl').write_text(GOOD % 0 + '\n' + json.dumps(row))
    (tmp_path / 'big.png').write_bytes(public.picture(3, 'PNG', size=(600, 600)))
    limit = (tmp_path / 'big.png').stat().st_size // 2
    assert limit > 50_000
    out = tmp_path / 'out'
    words = ('sft', tmp_path / 'a.jsonl', '--out', out)
    full = command(*words, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert full.returncode == 2
    assert 'Traceback' not in full.stderr
    assert 'run the same command again' in full.stderr
    assert not list(out.rglob('*.part'))
    assert command(*words).returncode == 0
    assert len(rows_of(out)) == 2


def test_leftovers_of_a_killed_run_go(tmp_path: Path) -> None:
    (tmp_path / 'a.jsonl').write_text(GOOD % 0)
    left = tmp_path / 'out' / 'images' / 'ab' / 'abcd.jpg.17-1.part'
    left.parent.mkdir(parents=True)
    left.write_bytes(b'half')
    (tmp_path / 'out' / '.thyme').mkdir()  # what such a run made first
    run(tmp_path / 'a.jsonl', tmp_path / 'out')
    assert not left.exists()


def test_no_network_is_one_sentence(tmp_path: Path) -> None:
    environment = {**os.environ, 'HF_ENDPOINT': 'http://127.0.0.1:9', 'HF_HOME': str(tmp_path), 'HF_HUB_OFFLINE': '0'}
    done = command('sft', 'org/name', '--out', tmp_path / 'out', env=environment)
    assert done.returncode == 2
    assert 'Traceback' not in done.stderr
    assert "'org/name' cannot be read" in done.stderr


def test_restart_waits_for_nobody_and_deletes_nothing_of_a_running_one(tmp_path: Path) -> None:
    (tmp_path / 'a.jsonl').write_text(GOOD % 0)
    _, options = run(tmp_path / 'a.jsonl', tmp_path / 'out')
    held = State(tmp_path / 'out')
    before = sorted(tmp_path.rglob('*'))
    with pytest.raises(ConfigError, match='another process'):
        prepare(options, restart=True)
    assert sorted(tmp_path.rglob('*')) == before
    held.close()
    assert prepare(options, restart=True).tally.rows_kept == 1
