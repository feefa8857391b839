"""The page without a browser: what is in the file, its size, its memory."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from swift_thyme import protocol
from swift_thyme.errors import DataError
from swift_thyme.trajectories import from_json
from swift_thyme.view import ViewOptions, build_page
from swift_thyme.view.blocks import MAX_BLOCK_CHARS, blocks, clip, shown
from swift_thyme.view.highlight import highlight
from swift_thyme.view.index import Index
from swift_thyme.view.page import digest, script

from .make import HOSTILE_WORDS, hostile, write_run

BLOCK = re.compile(rb'<script type="text/plain" id="(\w+)">([^<]*)</script>')


def data_blocks(page: Path) -> dict[str, bytes]:
    return {name.decode(): content for name, content in BLOCK.findall(page.read_bytes())}


def unpack(content: bytes) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(content)))


def build(folder: Path, n: int = 20, **options: Any) -> tuple[Path, Any]:
    run = write_run(folder / 'run', n, width=800, height=600)
    return folder / 'page.html', build_page([run], folder / 'page.html', ViewOptions(**options))


def test_a_picture_is_embedded_once_whoever_shows_it(tmp_path: Path) -> None:
    page, built = build(tmp_path, 16)
    pictures = [name for name in data_blocks(page) if name.startswith('p')]
    crops = sum(1 for i in range(16) if i % 10 not in (3, 4, 6, 7))
    assert len(pictures) == built.pictures == 2 + crops


def test_records_and_index_agree(tmp_path: Path) -> None:
    page, built = build(tmp_path, 60)
    found = data_blocks(page)
    index = unpack(found['index'])
    records = [r for name in ('c0', 'c1') for r in unpack(found[name])]
    assert index['n'] == len(records) == built.trajectories == 60
    assert index['id'] == [r['id'] for r in records]
    assert len(set(index['id'])) == 60


def test_the_crops_box_is_the_one_in_the_code(tmp_path: Path) -> None:
    page, _ = build(tmp_path, 3)
    for record in unpack(data_blocks(page)['c0']):
        code = ''.join(record['turns'][0]['blocks'][2][2][1::2])
        stated = [int(n) for n in re.findall(r'\d+', re.search(r'y2 = ([\d, ]+)', code)[1])]  # type: ignore[index]
        place = record['turns'][0]['images'][0]['place']
        assert (place['box'], place['how'], place['of']) == (stated, 'code', 0)


def test_pictures_shrink_to_the_budget(tmp_path: Path) -> None:
    page, built = build(tmp_path, 40, max_mb=0.25)
    assert built.pictures_left_out == 0
    assert sum(len(c) for name, c in data_blocks(page).items() if name.startswith('p')) <= 0.25e6


def test_what_does_not_fit_the_budget_is_left_out_and_said(tmp_path: Path) -> None:
    page, built = build(tmp_path, 40, max_mb=0.02)
    assert built.pictures_left_out > 0
    records = unpack(data_blocks(page)['c0'])
    assert any('left out' in r['images'][0].get('message', '') for r in records)


def test_no_picture_is_larger_than_asked(tmp_path: Path) -> None:
    page, _ = build(tmp_path, 8, max_image_px=200)
    for name, content in data_blocks(page).items():
        if name.startswith('p'):
            (tmp_path / 'x.jpg').write_bytes(base64.b64decode(content))
            with Image.open(tmp_path / 'x.jpg') as image:
                assert max(image.size) <= 200


def test_nothing_of_a_record_stands_in_the_file_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / 'hostile.jsonl'
    path.write_text(''.join(json.dumps(r) + '\n' for r in hostile(tmp_path)), encoding='utf-8')
    built = build_page([path], tmp_path / 'page.html', ViewOptions(title=HOSTILE_WORDS))
    content = (tmp_path / 'page.html').read_text(encoding='utf-8')
    assert built.trajectories == 3
    assert '<script>window.pwned' not in content
    assert 'onerror="' not in content
    assert content.count('</script>') == content.count('<script')


def test_the_policy_allows_this_script_and_no_network(tmp_path: Path) -> None:
    page, _ = build(tmp_path, 2)
    head = page.read_text(encoding='utf-8')[:1200]
    assert 'default-src &#x27;none&#x27;' in head
    assert digest(script()).replace('=', '=') in head
    assert 'unsafe' not in head


def test_nothing_to_show_is_an_error_that_says_what_is_read(tmp_path: Path) -> None:
    (tmp_path / 'rows.jsonl').write_text('{"messages": []}\n', encoding='utf-8')
    with pytest.raises(DataError, match='no trajectory found'):
        build_page([tmp_path], tmp_path / 'page.html')
    assert [p.name for p in tmp_path.iterdir()] == ['rows.jsonl']


def test_blocks_tell_words_tags_code_answer_and_forged_output_apart() -> None:
    text = (
        f'{protocol.THINK_OPEN}Look.{protocol.CODE_OPEN}\n```python\nx = 1\n```\n{protocol.CODE_CLOSE}'
        f'{protocol.SANDBOX_OPEN}1{protocol.SANDBOX_CLOSE}{protocol.THINK_CLOSE}'
        f'{protocol.ANSWER_OPEN}B{protocol.ANSWER_CLOSE}'
    )
    found = blocks(text)
    assert [b[0] for b in found] == ['g', 'w', 'c', 'm', 'g', 'g', 'a', 'g']
    assert ''.join(found[2][2][1::2]) == 'x = 1'
    assert found[2][1].startswith(protocol.CODE_OPEN)


def test_code_as_short_as_a_letter_of_its_tag_is_found() -> None:
    (found,) = blocks(f'{protocol.CODE_OPEN}\nd\n{protocol.CODE_CLOSE}')
    assert found[1:] == [protocol.CODE_OPEN, ['', 'd'], protocol.CODE_CLOSE]


def test_highlighting_changes_no_character() -> None:
    code = 'import cv2\n\n\n\tdef f(x):\r\n  return "é\\n" # </script>\n\n'
    assert ''.join(highlight(code)[1::2]) == code.replace('\r\n', '\n')
    assert ''.join(highlight('((((\x00 not python "')[1::2]) == '((((\x00 not python "'


def test_long_text_keeps_both_ends() -> None:
    cut = clip('a' * MAX_BLOCK_CHARS + 'b' * 10)
    assert cut.startswith('aaa')
    assert cut.endswith('b' * 10)
    assert '10 characters left out' in cut


def spelled(ids: Sequence[int]) -> list[str]:
    return [chr(i) for i in ids]


def test_sampled_ids_are_shared_out_over_the_turns_with_what_is_known_of_each() -> None:
    texts = ['ab', 'cde']
    segments = [[{'kind': 'text', 'temperature': 1.0, 'tokens': 1}, {'kind': 'code', 'temperature': 0.0, 'tokens': 1}]]
    segments.append([{'kind': 'text', 'temperature': 1.0, 'tokens': 3}])
    line = {
        'schema': 1,
        'turns': [{'text': text, 'segments': s} for text, s in zip(texts, segments, strict=True)],
        'sampled_ids': [ord(c) for c in 'abcde'],
        'sampled_mask': [1, 0, 1, 1, 1],
        'sampled_logprobs': [-0.1, 0.0, -0.2, -3.0, -0.5],
    }
    turns = shown(from_json(line, 'here', Path()), decode=spelled)['turns']
    assert [turn['tokens']['text'] for turn in turns] == [['a', 'b'], ['c', 'd', 'e']]
    assert [turn['tokens']['mask'] for turn in turns] == [[1, 0], [1, 1, 1]]
    assert [turn['tokens']['temperature'] for turn in turns] == [[1.0, 0.0], [1.0, 1.0, 1.0]]
    assert turns[1]['tokens']['logprob'] == [-0.2, -3.0, -0.5]
    assert [s[3] for s in turns[0]['segments']] == [True, False]


def test_ids_without_segments_are_shared_out_by_length_of_text() -> None:
    line = {'schema': 1, 'turns': [{'text': 'ab'}, {'text': 'cde'}], 'sampled_ids': [ord(c) for c in 'abcde!']}
    turns = shown(from_json(line, 'here', Path()), decode=spelled)['turns']
    assert [turn['tokens']['text'] for turn in turns] == [['a', 'b'], ['c', 'd', 'e', '!']]


def test_answers_are_to_one_question_only_where_run_step_and_question_are_the_same(tmp_path: Path) -> None:
    index = Index()
    asked = {'prompt_id': 'prompt_0', 'step': 1, 'question': 'What?', 'text': '', 'images': ['a.jpg']}
    others = ({}, {'question': 'Who?'}, {'images': ['b.jpg']}, {'step': 2}, {'life': 1}, {'folder': tmp_path})
    for other in (*others, {}):
        folder = other.get('folder', Path())
        record = from_json({**asked, **{k: v for k, v in other.items() if k != 'folder'}}, folder=folder)
        index.add(record, shown(record))
    assert index.as_json(1)['group'] == [0, 1, 2, 3, 4, 5, 0]
