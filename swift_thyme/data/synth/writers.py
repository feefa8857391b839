"""Files of a set: pictures, rows with absolute and with relative paths, check sums, manifest.

Owns the folder's layout:

    rows.jsonl        rows with a picture, absolute paths: what `swift sft`, `swift rlhf` and evaluation read
    rows-text.jsonl   rows without a picture (fed separately, as in the paper), where the set has some
    canonical.jsonl   all rows in order with paths relative to the folder: what "same seed, same bytes" is said of
    images/           pictures
    SHA256SUMS        of canonical.jsonl and every picture; `sha256sum -c SHA256SUMS` checks the folder
    manifest.json     the order, versions of the libraries that draw, counts, and the set's one hash

A folder that was moved gets its absolute paths back with `exports.relocate`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from ...errors import DataError
from ...trajectories.lines import replace_file
from .rows import Row

ROWS, TEXT_ROWS, CANONICAL = 'rows.jsonl', 'rows-text.jsonl', 'canonical.jsonl'
SUMS, MANIFEST, IMAGES = 'SHA256SUMS', 'manifest.json', 'images'
_DRAWING = (
    'pillow',
    'matplotlib',
    'scikit-image',
    'numpy',
    'font-source-sans-pro',
    'font-caladea',
    'font-hanken-grotesk',
    'font-fredoka-one',
)


def dump_row(row: Row) -> str:
    """One line of JSON; equal rows give equal lines."""
    return json.dumps(row, ensure_ascii=False, separators=(',', ':'))


def absolute(row: Row, out: Path) -> Row:
    """The row with picture paths made absolute; the path inside the prompt stays short."""
    images = row['images']
    assert isinstance(images, list)
    return {**row, 'images': [str(out / image) for image in images]}


def read_canonical(out: Path) -> Iterator[Row]:
    """The rows of a set, paths relative to its folder.

    Raises:
        DataError: the folder holds no set.
    """
    path = out / CANONICAL
    if not path.exists():
        raise DataError(f'no set in {out}: {CANONICAL} is missing; make one with thyme synth --out')
    with path.open(encoding='utf-8') as lines:
        for line in lines:
            yield json.loads(line)


def write_rows(out: Path, rows: Iterable[Row]) -> dict[str, int]:
    """Writes the row files as rows come in; nothing is kept in memory.

    Returns:
        File name → number of rows.
    """
    counts = {ROWS: 0, TEXT_ROWS: 0}
    parts = {name: out / f'{name}.part' for name in (ROWS, TEXT_ROWS, CANONICAL)}
    with (
        parts[ROWS].open('w', encoding='utf-8', newline='\n') as pictured,
        parts[TEXT_ROWS].open('w', encoding='utf-8', newline='\n') as plain,
        parts[CANONICAL].open('w', encoding='utf-8', newline='\n') as canonical,
    ):
        for row in rows:
            canonical.write(dump_row(row) + '\n')
            name, file = (ROWS, pictured) if row['images'] else (TEXT_ROWS, plain)
            file.write(dump_row(absolute(row, out)) + '\n')
            counts[name] += 1
    parts[CANONICAL].replace(out / CANONICAL)
    for name, count in counts.items():
        if count:
            parts[name].replace(out / name)
        else:
            parts[name].unlink()
            (out / name).unlink(missing_ok=True)
    return {name: count for name, count in counts.items() if count}


def write_sums(out: Path, files: Iterable[str]) -> str:
    """Writes the check sums of a set's canonical form.

    Args:
        out: the set's folder.
        files: its pictures, relative paths.

    Returns:
        The set's one hash: SHA-256 of the check sum file.
    """
    lines = [f'{sha256_of(out / name)}  {name}\n' for name in sorted({CANONICAL, *files})]
    text = ''.join(lines).encode()
    replace_file(out / SUMS, [text], durable=False)
    return hashlib.sha256(text).hexdigest()


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def versions() -> dict[str, str]:
    """Versions of everything whose change may change a pixel."""
    return {name: metadata.version(name) for name in _DRAWING}


def write_manifest(out: Path, content: Row) -> None:
    """Writes the manifest, keys in the order given."""
    replace_file(out / MANIFEST, [(json.dumps(content, indent=2, ensure_ascii=False) + '\n').encode()], durable=False)
