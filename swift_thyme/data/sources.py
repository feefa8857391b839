"""Where rows come from: local files and Hugging Face data sets, cut into shards.

A shard is a unit of work and of restart: a parquet file (or a run of its row groups), a byte range of a file of JSON
lines, another file as a whole, or many small files. Not here: reading them (`readers`), what the rows mean (`forms`).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import fsspec
import httpx
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import DataError
from .rows import Split, escape_surrogates

SHARD_BYTES = 512 << 20
"""A larger parquet file is cut into several shards of about this size."""
LINES_BYTES = 64 << 20
"""The same for a file of JSON lines, whose rows may be small."""
SHARD_ROWS = 50_000
"""A shard of small rows ends after about so many: what is known of its rows is held in memory."""
_SUFFIXES = {'.parquet': 'parquet', '.jsonl': 'lines', '.ndjson': 'lines', '.json': 'lines', '.csv': 'csv'}
_NOT_ROWS = re.compile(
    r'(|.*\.(jpe?g|png|webp|gif|bmp|tiff?|avif|svg|md|rst|pdf|html|py|sh|ya?ml|lock|log))\Z', re.IGNORECASE
)
"""Of files that nobody expects to be read as rows."""
_HUB_ID = re.compile(r'[\w][\w.-]*/[\w.-]+(?:@[\w./-]+)?\Z')
BOM = b'\xef\xbb\xbf'
READ_BYTES = 1 << 20
_HEAD_BYTES = 64 << 10
_SMALL_BYTES, _ALONE, _TOGETHER = 2 << 20, 64, 64
"""Behind so many shards, files up to this size share one, so many at most: a shard costs some disk flushes."""
_MEMORY_PER_PAGE_BYTE = 1.75
"""Measured: reading a row group that is one page of 489 MB takes 1.6 times its size."""
_MEMORY_PER_JSON_BYTE = 5
"""Of a list, held as a whole; with the factor above 8.75. Measured: 4 for conversations, 9.5 for short rows."""
_GZIP_LENGTH_BYTES = 4
_HINTS = (
    (re.compile(r'(?<![a-z0-9])(?:2|two)[_-]?rounds?(?![a-z0-9])'), Split.TWO_ROUNDS),
    (re.compile(r'single[_-]?round'), Split.SINGLE_ROUND),
    (re.compile(r'(?<![a-z])computation(?![a-z])'), Split.COMPUTATION_IMAGES),
)


@dataclass(frozen=True)
class Piece:
    """A file, or a stretch of one."""

    url: str
    """A local path or an fsspec URL."""
    name: str
    """The file's name inside its source, for messages and the `source` column."""
    form: str
    """`parquet`, `lines`, `array` (JSON) or `csv`."""
    start: int
    stop: int
    """Row groups of a parquet file, bytes of a file of lines; half-open, -1 for the end."""
    first_row: int
    size_bytes: int
    fingerprint: str
    """Changes when the source's content does."""
    memory_bytes: int
    """What reading it may take at a time, estimated: a writer may have put a whole row group into one page."""
    split: Split | None
    """What the file's name says of its rows; COMPUTATION_IMAGES stands for both computation splits."""

    @property
    def base(self) -> Path | None:
        """Where relative picture paths of a local source start."""
        return Path(self.url).parent if '://' not in self.url else None


@dataclass(frozen=True)
class Shard:
    """A unit of work. Everything a worker process needs to read it."""

    index: int
    pieces: tuple[Piece, ...]

    @property
    def name(self) -> str:
        """For messages."""
        more = f' and {len(self.pieces) - 1} more' if len(self.pieces) > 1 else ''
        return self.pieces[0].name + more

    @property
    def size_bytes(self) -> int:
        """Of the source."""
        return sum(piece.size_bytes for piece in self.pieces)

    @property
    def fingerprint(self) -> str:
        """Changes when the content of one of its files does."""
        if len(self.pieces) == 1:
            return self.pieces[0].fingerprint
        return hashlib.sha256('\n'.join(piece.fingerprint for piece in self.pieces).encode()).hexdigest()


