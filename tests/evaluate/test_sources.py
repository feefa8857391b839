"""Reading sets: what is read of each form, and what is refused with the row's name."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from swift_thyme.errors import DataError
from swift_thyme.evaluate.items import Item, can_shuffle, pose
from swift_thyme.evaluate.session import items_hash
from swift_thyme.evaluate.sources import LeftOut, _item, load
from swift_thyme.infer import InferSettings, describe
from swift_thyme.infer.describe import fingerprint
from swift_thyme.protocol import PromptImage, render_user_prompt
from swift_thyme.rewards.rules import accepted_answers


def png(color: str = 'red') -> bytes:
    buffer = io.BytesIO()
    Image.new('RGB', (40, 30), color).save(buffer, 'PNG')
    return buffer.getvalue()


def write_tsv(path: Path, rows: list[dict[str, str]]) -> Path:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = ['\t'.join(columns)] + ['\t'.join(row.get(column, '') for column in columns) for row in rows]
    path.write_text('\n'.join(text) + '\n', encoding='utf-8')
    return path


def one(path: Path) -> Item:
    (item,) = load(path, path.parent / 'inputs')
    return item


def test_a_synthetic_set_gives_truth_box_and_the_picture_names_of_its_prompts(synth_set: Path, tmp_path: Path) -> None:
    items = load(synth_set, tmp_path)
    assert len(items) == 12
    rows = [json.loads(line) for line in (synth_set / 'canonical.jsonl').read_text().splitlines()]
    for item, row in zip(items, rows, strict=True):
        assert item.options[item.right] == item.answer == row['answer']
        assert list(item.box or ()) == (row['box'] or [])
        assert item.images[0].name == row['images'][0] and item.images[0].path.is_file()
        assert item.question == row['stem'] and item.worded == row['question']


def test_a_tsv_in_vlmevalkits_columns_is_read(tmp_path: Path) -> None:
    encoded = base64.b64encode(png()).decode()
    row = {'index': '7', 'question': 'Which?', 'A': 'cat', 'B': 'dog', 'answer': 'B', 'category': 'x', 'image': encoded}
    item = one(write_tsv(tmp_path / 'set.tsv', [row]))
    assert (item.id, item.options, item.answer, item.right, item.task) == ('7', ('cat', 'dog'), 'dog', 1, 'x')
    assert item.images[0].path.read_bytes() == png()


def test_a_tsv_row_may_name_the_row_that_carries_its_picture(tmp_path: Path) -> None:
    encoded = base64.b64encode(png()).decode()
    rows = [{'index': '1', 'question': 'a', 'answer': 'x', 'image': encoded}]
    rows += [{'index': '2', 'question': 'b', 'answer': 'y', 'image': '1'}]
    items = load(write_tsv(tmp_path / 'set.tsv', rows), tmp_path / 'inputs')
    assert items[0].images == items[1].images


def test_a_tsv_row_may_carry_several_pictures_and_a_hint(tmp_path: Path) -> None:
    both = str([base64.b64encode(png(c)).decode() for c in ('red', 'blue')])
    item = one(
        write_tsv(tmp_path / 's.tsv', [{'index': '1', 'question': 'q', 'hint': 'h', 'answer': 'x', 'image': both}])
    )
    assert [image.path.read_bytes() for image in item.images] == [png('red'), png('blue')]
    assert item.question == 'Hint: h\nq'


def test_the_synthetic_sets_own_tsv_gives_the_same_items(synth_set: Path, tmp_path: Path) -> None:
    own = load(synth_set, tmp_path)
    tsv = load(synth_set / 'vlmevalkit' / 'thyme_synth_choice.tsv', tmp_path)
    assert [(i.question, i.options, i.right, i.box, i.task) for i in tsv] == [
        (i.question, i.options, i.right, i.box, i.task) for i in own
    ]


@pytest.mark.parametrize(
    ('row', 'answer', 'right'),
    [
        ({'question': 'q', 'answer': '12'}, '12', -1),
        ({'question': 'q', 'solution': 'C', 'options': ['x', 'y', 'z']}, 'z', 2),
        ({'question': 'q', 'answer': 'y', 'choices': {'A': 'x', 'B': 'y'}}, 'y', 1),
        ({'question': 'q', 'answer': 'A', 'options': ['B', 'A']}, 'B', 0),
    ],
)
def test_the_truth_may_be_a_letter_a_text_or_free(
    row: dict[str, object], answer: str, right: int, tmp_path: Path
) -> None:
    path = tmp_path / 'set.jsonl'
    path.write_text(json.dumps(row))
    item = one(path)
    assert (item.answer, item.right) == (answer, right)


def test_a_row_with_a_response_keeps_the_questions_picture_only(tmp_path: Path) -> None:
    for name in ('a.png', 'a_1.png'):
        (tmp_path / name).write_bytes(png())
    user = '<image>\nq\n\nUser Image Path: "images/a.png"\nUser Image Size: "40x30"\n'
    messages = [{'role': 'user', 'content': user}, {'role': 'assistant', 'content': 'done'}]
    row = {'question': 'q', 'solution': 'x', 'images': ['a.png', 'a_1.png'], 'messages': messages}
    (tmp_path / 'set.jsonl').write_text(json.dumps(row))
    item = one(tmp_path / 'set.jsonl')
    assert [(image.path.name, image.name) for image in item.images] == [('a.png', 'images/a.png')]


def test_a_row_with_nothing_but_a_prompt_is_asked_what_the_prompt_asks(tmp_path: Path) -> None:
    (tmp_path / 'a.png').write_bytes(png())
    user = render_user_prompt('How many?', [PromptImage('images/a.png', 40, 30)])
    row = {'messages': [{'role': 'user', 'content': user}], 'images': ['a.png'], 'solution': '3'}
    (tmp_path / 'set.jsonl').write_text(json.dumps(row))
    assert one(tmp_path / 'set.jsonl').question == 'How many?'


def test_a_set_that_was_moved_finds_its_pictures_beside_it(tmp_path: Path) -> None:
    (tmp_path / 'images').mkdir()
    (tmp_path / 'images' / 'a.png').write_bytes(png())
    user = '<image>\nq\n\nUser Image Path: "images/a.png"\nUser Image Size: "40x30"\n'
    row = {'question': 'q', 'solution': 'x', 'images': ['/gone/images/a.png']}
    row['messages'] = [{'role': 'user', 'content': user}]
    (tmp_path / 'set.jsonl').write_text(json.dumps(row))
    assert one(tmp_path / 'set.jsonl').images[0].path == tmp_path / 'images' / 'a.png'


def test_a_moved_set_whose_prompts_number_the_pictures_finds_them_too(tmp_path: Path) -> None:
    (tmp_path / 'images').mkdir()
    (tmp_path / 'images' / 'a.png').write_bytes(png())
    user = render_user_prompt('q', [PromptImage('images/1.png', 40, 30)])
    row = {'messages': [{'role': 'user', 'content': user}], 'solution': 'x', 'images': ['/gone/images/a.png']}
    (tmp_path / 'set.jsonl').write_text(json.dumps(row))
    (image,) = one(tmp_path / 'set.jsonl').images
    assert (image.path, image.name) == (tmp_path / 'images' / 'a.png', 'images/1.png')


def test_the_file_s_own_name_does_not_reach_the_prompt(tmp_path: Path) -> None:
    (tmp_path / 'three.png').write_bytes(png())
    (tmp_path / 'set.jsonl').write_text(json.dumps({'question': 'q', 'answer': '3', 'images': ['three.png']}))
    assert one(tmp_path / 'set.jsonl').images[0].name == ''


@pytest.mark.parametrize(
    ('row', 'why'),
    [
        ({'answer': 'x'}, 'no question'),
        ({'question': 'q'}, 'no answer'),
        ({'question': 'q', 'answer': 'w', 'options': ['x', 'y']}, 'none of the options'),
        ({'question': 'q', 'answer': 'x', 'options': ['x']}, 'unusable options'),
        ({'question': 'q', 'answer': 'x', 'images': ['gone.png']}, 'neither a file nor base64'),
        ({'question': 'q', 'answer': 'x', 'box': [5, 5, 5, 9]}, 'empty box'),
        ({'question': 'q', 'answer': 'x', 'box': 'left'}, 'unusable box'),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_by_its_line(row: dict[str, object], why: str, tmp_path: Path) -> None:
    path = tmp_path / 'set.jsonl'
    path.write_text(json.dumps(row))
    with pytest.raises(DataError, match=f'set.jsonl:1.*{why}'):
        load(path, tmp_path / 'inputs')


def test_two_items_with_one_id_are_refused(tmp_path: Path) -> None:
    path = tmp_path / 'set.jsonl'
    path.write_text('{"id": 1, "question": "a", "answer": "b"}\n' * 2)
    with pytest.raises(DataError, match="two items have the id '1'"):
        load(path, tmp_path)


def test_a_tsv_without_the_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='lacks columns answer'):
        load(write_tsv(tmp_path / 's.tsv', [{'index': '1', 'question': 'q'}]), tmp_path)


@pytest.mark.parametrize('name', ['nothing', 'folder', 'file.csv'])
def test_what_is_no_set_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'file.csv').write_text('x')
    with pytest.raises(DataError, match='synth'):
        load(tmp_path / name, tmp_path)


GAP = ('cat', '', 'dog', 'horse')


@pytest.mark.parametrize('empty', ['', ' '])
def test_a_tsv_row_with_an_empty_option_before_another_is_refused(empty: str, tmp_path: Path) -> None:
    cells = dict(zip('ABCD', [option or empty for option in GAP], strict=True))
    path = write_tsv(tmp_path / 'gap.tsv', [{'index': '1', 'question': 'q', 'answer': 'C', **cells}])
    with pytest.raises(DataError, match='option B is empty'):
        load(path, tmp_path)


@pytest.mark.parametrize('options', [list(GAP), ['cat', None, 'dog'], {'A': 'cat', 'C': 'dog'}, {'B': 'x', 'C': 'y'}])
def test_a_json_row_with_a_gap_in_its_letters_is_refused(options: object, tmp_path: Path) -> None:
    row = {'id': 1, 'question': 'q', 'answer': 'C', 'options': options}
    (tmp_path / 's.jsonl').write_text(json.dumps(row), encoding='utf-8')
    with pytest.raises(DataError, match='is empty'):
        load(tmp_path / 's.jsonl', tmp_path)


def test_empty_options_behind_the_last_one_are_none(tmp_path: Path) -> None:
    row = {'id': 1, 'question': 'q', 'answer': 'B', 'options': ['cat', 'dog', None, '']}
    (tmp_path / 's.jsonl').write_text(json.dumps(row), encoding='utf-8')
    assert one(tmp_path / 's.jsonl').options == ('cat', 'dog')


@pytest.mark.parametrize(
    ('text', 'told'),
    [
        ('index\tquestion\tA\tB\tanswer\n1\tq\tx\ty\tB\tmore\n', 'more cells'),
        ('index\tquestion\tA\tA\tB\tanswer\n1\tq\tx\ty\tz\tB\n', 'two columns'),
        ('index\tquestion\tA\tB\tC\tanswer\n1\tq\tred\tred\tblue\tred\n', 'several options'),
        ('index\tquestion\tA\tB\tanswer\n1\tq\tx\ty\tnan\n', 'no answer'),
        ('index\tquestion\tanswer\n1\tq\tx\n2\tq\t"x\n3\tq\tz', ':3 begins a quote'),
        ('index\tquestion\tanswer\n1\t"q\tx\n2\tq\tx\n', ':2 begins a quote'),
        ('index\tquestion\tanswer\n"1\tq\tx\n2\tq\tx\n', ':2 begins a quote'),
    ],
)
def test_a_tsv_file_that_could_be_read_in_two_ways_is_refused(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / 'set.tsv'
    path.write_text(text, encoding='utf-8')
    for left_out in (None, LeftOut()):
        with pytest.raises(DataError, match=told):
            load(path, tmp_path, left_out)


def test_a_quote_inside_of_a_cell_is_read_as_pandas_reads_it(tmp_path: Path) -> None:
    row = {'index': '1', 'question': 'a 5" screen?', 'answer': 'x'}
    assert one(write_tsv(tmp_path / 'set.tsv', [row])).question == 'a 5" screen?'


def test_options_that_are_letters_keep_them_and_their_order(tmp_path: Path) -> None:
    item = one(
        write_tsv(
            tmp_path / 's.tsv',
            [dict(zip(('index', 'question', *'ABC', 'answer'), ('1', 'q', '(A)', '(B)', '(C)', 'B'), strict=True))],
        )
    )
    assert item.options == ('(A)', '(B)', '(C)') and not can_shuffle(item)


@pytest.mark.parametrize('column', ['index', 'category', 'question', 'answer'])
def test_a_cell_that_is_not_utf_8_leaves_its_row_out(column: str, tmp_path: Path) -> None:
    rows = [{'index': str(i), 'question': 'q', 'answer': 'x', 'category': 't'} for i in (1, 2)]
    rows[0][column] = 'caf\xe9'
    path = write_tsv(tmp_path / 'set.tsv', rows)
    path.write_bytes(path.read_text(encoding='utf-8').encode('latin-1'))
    left = LeftOut()
    assert [item.id for item in load(path, tmp_path, left)] == ['2'] and len(left.rows) == 1


def test_a_cell_that_pandas_calls_missing_is_no_option(tmp_path: Path) -> None:
    row = {'index': '1', 'question': 'q', 'A': 'x', 'B': 'y', 'C': 'nan', 'answer': 'B'}
    assert one(write_tsv(tmp_path / 'set.tsv', [row])).options == ('x', 'y')


@pytest.mark.parametrize('form', ['{}. ', '({}) ', '{}) '])
@pytest.mark.parametrize('answer', ['B', 'blue', 'told'])
def test_letters_inside_of_options_do_not_contradict_their_places(form: str, answer: str, tmp_path: Path) -> None:
    options = [form.format(letter) + text for letter, text in zip('ABC', ('red', 'blue', 'green'), strict=True)]
    row = {'question': 'Which?', 'options': options, 'answer': options[1] if answer == 'told' else answer}
    item = one(write_jsonl(tmp_path / 'set.jsonl', row))
    assert (item.options, item.answer, item.right) == (('red', 'blue', 'green'), 'blue', 1)


def test_options_that_only_begin_with_a_letter_are_left_alone(tmp_path: Path) -> None:
    row = {'question': 'Who?', 'options': ['B. Smith', 'A. Jones'], 'answer': 'A. Jones'}
    assert one(write_jsonl(tmp_path / 'set.jsonl', row)).options == ('B. Smith', 'A. Jones')


def test_a_byte_order_mark_is_no_part_of_a_set(tmp_path: Path) -> None:
    path = write_tsv(tmp_path / 's.tsv', [{'index': '1', 'question': 'q', 'A': 'x', 'B': 'y', 'answer': 'B'}])
    path.write_bytes(b'\xef\xbb\xbf' + path.read_bytes())
    assert one(path).right == 1
    (tmp_path / 's.jsonl').write_bytes(b'\xef\xbb\xbf{"id": 1, "question": "q", "answer": "B"}\n')
    assert one(tmp_path / 's.jsonl').answer == 'B'


@pytest.mark.parametrize('inside', ['\u2028', '\u2029', '\x85', '\x0c', '\x1c'])
def test_json_lines_end_only_at_line_feeds(inside: str, tmp_path: Path) -> None:
    line = json.dumps({'id': 1, 'question': f'one{inside}two', 'answer': 'B'}, ensure_ascii=False)
    (tmp_path / 's.jsonl').write_bytes(f'{line[:-1]}\r}}\r\n'.encode())
    assert one(tmp_path / 's.jsonl').question == f'one{inside}two'


def test_the_hash_of_a_set_covers_its_pictures(tmp_path: Path) -> None:
    (tmp_path / 's.jsonl').write_text(json.dumps({'id': 1, 'question': 'q', 'answer': 'B', 'images': ['a.bmp']}))
    hashes = set()
    for colour in ('red', 'blue'):
        Image.new('RGB', (40, 30), colour).save(tmp_path / 'a.bmp')
        hashes.add(items_hash([one(tmp_path / 's.jsonl')]))
    assert len(hashes) == 2


def test_the_fingerprint_of_a_checkpoint_covers_all_its_bytes_and_is_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('HOME', str(tmp_path / 'home'))
    weights = tmp_path / 'model.safetensors'
    weights.write_bytes(bytes(40 << 20))
    before = fingerprint(tmp_path)
    with weights.open('r+b') as file:
        file.seek(-1, 2)
        file.write(b'x')
    after = fingerprint(tmp_path)
    assert after != before
    monkeypatch.setattr(describe, '_READ_BYTES', None)  # so nothing large can be read
    assert fingerprint(tmp_path) == after


@pytest.mark.parametrize(
    'name',
    ['generation_config.json', 'preprocessor_config.json', 'tokenizer.json', 'chat_template.jinja', 'merges.txt'],
)
def test_the_fingerprint_covers_every_file_that_decides_an_answer(name: str, tmp_path: Path) -> None:
    hashes = set()
    for content in ('', '{}', '{"temperature": 1}'):
        (tmp_path / name).write_text(content)
        hashes.add(fingerprint(tmp_path))
    assert len(hashes) == 3


def test_a_kept_hash_that_is_none_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HOME', str(tmp_path / 'home'))
    monkeypatch.setattr(describe, '_CACHED_FROM_BYTES', 0)
    (tmp_path / 'file').write_bytes(b'x')
    right = describe.file_sha256(tmp_path / 'file')
    (kept,) = (tmp_path / 'home').rglob('sha256/*')
    for wrong in (b'', right[:-1].encode(), right.upper().encode(), b'\xff' * 64):
        kept.write_bytes(wrong)
        assert describe.file_sha256(tmp_path / 'file') == right


@pytest.mark.parametrize('name', ['MIN_PIXELS', 'max_pixels', 'IMAGE_MAX_TOKEN_NUM', 'image_min_token_num'])
def test_a_policy_names_every_variable_of_the_picture_budget(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = describe.describe_policy('m', InferSettings())
    monkeypatch.setenv(name, '4096')
    assert describe.describe_policy('m', InferSettings()) != before


@pytest.mark.parametrize('form', ['base64', 'bytes'])
def test_a_rows_own_picture_wins_over_a_file_of_the_same_name(form: str, tmp_path: Path) -> None:
    (tmp_path / 'images').mkdir()
    (tmp_path / 'images' / '1.png').write_bytes(png('blue'))
    own = base64.b64encode(png('red')).decode() if form == 'base64' else {'bytes': png('red')}
    user = render_user_prompt('q', [PromptImage('images/1.png', 40, 30)])
    row = {'messages': [{'role': 'user', 'content': user}], 'solution': 'x', 'images': [own]}
    item = _item(row, 'here', tmp_path, tmp_path / 'kept')
    assert item.images[0].path.read_bytes() == png('red')


def test_an_empty_picture_column_does_not_hide_the_other(tmp_path: Path) -> None:
    (tmp_path / 'a.png').write_bytes(png())
    for row in ({'images': [], 'image': 'a.png'}, {'image': '', 'images': ['a.png']}):
        path = write_jsonl(tmp_path / 'set.jsonl', {'question': 'Which colour?', 'answer': 'red', **row})
        assert [image.path.name for image in one(path).images] == ['a.png']


def test_several_accepted_answers_are_one_truth_that_the_rules_read(tmp_path: Path) -> None:
    item = one(
        write_jsonl(tmp_path / 'set.jsonl', {'question': 'Which?', 'answer': ['red', 'crimson'], 'solution': None})
    )
    assert accepted_answers(item.answer) == accepted_answers('["red", "crimson"]')


@pytest.mark.parametrize('column', ['videos', 'audios', 'tools', 'history', 'objects'])
def test_a_column_that_changes_the_question_is_refused_by_name(column: str, tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / 'set.jsonl', {'question': 'What?', 'answer': 'x', column: ['v']})
    with pytest.raises(DataError, match=rf'set.jsonl:1: {column} holds'):
        load(path, tmp_path / 'inputs')
    assert one(write_jsonl(path, {'question': 'What?', 'answer': 'x', column: []})).answer == 'x'


@pytest.mark.parametrize('form', ['{}. ', '({}) ', '{}: '])
@pytest.mark.parametrize('shuffle', [True, False])
def test_options_that_the_question_tells_are_put_once(form: str, shuffle: bool, tmp_path: Path) -> None:
    told = '\n'.join(['Which one?', *(form.format(c) + text for c, text in zip('AB', ('red', 'blue'), strict=True))])
    row = {'question': told, 'answer': 'B', 'options': ['red', 'blue']}
    posed = pose(one(write_jsonl(tmp_path / 'set.jsonl', row)), seed=0, repeat=0, shuffle=shuffle)
    assert posed.text.count('red') == posed.text.count('blue') == 1


def write_jsonl(path: Path, row: dict[str, object]) -> Path:
    path.write_text(json.dumps(row) + '\n', encoding='utf-8')
    return path


ODD = [
    b'{"question": "q", "answer"',
    b'[1, 2]',
    b'{"question": "q"}',
    b'{"question": "caf\\ud83d?", "answer": "x"}',
    b'{"question": "caf\xe9?", "answer": "x"}',
    b'{"question": "q", "answer": "x", "image": "gone.png"}',
    b'{"question": "q", "answer": "x", "messages": "none"}',
    b'{"question": "q", "answer": "x", "videos": ["a.mp4"]}',
    b'{"question": "q", "answer": ' + b'[' * 20_000 + b']' * 20_000 + b'}',
]


@pytest.mark.parametrize('odd', ODD)
def test_one_odd_line_is_left_out_by_name_and_the_others_are_asked(odd: bytes, tmp_path: Path) -> None:
    good = [f'{{"id": {i}, "question": "q", "answer": "x", "level": {i}}}'.encode() for i in range(2)]
    path, left_out = tmp_path / 'set.jsonl', LeftOut()
    path.write_bytes(b'\n'.join([good[0], odd, good[1]]))
    assert [item.id for item in load(path, tmp_path / 'inputs', left_out)] == ['0', '1']
    assert len(left_out.rows) == 1 and f'{path}:2' in left_out.rows[0]
    assert left_out.columns == {'level': 2}
    with pytest.raises(DataError, match='jsonl:2'):
        load(path, tmp_path / 'inputs')
    path.write_bytes(odd)
    left_out = LeftOut()
    with pytest.raises(DataError) as refused:
        load(path, tmp_path / 'inputs', left_out)
    assert str(refused.value) == f'{path} holds no item that can be asked; the first of 1 rows: {left_out.rows[0]}'


def test_a_tsv_s_odd_row_is_left_out_by_name(tmp_path: Path) -> None:
    rows = [{'index': '1', 'question': 'q', 'answer': 'x', 'l2': 'colour'}]
    rows += [{'index': '', 'question': 'q', 'answer': 'x'}, {'index': '3', 'question': 'q', 'answer': ''}]
    path, left_out = write_tsv(tmp_path / 's.tsv', rows), LeftOut()
    assert [item.id for item in load(path, tmp_path, left_out)] == ['1']
    assert [told.split(':')[1].split()[0] for told in left_out.rows] == ['3', '4'] and left_out.columns == {'l2': 1}


def test_a_column_that_gives_way_to_one_of_the_same_meaning_is_told(tmp_path: Path) -> None:
    row = {'question': 'q', 'answer': 'A', 'options': ['x', 'y'], 'choices': ['v', 'w'], 'task': 't', 'category': 't'}
    left_out = LeftOut()
    load(write_jsonl(tmp_path / 'set.jsonl', row), tmp_path, left_out)
    assert left_out.columns == {'choices': 1}
