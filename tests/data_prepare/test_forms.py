"""The forms in which rows are published become one row each; what cannot is refused with a sentence that is true."""

from __future__ import annotations

import base64
import csv
import gzip
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from swift_thyme.cli import main
from swift_thyme.data.forms import parse_form, rename
from swift_thyme.data.readers import read
from swift_thyme.data.rows import Kind, Reason, RowRejected
from swift_thyme.data.sources import plan
from swift_thyme.errors import DataError

from . import public
from .conftest import rows_of, run

ANSWER = '<think>It is red.</think><answer>red</answer>'
CODE = '<think><code>\n```python\nprint(1)\n```\n</code>'
OUTPUT = '<sandbox_output>1</sandbox_output>'
DATA_URL = 'data:image/jpeg;base64,' + base64.b64encode(public.picture(1)).decode()

SFT: dict[str, dict[str, Any]] = {
    'ShareGPT': {'conversations': [{'from': 'human', 'value': 'What?'}, {'from': 'gpt', 'value': ANSWER}]},
    'one object': {'conversation': [{'human': 'What?', 'assistant': ANSWER}]},
    'as JSON': {'messages': json.dumps([{'from': 'user', 'value': 'What?'}, {'from': 'bot', 'value': ANSWER}])},
    'content list': {
        'messages': [
            {'role': 'user', 'content': [{'type': 'text', 'text': 'What?'}]},
            {'role': 'assistant', 'content': [{'type': 'text', 'text': ANSWER}]},
        ]
    },
}


@pytest.mark.parametrize('row', SFT.values(), ids=SFT)
def test_every_spelling_of_a_conversation_is_read(row: dict[str, Any]) -> None:
    parsed = parse_form(row, Kind.SFT)
    assert (parsed.user, parsed.response, parsed.ignored) == ('What?', ANSWER, ())


@pytest.mark.parametrize(
    'item', [{'type': 'image_url', 'image_url': {'url': 'a.jpg'}}, {'type': 'image', 'image': 'a.jpg'}]
)
def test_a_list_of_content_gives_its_pictures_in_their_places(item: dict[str, Any]) -> None:
    content = [{'type': 'text', 'text': 'Here: '}, item, {'type': 'text', 'text': ' What?'}]
    parsed = parse_form({'messages': [{'role': 'user', 'content': content}], 'answer': 'x'}, Kind.RL)
    assert (parsed.user, parsed.pictures) == ('Here: <image> What?', ['a.jpg'])
    tagged = [{'type': 'image'}, {'type': 'text', 'text': 'What?'}]
    beside = parse_form({'messages': [{'role': 'user', 'content': tagged}], 'image': 'b.jpg', 'answer': 'x'}, Kind.RL)
    assert (beside.user, beside.pictures) == ('<image>What?', ['b.jpg'])
    clip = [{'type': 'video', 'video': 'v.mp4'}]
    assert refusal({'messages': [{'role': 'user', 'content': clip}]}, Kind.RL)[0] is Reason.UNSUPPORTED_COLUMN


def refusal(row: dict[str, Any], kind: Kind = Kind.SFT) -> tuple[Reason, str]:
    with pytest.raises(RowRejected) as refused:
        parse_form(row, kind)
    return refused.value.reason, refused.value.detail


def turns(*said: tuple[str, str]) -> dict[str, Any]:
    return {'messages': [{'role': role, 'content': content} for role, content in said]}


@pytest.mark.parametrize('role', ['user', 'tool'])
def test_turns_that_hand_sandbox_outputs_back_are_one_response(role: str) -> None:
    said = [
        ('user', 'What?'),
        ('assistant', CODE),
        (role, f' {OUTPUT}\n'),
        ('assistant', ' So.</think><answer>1</answer>'),
    ]
    parsed = parse_form(turns(('system', 'S.'), *said), Kind.SFT)
    assert parsed.response == f'{CODE}{OUTPUT} So.</think><answer>1</answer>'
    assert (parsed.user, parsed.system) == ('What?', 'S.')