def plan(sources: Sequence[str], limit: int | None = None) -> tuple[list[Shard], list[str]]:
    """Cuts sources into shards, in a fixed order.

    Args:
        sources: files, folders, or Hugging Face data set ids (`org/name`, `org/name@revision`, or an fsspec URL such
            as `hf://datasets/org/name/folder`).
        limit: take the first shards only.

    Returns:
        The shards, and the names of files that may be data and are not read.

    Raises:
        DataError: a source does not exist or holds no file of rows.
    """
    packs: list[list[Piece]] = []
    skipped: list[str] = []
    for source in sources:
        filesystem, found = _files(source, skipped)
        pieces = [piece for url, name, info in found for piece in _cut(filesystem, url, name, info, skipped)]
        if not pieces:
            raise DataError(
                f'the source {source!r} holds no data: expected *.parquet, *.jsonl, *.json or *.csv in an existing '
                f'file, folder or Hugging Face data set, got {", ".join(skipped[:3]) or "none"}; check the path'
            )
        first = len(packs)
        for piece in pieces:
            small = len(packs) > max(_ALONE, first) and len(packs[-1]) < _TOGETHER
            if small and max(piece.size_bytes, packs[-1][0].size_bytes) <= _SMALL_BYTES:
                packs[-1].append(piece)
            else:
                packs.append([piece])
    return [Shard(i, tuple(pack)) for i, pack in enumerate(packs[:limit])], skipped


def _files(source: str, skipped: list[str]) -> tuple[Any, list[tuple[str, str, dict[str, Any]]]]:
    url, here = source, Path(source).expanduser()
    if '://' not in source and not here.exists() and _HUB_ID.match(source):
        if here.parent.is_dir():
            there = ', '.join(sorted(entry.name for entry in here.parent.iterdir() if entry.name[0] != '.')[:8])
            raise DataError(
                f'no such file or folder: got {source!r}; expected one that exists, or a Hugging Face data set id; in '
                f'{here.parent} there is {escape_surrogates(there) or "nothing"}'
            )
        url = f'hf://datasets/{source}'
    filesystem, root = fsspec.core.url_to_fs(url if '://' in url else str(Path(url).expanduser().resolve()))
    remote = '://' in url
    try:
        single = filesystem.isfile(root)
        found = {root: filesystem.info(root)} if single else filesystem.find(root, detail=True)
    except (OSError, ValueError, httpx.HTTPError) as error:
        raise DataError(
            f'the source {source!r} cannot be read: {error}; expected a file, a folder or a Hugging Face data set id; '
            'check the name, the network and, for a private set, `hf auth login`'
        ) from error
    files = []
    for path in sorted(found):
        name = path[len(root) :].lstrip('/') or path.rsplit('/', 1)[-1]
        if any(part.startswith('.') for part in name.split('/')):
            skipped += [escape_surrogates(name)] if _suffix(name) in _SUFFIXES else []
            continue
        if not remote and os.path.exists(path) and not os.path.isfile(path):
            skipped.append(f'{escape_surrogates(name)} (not a regular file)')
            continue
        if _suffix(name) in _SUFFIXES and not any(part.startswith('_') for part in name.split('/')):
            files.append((filesystem.unstrip_protocol(path) if remote else path, escape_surrogates(name), found[path]))
        elif not _NOT_ROWS.match(Path(name).suffix):
            skipped.append(escape_surrogates(name))
    return filesystem, files


def _suffix(name: str) -> str:
    return Path(name.removesuffix('.gz')).suffix.lower()


