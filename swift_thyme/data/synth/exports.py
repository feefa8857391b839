"""Evaluation sets in the forms that VLMEvalKit's and evalscope's custom loaders read as they are.

Owns the layout below the set's folder:

    vlmevalkit/NAME_choice.tsv      options in columns A to D   (set LMUData to this folder, name the file without .tsv)
    vlmevalkit/NAME_free.tsv        free form
    evalscope/choice/default_val.jsonl   general_vmcq
    evalscope/free/default_test.jsonl    general_vqa

Pictures are named by absolute path: base64 copies of 4K pictures would multiply the set's size. Rows without a picture
are left out: both loaders treat them as another kind of benchmark, and `rows-text.jsonl` holds them.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path

from .question import LETTERS
from .rows import Row
from .writers import absolute

NAME = 'thyme_synth'


def export(rows: Iterable[Row], out: Path) -> dict[str, int]:
    """Writes the files for both harnesses.

    Args:
        rows: canonical rows.
        out: the set's folder.

    Returns:
        File name relative to the folder → number of rows; empty files are not written.
    """
    with_picture = [absolute(row, out) for row in rows if row['images']]
    choice = [row for row in with_picture if row['options']]
    free = [row for row in with_picture if not row['options']]
    files = {
        f'vlmevalkit/{NAME}_choice.tsv': [_vlmevalkit(row) for row in choice],
        f'vlmevalkit/{NAME}_free.tsv': [_vlmevalkit(row) for row in free],
        'evalscope/choice/default_val.jsonl': [_evalscope_choice(row) for row in choice],
        'evalscope/free/default_test.jsonl': [_evalscope_free(row) for row in free],
    }
    for name, entries in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        if entries:
            (_write_tsv if name.endswith('.tsv') else _write_jsonl)(path, entries)
    return {name: len(entries) for name, entries in files.items() if entries}


def _picture(row: Row) -> str:
    images = row['images']
    assert isinstance(images, list)
    return str(images[0])


def _options(row: Row) -> list[str]:
    options = row['options']
    assert isinstance(options, list)
    return [str(option) for option in options]


def _vlmevalkit(row: Row) -> Row:
    options = dict(zip(LETTERS, _options(row), strict=False))
    meta = {'category': row['task'], 'scene': row['scene'], 'box': json.dumps(row['box'])}
    entry: Row = {'index': row['index'], 'question': row['stem'], **options, 'answer': row['solution']}
    return {**entry, **meta, 'image_path': _picture(row)}


def _evalscope_choice(row: Row) -> Row:
    return {
        'question': f'<image 1> {row["stem"]}',
        'options': _options(row),
        'image_1': _picture(row),
        'answer': row['solution'],
        'task': row['task'],
    }


def _evalscope_free(row: Row) -> Row:
    content = [
        {'type': 'image_url', 'image_url': {'url': _picture(row)}},
        {'type': 'text', 'text': str(row['stem'])},
    ]
    return {'messages': [{'role': 'user', 'content': content}], 'answer': row['solution'], 'task': row['task']}


def _write_tsv(path: Path, entries: list[Row]) -> None:
    with path.open('w', encoding='utf-8', newline='') as file:
        writer = csv.DictWriter(file, list(entries[0]), delimiter='\t', lineterminator='\n')
        writer.writeheader()
        writer.writerows(entries)


def _write_jsonl(path: Path, entries: list[Row]) -> None:
    path.write_text(''.join(json.dumps(entry, ensure_ascii=False) + '\n' for entry in entries), encoding='utf-8')