def test_other_turns_are_refused_for_what_they_are() -> None:
    several = turns(('user', 'a?'), ('assistant', ANSWER), ('user', 'b?'), ('assistant', ANSWER))
    assert refusal(several)[0] is Reason.MALFORMED_ROW
    assert '2 questions' in refusal(several)[1]
    tool = turns(('user', 'a?'), ('assistant', 'call'), ('tool', '{"x": 1}'), ('assistant', ANSWER))
    assert refusal(tool)[0] is Reason.UNSUPPORTED_COLUMN
    assert 'role tool' in refusal(tool)[1]
    assert refusal(turns(('assistant', ANSWER)))[0] is Reason.MALFORMED_ROW
    assert refusal({'messages': [{'text': 'x'}]})[0] is Reason.MALFORMED_ROW


def test_rows_of_verl_are_read_and_what_is_beside_the_solution_is_carried() -> None:
    row = {
        'data_source': 'vstar',
        'prompt': [{'role': 'system', 'content': 'S.'}, {'role': 'user', 'content': '<image>What?'}],
        'images': [{'bytes': b'x'}],
        'reward_model': {'ground_truth': 'red', 'style': 'rule'},
        'extra_info': {'index': 3},
    }
    parsed = parse_form(row, Kind.RL)
    assert (parsed.user, parsed.system, parsed.solution) == ('<image>What?', 'S.', 'red')
    assert parsed.pictures == [{'bytes': b'x'}]
    assert parsed.extra == {'data_source': 'vstar', 'reward_model': {'style': 'rule'}, 'extra_info': {'index': 3}}


def test_an_answer_in_the_messages_of_a_question_is_left_out_as_in_the_host_and_counted() -> None:
    parsed = parse_form({**turns(('user', 'a?'), ('assistant', ANSWER)), 'solution': 'red'}, Kind.RL)
    assert (parsed.user, parsed.ignored) == ('a?', ('messages.assistant',))


def test_columns_are_renamed_as_in_the_host() -> None:
    row = {'Text': 'a?', 'gold': 'red', 'question': 'old'}
    assert rename(row, {'text': 'question', 'gold': 'answer', 'x': 'y'}) == (
        {'question': 'a?', 'answer': 'red'},
        {'text', 'gold'},
        {'question'},
    )
    assert rename(row, {'text': 'query', 'gold': 'query'}) == (row, {'text', 'gold'}, set())
    assert rename({**row, 'question': ''}, {'text': 'question'})[2] == set()
    swapped = {'question': 'red', 'answer': 'a?'}
    assert rename(swapped, {'question': 'answer', 'answer': 'question'})[::2] == (
        {'question': 'a?', 'answer': 'red'},
        set(),
    )


def test_columns_that_are_lost_or_missed_are_told(tmp_path: Path, capsys: Any) -> None:
    write(tmp_path / 'a.jsonl', [{'text': 'a?', 'question': 'b?', 'answer': 'x'}])
    columns = json.dumps({'text': 'question', 'gold': 'answer'})
    command = ['prepare', 'rl', str(tmp_path / 'a.jsonl'), '--out', str(tmp_path / 'out'), '--columns', columns]
    for _ in range(2):
        assert main([*command, '--workers', '1']) == 0
        told = capsys.readouterr()
        assert "--columns: no row has 'gold'" in told.err
        assert told.out.split('columns ignored, by rows:')[1].split()[:2] == ['question', '1']
    (row,) = rows_of(tmp_path / 'out')
    assert row['question'] == 'a?'


def test_a_run_that_keeps_nothing_names_the_columns_that_no_row_has(tmp_path: Path, capsys: Any) -> None:
    write(tmp_path / 'a.jsonl', [{'txt': 'a?', 'answer': 'x'}])
    columns = json.dumps({'text': 'question'})
    main(['prepare', 'rl', str(tmp_path / 'a.jsonl'), '--out', str(tmp_path / 'out'), '--columns', columns])
    assert "no row has the columns ['text'] of --columns" in capsys.readouterr().err


@pytest.mark.parametrize('empty', ['', ' ', None])
def test_an_empty_question_beside_messages_is_that_of_the_messages(empty: str | None) -> None:
    parsed = parse_form({**turns(('user', 'a?')), 'question': empty, 'solution': 'red'}, Kind.RL)
    assert parsed.question == 'a?'


