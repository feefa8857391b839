"""Rows the quickstart teaches: few and easy, and their pictures called as users' pictures will be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from swift_thyme import protocol
from swift_thyme.demo.lessons import ask_again, call_as_asked, keep_easy_rows
from swift_thyme.infer import Question

PATH = 'images/0123456789abcdef.jpg'
SNIPPET = 'import cv2\n\nimage_path = "{path}"\nimage = cv2.imread(image_path)\nprint(image.shape)'


def row(picture: Path, blocks: int = 1, path: str = PATH) -> dict[str, Any]:
    block = f'{protocol.CODE_OPEN}\n```python\n{SNIPPET.format(path=path)}\n```\n{protocol.CODE_CLOSE}'
    asked = protocol.render_user_prompt('Which?', [protocol.PromptImage(path, 224, 168)])
    messages = [{'role': 'user', 'content': asked}, {'role': 'assistant', 'content': block * blocks}]
    return {'messages': messages, 'images': [str(picture)], 'solution': 'B', 'question': 'Which?'}


def written(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text(''.join(json.dumps(one) + '\n' for one in rows))
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_only_rows_with_one_round_are_kept(tmp_path: Path, picture: Path) -> None:
    kept = row(picture)
    rows = written(tmp_path / 'rows.jsonl', row(picture, 2), kept, row(picture, 3), kept, kept)
    assert keep_easy_rows(rows) == 2
    assert read(rows) == [kept, kept]


def test_a_taught_prompt_is_word_for_word_the_one_a_user_s_question_becomes(tmp_path: Path, picture: Path) -> None:
    rows = written(tmp_path / 'rows.jsonl', row(picture))
    call_as_asked(rows)
    (taught,) = read(rows)
    assert taught['messages'][0]['content'] == Question('Which?', (picture,)).conversation().messages[-1].content
    assert taught == row(picture, path='images/1.jpg')


def test_rows_without_a_picture_stay_as_they_are(tmp_path: Path) -> None:
    words = [{'role': 'user', 'content': '2 + 2?'}, {'role': 'assistant', 'content': '4'}]
    rows = written(tmp_path / 'rows.jsonl', {'messages': words, 'images': []})
    call_as_asked(rows)
    assert read(rows) == [{'messages': words, 'images': []}]


def test_what_was_taught_is_asked_again_without_the_response(tmp_path: Path, picture: Path) -> None:
    rows = written(tmp_path / 'rows.jsonl', row(picture))
    ask_again(rows, tmp_path / 'rl' / 'rows.jsonl')
    (asked,) = read(tmp_path / 'rl' / 'rows.jsonl')
    assert asked == {**row(picture), 'messages': row(picture)['messages'][:-1]}
