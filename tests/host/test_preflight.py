"""Rows that cannot be used are named before training starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from swift_thyme.errors import DataError
from swift_thyme.host.preflight import check_datasets


def write(tmp_path: Path, *rows: dict[str, Any]) -> str:
    path = tmp_path / 'rows.jsonl'
    path.write_text(''.join(json.dumps(row) + '\n' for row in rows), encoding='utf-8')
    return str(path)


def row(picture: Path, **changes: Any) -> dict[str, Any]:
    message = {'role': 'user', 'content': '<image>Which?'}
    return {'messages': [message], 'images': [str(picture)], 'solution': '42', **changes}


def test_sound_rows_are_counted(tmp_path: Path, picture: Path) -> None:
    assert check_datasets([write(tmp_path, row(picture), row(picture)) + '#1'], need_solution=True) == 2


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'solution': ' '}, 'line 2: no reference answer'),
        ({'solution': None}, 'line 2: no reference answer'),
        ({'images': ['/nowhere/x.jpg']}, r"line 2: picture '/nowhere/x.jpg' does not exist"),
        ({'images': [{'path': 'gone.png', 'bytes': None}]}, r"line 2: picture 'gone.png' does not exist"),
        ({'images': []}, 'line 2: 0 images for 1 <image> tags'),
    ],
)
def test_an_unusable_row_is_named_by_file_and_line(
    tmp_path: Path, picture: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        check_datasets([write(tmp_path, row(picture), row(picture, **changes))], need_solution=True)


def test_a_missing_solution_is_fine_where_no_reward_needs_it(tmp_path: Path, picture: Path) -> None:
    assert check_datasets([write(tmp_path, row(picture, solution=None))], need_solution=False) == 1


def test_base64_pictures_and_other_sources_are_left_alone(tmp_path: Path, picture: Path) -> None:
    import base64

    encoded = base64.b64encode(picture.read_bytes()).decode()
    rows = write(tmp_path, row(picture, images=[encoded]), row(picture, images=[{'path': None, 'bytes': encoded}]))
    assert check_datasets([rows, 'some/hub-set', 'AI-ModelScope/x#100'], need_solution=True) == 2