ROWS = [{'question': f'{i}?', 'answer': 'a, "b"\nc', 'image': 'a.jpg'} for i in range(3)]


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    if path.suffix == '.csv':
        with path.open('w', newline='') as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        return
    lines = '\n'.join(map(json.dumps, rows))
    as_list = json.dumps(rows, indent=1 if 'indented' in path.name else None)
    text = as_list if 'list' in path.name else lines
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == '.gz' else text.encode())


@pytest.mark.parametrize(
    'name',
    ['a.json', 'list.json', 'indented list.json', 'list.jsonl', 'a.jsonl.gz', 'list.json.gz', 'a.csv', 'A.JSONL'],
)
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    (tmp_path / 'a.jpg').write_bytes(public.picture(1))
    write(tmp_path / name, ROWS)
    done, _ = run(tmp_path / name, tmp_path / 'out', Kind.RL, workers=1)
    assert [row['solution'] for row in rows_of(tmp_path / 'out')] == ['a, "b"\nc'] * 3
    assert (done.tally.rows, done.skipped) == (3, [])


def test_a_hidden_file_of_rows_is_named(tmp_path: Path) -> None:
    for name in ('a.jsonl', '.b.jsonl', '.c/d.csv', '.e/f.metadata'):
        (tmp_path / 'in' / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / 'in' / name).write_text('{"question": "q?", "answer": "x"}')
    done, _ = run(tmp_path / 'in', tmp_path / 'out', Kind.RL, workers=1)
    assert (done.tally.rows, done.skipped) == (1, ['.b.jsonl', '.c/d.csv'])


def test_a_row_of_a_csv_with_more_cells_than_the_header_keeps_its_texts_in_the_rejected_file(tmp_path: Path) -> None:
    (tmp_path / 'a.csv').write_text('question,answer\nq?,x\nr?,y,z\n')
    run(tmp_path / 'a.csv', tmp_path / 'out', Kind.RL, workers=1)
    (line,) = (tmp_path / 'out' / 'rejected' / 'part-00000.jsonl').read_text().splitlines()
    rejected = json.loads(line)
    assert rejected['row'] == {'question': 'r?', 'answer': 'y'}
    assert "'z'" in rejected['detail']


@pytest.mark.parametrize('name', ['list.json', 'list.json.gz'])
def test_a_list_larger_than_the_memory_is_refused_before_it_is_read(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, [{'question': 'a?' * 1000, 'answer': 'x'}] * 5000)
    with pytest.raises(DataError, match=r'about 0\.1 GiB, more than the 0\.05 GiB .* convert it to \.jsonl'):
        run(tmp_path / name, tmp_path / 'out', Kind.RL, memory_bytes=int(0.05 * (1 << 30)))


def test_a_further_source_leaves_the_shards_of_those_before_as_they_were(tmp_path: Path) -> None:
    for source in ('one', 'two'):
        (tmp_path / source).mkdir()
        for i in range(100):
            write(tmp_path / source / f'{i:03}.jsonl', [{'question': f'{i}?', 'answer': 'x'}])
    one, both = (plan([str(tmp_path / name) for name in names])[0] for names in (('one',), ('one', 'two')))
    assert [shard.fingerprint for shard in both][: len(one)] == [shard.fingerprint for shard in one]
    assert len(both) == len(one) + 2


def test_files_that_may_be_data_and_are_not_read_are_named(tmp_path: Path, capsys: Any) -> None:
    write(tmp_path / 'a.jsonl', [{'question': '1?', 'answer': 'x'}])
    (tmp_path / 'b.tar').write_bytes(b'x')
    (tmp_path / 'dataset_info.json').write_text(json.dumps({'rows': 3}, indent=2))
    (tmp_path / 'README.md').write_text('words')
    os.mkfifo(tmp_path / 'pipe.jsonl')
    assert main(['prepare', 'rl', str(tmp_path), '--out', str(tmp_path / 'out'), '--workers', '1']) == 0
    told = capsys.readouterr().err
    assert 'pipe.jsonl (not a regular file)' in told
    assert 'b.tar' in told and 'dataset_info.json (one JSON object' in told and 'README' not in told


def test_a_prepared_set_is_not_prepared_again(tmp_path: Path) -> None:
    write(tmp_path / 'a.jsonl', [{'question': '1?', 'answer': 'x'}])
    run(tmp_path / 'a.jsonl', tmp_path / 'out', Kind.RL, workers=1)
    for part in (tmp_path / 'out', tmp_path / 'out' / 'rl', tmp_path / 'out' / 'rl' / 'part-00000.parquet'):
        with pytest.raises(DataError, match='is a prepared set already'):
            run(part, tmp_path / 'again', Kind.RL)


