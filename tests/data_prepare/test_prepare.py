"""What `thyme prepare` keeps, rejects and writes."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

from PIL import Image

from swift_thyme.cli import main
from swift_thyme.data.rows import Kind, Reason

from . import public
from .conftest import PreparedSet, rows_of, run


def rejected_of(out: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for path in sorted(out.glob('rejected/*.jsonl'))
        for line in path.read_text('utf-8').splitlines()
    ]


def test_counts_per_split_and_reason_are_exact(sft_set: PreparedSet) -> None:
    first, second, copy = sft_set.planted
    assert sft_set.done.tally.kept == first.kept + second.kept
    expected = first.rejected + second.rejected + copy.rejected
    expected[Reason.DUPLICATE.value] += sum(copy.kept.values())
    assert sft_set.done.tally.rejected == expected


def test_every_source_row_is_kept_or_rejected_once(sft_set: PreparedSet) -> None:
    labels = Counter(row['source'] for row in rows_of(sft_set.out, 'stage?/*') + rejected_of(sft_set.out))
    expected = {
        f'data/train-{i:05d}-of-00218.parquet#{number}'
        for i, planted in enumerate(sft_set.planted)
        for number in range(len(planted.rows))
    }
    assert set(labels) == expected
    assert set(labels.values()) == {1}


def test_the_first_of_equal_rows_is_kept(sft_set: PreparedSet) -> None:
    assert not any('train-00002' in row['source'] for row in rows_of(sft_set.out, 'stage?/*'))


def test_every_reason_of_the_rejected_file_was_counted(sft_set: PreparedSet) -> None:
    assert Counter(row['reason'] for row in rejected_of(sft_set.out)) == sft_set.done.tally.rejected


def test_a_rejected_row_can_be_read_by_a_person(sft_set: PreparedSet) -> None:
    line = next(row for row in rejected_of(sft_set.out) if row['reason'] == 'truncated_image')
    assert 'plate number' in line['row']['question']
    assert all(len(json.dumps(picture)) < 100 for picture in line['row']['image'])


def test_pictures_are_stored_once_under_their_hash(sft_set: PreparedSet) -> None:
    stored = [path for path in (sft_set.out / 'images').rglob('*') if path.is_file()]
    for path in stored:
        assert path.stem == hashlib.sha256(path.read_bytes()).hexdigest()[: len(path.stem)]
    named = {name for row in rows_of(sft_set.out, 'stage?/*') for name in row['images']}
    assert named <= {str(path.relative_to(sft_set.out)) for path in stored}
    assert not list(sft_set.out.rglob('*.part'))


def test_a_plain_picture_is_stored_byte_for_byte(tmp_path: Path) -> None:
    data = public.picture(5)
    row = {'image': [public.encode(data)], 'question': public.question('a_1.jpg'), 'response': public.computation()}
    public.write_parquet(tmp_path / 'in.parquet', [row])
    run(tmp_path / 'in.parquet', tmp_path / 'out')
    (kept,) = rows_of(tmp_path / 'out', 'stage?/*')
    assert (tmp_path / 'out' / kept['images'][0]).read_bytes() == data


def test_no_foreign_path_is_left(sft_set: PreparedSet, rl_set: PreparedSet) -> None:
    for row in rows_of(sft_set.out, 'stage?/*') + rows_of(rl_set.out, 'rl'):
        text = json.dumps(row['messages'])
        assert 'mllm_hdd' not in text
        assert 'dvqa_' not in text


def test_rl_rows_carry_what_rewards_need(rl_set: PreparedSet) -> None:
    assert rl_set.done.tally.kept == rl_set.planted[0].kept
    assert rl_set.done.tally.rejected == rl_set.planted[0].rejected
    for row in rows_of(rl_set.out, 'rl'):
        assert row['solution'] == 'black'
        assert [message['role'] for message in row['messages']] == ['system', 'user']
        assert row['messages'][0]['content'].startswith('You are a helpful assistant. Solve the problem step by step.')


def test_readme_jsonl_forms_are_read(tmp_path: Path) -> None:
    (tmp_path / 'pictures').mkdir()
    (tmp_path / 'pictures' / 'a.jpg').write_bytes(public.picture(1))
    (tmp_path / 'pictures' / 'b.png').write_bytes(public.picture(2, 'PNG'))
    ask = public.question('a.jpg')
    sft = [
        {'image': ['pictures/a.jpg', 'pictures/b.png'], 'question': ask, 'response': public.one_round('a.jpg')},
        {'images': [{'path': str(tmp_path / 'pictures' / 'a.jpg')}], 'question': ask, 'response': public.computation()},
        {
            'messages': [{'role': 'user', 'content': ask}, {'role': 'assistant', 'content': public.computation('43')}],
            'images': [{'bytes': public.encode(public.picture(3))}],
        },
        {'image': public.encode(public.picture(4)), 'question': ask, 'response': public.computation('44')},
    ]
    public.write_jsonl(tmp_path / 'sft.jsonl', sft)
    done, _ = run(tmp_path / 'sft.jsonl', tmp_path / 'sft')
    assert (done.tally.rows_kept, done.tally.rejected) == (4, {})
    rl = [
        {
            'messages': [{'role': 'user', 'content': ask}],
            'images': ['pictures/a.jpg'],
            'solution': 'x',
            'question': 'y',
        },
        {'image': 'pictures/b.png', 'question': 'What is it?', 'answer': 'a dog', 'box': [1, 2, 3, 4]},
    ]
    public.write_jsonl(tmp_path / 'rl.jsonl', rl)
    done, _ = run(tmp_path / 'rl.jsonl', tmp_path / 'rl', Kind.RL)
    assert (done.tally.rows_kept, done.tally.rejected) == (2, {})
    bare = next(row for row in rows_of(tmp_path / 'rl', 'rl') if row['solution'] == 'a dog')
    assert json.loads(bare['extra']) == {'box': [1, 2, 3, 4]}
    assert bare['messages'][1]['content'].startswith('<image>\nWhat is it?\n\nUser Image Path: "$IMAGE_0"')
    assert 'User Image Size: "96x64"' in bare['messages'][1]['content']


def test_struct_and_binary_columns_are_read(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    picture = pa.struct([('bytes', pa.binary()), ('path', pa.string())])
    schema = pa.schema([('images', pa.list_(picture)), ('question', pa.string()), ('solution', pa.string())])
    (tmp_path / 'in').mkdir()
    (tmp_path / 'in' / 'a.jpg').write_bytes(public.picture(1))
    rows = [
        {'images': [{'bytes': public.picture(2), 'path': 'gone.jpg'}], 'question': 'A?', 'solution': '1'},
        {'images': [{'bytes': None, 'path': 'a.jpg'}], 'question': 'B?', 'solution': '2'},
        {'images': [None], 'question': 'C?', 'solution': '3'},
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema), tmp_path / 'in' / 'x.parquet')
    single = pa.schema([('image', pa.large_binary()), ('question', pa.string()), ('solution', pa.string())])
    row = {'image': public.picture(3), 'question': 'D?', 'solution': '4'}
    pq.write_table(pa.Table.from_pylist([row], single), tmp_path / 'in' / 'y.parquet')
    done, _ = run(tmp_path / 'in', tmp_path / 'out', Kind.RL)
    assert done.tally.rows_kept == 3
    assert done.tally.rejected == {'malformed_row': 1}


def test_broken_lines_are_rejected_and_the_rest_is_read(tmp_path: Path) -> None:
    good = json.dumps({'question': 'What is 6*7?', 'solution': '42'})
    lines = [good, '{"question": ', '[1, 2]', '', good.replace('6*7', '6*8'), '"text"']
    (tmp_path / 'x.jsonl').write_bytes('\n'.join(lines).encode() + b'\n\xff\xfe{}')
    done, _ = run(tmp_path / 'x.jsonl', tmp_path / 'out', Kind.RL)
    assert done.tally.rows_kept == 2
    assert done.tally.rejected == {'malformed_row': 4}


def test_file_names_of_the_public_splits_decide_the_split(tmp_path: Path) -> None:
    planted = public.sft_shard(3, good=2)
    for name in ('wo_thinking_thyme_single_round', '2round', 'computation'):
        rows = [{**row, 'question': f'{row["question"]} {name}'} for row in planted.rows]
        public.write_parquet(tmp_path / 'in' / f'{name}-00000-of-00001.parquet', rows)
    done, _ = run(tmp_path / 'in', tmp_path / 'out')
    assert done.tally.kept == {'single_round': 8, 'two_rounds': 8, 'computation_images': 6, 'computation_text': 2}


def test_kept_paths_are_absolute_everywhere(tmp_path: Path) -> None:
    public.write_parquet(tmp_path / 'in.parquet', public.sft_shard(4, good=1).rows)
    run(tmp_path / 'in.parquet', tmp_path / 'out', keep_paths=True)
    for row in rows_of(tmp_path / 'out', 'stage?/*'):
        assert '$IMAGE' not in json.dumps(row)
        for path in row['images']:
            assert Image.open(path).size
        if row['images']:
            assert f'"{row["images"][0]}"' in row['messages'][1]['content']


def test_the_command_says_what_it_did(tmp_path: Path, capsys: Any) -> None:
    planted = public.rl_shard(1)
    public.write_parquet(tmp_path / 'in.parquet', planted.rows)
    assert main(['prepare', 'rl', str(tmp_path / 'in.parquet'), '--out', str(tmp_path / 'out'), '--workers', '1']) == 0
    said = capsys.readouterr().out
    assert '13 rows from 1 shards: 6 kept, 7 rejected' in said
    assert 'empty_solution' in said
    assert str(tmp_path / 'out' / 'rl') in said


def test_a_missing_source_is_named(tmp_path: Path, capsys: Any) -> None:
    assert main(['prepare', 'rl', str(tmp_path / 'nowhere'), '--out', str(tmp_path / 'out')]) == 2
    assert 'nowhere' in capsys.readouterr().err