def _cut(filesystem: Any, url: str, name: str, info: dict[str, Any], skipped: list[str]) -> list[Piece]:
    size = int(info.get('size') or 0)
    form = _SUFFIXES[_suffix(name)]
    if form == 'lines':
        form = _form_of_json(url, name)
    if form == 'object':
        skipped.append(f'{name} (one JSON object, not a list of rows)')
        return []
    if form == 'parquet':
        runs = _row_group_runs(url, size) if '://' not in url else [_Run(0, -1, 0, size, size)]
    elif form == 'lines' and not name.endswith('.gz'):
        edges = [*range(0, max(size, 1), LINES_BYTES), size]
        runs = [_Run(a, b, a, b - a, READ_BYTES) for a, b in pairwise(edges)]
    else:
        held = _unpacked_bytes(url, name, size) * _MEMORY_PER_JSON_BYTE if form == 'array' else READ_BYTES
        runs = [_Run(0, -1, 0, size, held)]
    fingerprint = f'{name}|{size}|{_content_mark(info)}'
    hint = next((split for pattern, split in _HINTS if pattern.search(name.lower())), None)
    whole = Piece(url, name, form, 0, -1, 0, size, fingerprint, 0, hint)
    return [
        replace(
            whole,
            start=run.start,
            stop=run.stop,
            first_row=run.first_row,
            size_bytes=run.size_bytes,
            fingerprint=f'{fingerprint}|{run.start}-{run.stop}',
            memory_bytes=int(run.page_bytes * _MEMORY_PER_PAGE_BYTE),
        )
        for run in runs
    ]


def _form_of_json(url: str, name: str) -> str:
    """Whether a file holds JSON lines or one list; `object` for a single object over several lines."""
    try:
        with open_source(url, name) as file:
            head = file.read(_HEAD_BYTES).removeprefix(BOM).lstrip()
    except (OSError, EOFError, httpx.HTTPError):
        return 'lines'
    if head.startswith(b'['):
        return 'array'
    first, _, rest = head.partition(b'\n')
    return 'object' if rest and first.strip() == b'{' else 'lines'


def _unpacked_bytes(url: str, name: str, size_bytes: int) -> int:
    """How long a file is without compression, by gzip's last four bytes, which count up to 4 GiB."""
    if not name.endswith('.gz') or size_bytes < _GZIP_LENGTH_BYTES:
        return size_bytes
    try:
        with fsspec.open(url, 'rb') as file:
            file.seek(size_bytes - _GZIP_LENGTH_BYTES)
            return max(size_bytes, int.from_bytes(file.read(), 'little'))
    except (OSError, httpx.HTTPError):
        return size_bytes


def open_source(url: str, name: str) -> Any:
    """A file of a source, without its compression, as a context."""
    return fsspec.open(url, 'rb', compression='gzip' if name.endswith('.gz') else None)


@dataclass(frozen=True)
class _Run:
    """A stretch of a file that becomes a shard."""

    start: int
    stop: int
    first_row: int
    size_bytes: int
    page_bytes: int


def _content_mark(info: dict[str, Any]) -> str:
    lfs = info.get('lfs')
    for mark in (getattr(lfs, 'sha256', None), info.get('blob_id'), info.get('ETag'), info.get('mtime')):
        if mark is not None:
            return str(mark)
    return ''


def _row_group_runs(path: str, size_bytes: int) -> list[_Run]:
    """Runs of row groups of about `SHARD_BYTES`; the whole file where it cannot be read (`read` then says why)."""
    runs: list[_Run] = []
    try:
        with pq.ParquetFile(path) as file:
            start = first_row = size = rows = page = 0
            for number in range(file.metadata.num_row_groups):
                group = file.metadata.row_group(number)
                columns = [group.column(i).total_compressed_size for i in range(group.num_columns)]
                size, rows, page = size + sum(columns), rows + group.num_rows, max(page, *columns)
                full = size >= SHARD_BYTES or rows >= SHARD_ROWS
                if full or number == file.metadata.num_row_groups - 1:
                    runs.append(_Run(start, number + 1, first_row, size, page))
                    start, first_row, size, rows, page = number + 1, first_row + rows, 0, 0, 0
    except (OSError, pa.ArrowException):
        return [_Run(0, -1, 0, size_bytes, 0)]
    return runs