def test_many_small_files_share_shards_and_each_is_read(tmp_path: Path) -> None:
    for i in range(200):
        write(tmp_path / f'{i:03}.jsonl', [{'question': f'{i}?', 'answer': 'x'}])
    (tmp_path / '150.jsonl').unlink()
    (tmp_path / '150.jsonl').symlink_to('/nonexistent')
    done, _ = run(tmp_path, tmp_path / 'out', Kind.RL)
    assert done.shards < 80
    assert list(done.failed) == ['150.jsonl']
    assert sorted(row['question'] for row in rows_of(tmp_path / 'out')) == sorted(
        f'{i}?' for i in range(200) if i != 150
    )


def read_all(path: Path, text: str, encoding: str = 'utf-8') -> list[Any]:
    path.write_text(text, encoding)
    (shard,), _ = plan([str(path)])
    return [row for _, row in read(shard.pieces[0])]


def test_a_csv_with_an_index_as_pandas_writes_it_is_read(tmp_path: Path) -> None:
    assert read_all(tmp_path / 'a.csv', ',question\n0,a\n1,"b ""c"",\nd"\n') == [
        {'': '0', 'question': 'a'},
        {'': '1', 'question': 'b "c",\nd'},
    ]


def test_an_odd_row_of_a_csv_is_one_rejected_row(tmp_path: Path) -> None:
    rows = read_all(tmp_path / 'a.csv', 'question\n"a"b\nc,d\ne\n')
    assert [isinstance(row, RowRejected) for row in rows] == [True, True, False]


def test_a_row_of_a_csv_that_is_not_utf_8_says_so(tmp_path: Path) -> None:
    rows = read_all(tmp_path / 'a.csv', 'question,note\na?,é\nb?,e\n', 'latin-1')
    assert rows[0].detail == 'note is not UTF-8' and rows[0].row['question'] == 'a?'
    assert rows[1] == {'question': 'b?', 'note': 'e'}


@pytest.mark.parametrize(
    ('text', 'why'), [('question\na\n"b\nc\nd\n', 'end of data'), ('question,question\na,b\n', 'two columns')]
)
def test_a_csv_that_would_lose_cells_is_a_broken_file(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(DataError, match=why):
        read_all(tmp_path / 'a.csv', text)


def test_two_parquet_columns_of_one_name_are_a_broken_file(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(['a']), pa.array(['b'])], names=['note', 'note'])
    pq.write_table(table, tmp_path / 'a.parquet')
    (shard,), _ = plan([str(tmp_path / 'a.parquet')])
    with pytest.raises(DataError, match='two columns'):
        list(read(shard.pieces[0]))


def test_verl_s_columns_are_read_from_text_too() -> None:
    prompt, judged = [{'role': 'user', 'content': 'What?'}], {'ground_truth': 'red', 'style': 'rule'}
    row = {'prompt': json.dumps(prompt), 'reward_model': str(judged)}
    parsed = parse_form(row, Kind.RL)
    assert (parsed.user, parsed.solution, parsed.extra) == ('What?', 'red', {'reward_model': {'style': 'rule'}})


def test_a_key_with_two_values_refuses_its_row_in_a_list_too(tmp_path: Path) -> None:
    refused, row = read_all(tmp_path / 'a.json', '[{"a": 1, "a": 2}, {"a": 1, "a": 1}]')
    assert isinstance(refused, RowRejected) and 'twice' in refused.detail and row == {'a': 1}


def test_a_number_that_is_none_is_no_second_value(tmp_path: Path) -> None:
    (row,) = read_all(tmp_path / 'a.jsonl', '{"question": "a?", "weight": NaN}')
    assert row['question'] == 'a?'


def test_a_broken_list_says_where_it_breaks(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='line 3 column 1'):
        read_all(tmp_path / 'a.json', '[\n{"a": 1},\n]')


def test_a_row_without_a_question_says_what_it_has() -> None:
    reason, detail = refusal({'Question;answer': 'a?;b'})
    assert reason is Reason.MALFORMED_ROW and detail.endswith("got 'Question;answer'")
