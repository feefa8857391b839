"""Where rows come from: local parquet and jsonl, and Hugging Face data sets, cut into shards and streamed.

A shard is a unit of work and of restart: a parquet file (or a run of its row groups), or a byte range of a jsonl file.
Rows are read in small batches; picture columns are handed on as views of Arrow's memory, never as Python strings.
Not here: what the rows mean (`convert`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import fsspec
import httpx
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import DataError
from .convert import picture_of
from .pictures import LONGEST_PATH
from .rows import PictureSource, Reason, RowRejected, Split, escape_surrogates, refusing_odd_values

SHARD_BYTES = 512 << 20
"""A larger parquet file is cut into several shards of about this size."""
LINES_BYTES = 64 << 20
"""The same for a jsonl file, whose rows may be small."""
SHARD_ROWS = 50_000
"""A shard of small rows ends after about so many: what is known of its rows is held in memory."""
_SUFFIXES = {'.parquet': 'parquet', '.jsonl': 'jsonl', '.ndjson': 'jsonl'}
_HUB_ID = re.compile(r'[\w][\w.-]*/[\w.-]+(?:@[\w./-]+)?\Z')
_PICTURE_COLUMNS = ('image', 'images')
_BATCH_BYTES = 8 << 20
_READ_BYTES = 1 << 20
_MEMORY_PER_PAGE_BYTE = 1.75
"""Measured: reading a row group that is one page of 489 MB takes 1.6 times its size."""
_HINTS = (
    (re.compile(r'(?<![a-z0-9])(?:2|two)[_-]?rounds?(?![a-z0-9])'), Split.TWO_ROUNDS),
    (re.compile(r'single[_-]?round'), Split.SINGLE_ROUND),
    (re.compile(r'(?<![a-z])computation(?![a-z])'), Split.COMPUTATION_IMAGES),
)


@dataclass(frozen=True)
class Shard:
    """A unit of work. Everything a worker process needs to read it."""

    index: int
    url: str
    """A local path or an fsspec URL."""
    name: str
    """The file's name inside its source, for messages and the `source` column."""
    kind: str
    """`parquet` or `jsonl`."""
    start: int
    stop: int
    """Row groups of a parquet file, bytes of a jsonl file; half-open."""
    first_row: int
    """Number of the shard's first row in its file; for jsonl, its byte offset instead."""
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


def plan(sources: Sequence[str], limit: int | None = None) -> list[Shard]:
    """Cuts sources into shards, in a fixed order.

    Args:
        sources: files, folders, or Hugging Face data set ids (`org/name`, `org/name@revision`, or an fsspec URL such
            as `hf://datasets/org/name/folder`).
        limit: take the first shards only.

    Raises:
        DataError: a source does not exist or holds no parquet or jsonl file.
    """
    shards: list[Shard] = []
    for source in sources:
        for url, name, info in _files(source):
            shards += _cut(len(shards), url, name, info)
            if limit is not None and len(shards) >= limit:
                return shards[:limit]
    return shards


def _files(source: str) -> list[tuple[str, str, dict[str, Any]]]:
    url = source
    if '://' not in source and not Path(source).expanduser().exists() and _HUB_ID.match(source):
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
        hidden = any(part.startswith(('.', '_')) for part in name.split('/'))
        if Path(path).suffix in _SUFFIXES and not hidden:
            url_of = filesystem.unstrip_protocol(path) if remote else path
            files.append((url_of, escape_surrogates(name), found[path]))
    if not files:
        raise DataError(
            f'the source {source!r} holds no data: expected *.parquet or *.jsonl in an existing file, folder or '
            'Hugging Face data set; check the path'
        )
    return files


def _cut(index: int, url: str, name: str, info: dict[str, Any]) -> list[Shard]:
    size = int(info.get('size') or 0)
    fingerprint = f'{name}|{size}|{_content_mark(info)}'
    kind = _SUFFIXES[Path(name).suffix]
    hint = next((split for pattern, split in _HINTS if pattern.search(name.lower())), None)
    if kind == 'jsonl':
        edges = [*range(0, max(size, 1), LINES_BYTES), size]
        runs = [_Run(a, b, a, b - a, _READ_BYTES) for a, b in pairwise(edges)]
    else:
        runs = _row_group_runs(url, size) if '://' not in url else [_Run(0, -1, 0, size, size)]
    return [
        Shard(
            index=index + i,
            url=url,
            name=name,
            kind=kind,
            start=run.start,
            stop=run.stop,
            first_row=run.first_row,
            size_bytes=run.size_bytes,
            fingerprint=f'{fingerprint}|{run.start}-{run.stop}',
            memory_bytes=int(run.page_bytes * _MEMORY_PER_PAGE_BYTE),
            split=hint,
        )
        for i, run in enumerate(runs)
    ]


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


def _ignore(size_bytes: int) -> None:
    """Nobody watches."""


def read(shard: Shard, consumed: Callable[[int], None] = _ignore) -> Iterator[tuple[str, dict[str, Any] | RowRejected]]:
    """Streams a shard's rows.

    Args:
        shard: from `plan`.
        consumed: told how many bytes of the source each step has used up; they sum to about `shard.size_bytes`.

    Yields:
        `file#row` and the row's columns, with pictures as `PictureSource`; or a `RowRejected` in place of a row that
        cannot be read (broken JSON).

    Raises:
        DataError: the file itself is broken; the message names it.
    """
    rows = _read_parquet(shard, consumed) if shard.kind == 'parquet' else _read_jsonl(shard, consumed)
    try:
        yield from rows
    except (OSError, pa.ArrowException, httpx.HTTPError) as error:
        raise DataError(
            f'{shard.name} cannot be read: {type(error).__name__}: {error}; expected a whole {shard.kind} file; '
            'fetch it again, then run the same command: finished shards are kept'
        ) from error


def _read_jsonl(shard: Shard, consumed: Callable[[int], None]) -> Iterator[tuple[str, dict[str, Any] | RowRejected]]:
    with fsspec.open(shard.url, 'rb') as file:
        at = max(shard.start - 1, 0)
        file.seek(at)
        if shard.start:
            at += len(file.readline())
        while at < shard.stop:
            line = file.readline()
            if not line:
                break
            label = f'{shard.name}@{at}'
            at += len(line)
            consumed(len(line))
            if line.strip():
                yield label, _parse_line(line)


def _parse_line(line: bytes) -> dict[str, Any] | RowRejected:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return RowRejected(Reason.MALFORMED_ROW, f'not JSON: {error}')
    return row if isinstance(row, dict) else RowRejected(Reason.MALFORMED_ROW, 'not a JSON object')


def _read_parquet(shard: Shard, consumed: Callable[[int], None]) -> Iterator[tuple[str, dict[str, Any] | RowRejected]]:
    with (
        fsspec.open(shard.url, 'rb') if '://' in shard.url else nullcontext(shard.url) as place,
        pq.ParquetFile(place, buffer_size=_READ_BYTES, pre_buffer=False) as file,
    ):
        stop = shard.stop if shard.stop >= 0 else file.metadata.num_row_groups
        number = shard.first_row
        for group in range(shard.start, stop):
            meta = file.metadata.row_group(group)
            size = sum(meta.column(i).total_uncompressed_size for i in range(meta.num_columns))
            compressed = sum(meta.column(i).total_compressed_size for i in range(meta.num_columns))
            batch_rows = max(1, min(1024, meta.num_rows * _BATCH_BYTES // max(size, 1)))
            for batch in file.iter_batches(batch_size=batch_rows, row_groups=[group], use_threads=False):
                for row in _rows_of(batch):
                    yield f'{shard.name}#{number}', row
                    number += 1
                consumed(compressed * batch.num_rows // max(meta.num_rows, 1))


def _rows_of(batch: pa.RecordBatch) -> Iterator[dict[str, Any] | RowRejected]:
    names = batch.schema.names
    picture_names = [name for name in names if name in _PICTURE_COLUMNS]
    plain = batch.select([name for name in names if name not in picture_names])
    try:
        rows: list[dict[str, Any] | RowRejected] = plain.to_pylist()
    except (ValueError, OverflowError):
        rows = [_plain_row(plain, i) for i in range(batch.num_rows)]
    for i in range(batch.num_rows):
        row = rows[i] if rows else {}
        if isinstance(row, RowRejected):
            yield row
            continue
        try:
            with refusing_odd_values():
                for name in picture_names:
                    row[name] = _cell_pictures(batch.column(name)[i])
        except RowRejected as rejected:
            rejected.row = row
            yield rejected
        else:
            yield row


def _plain_row(batch: pa.RecordBatch, i: int) -> dict[str, Any] | RowRejected:
    """One row, cell by cell: a cell of its batch holds what Python cannot, as bad UTF-8 or a date in year 30,000."""
    row, rejected = dict[str, Any](), None
    for name in batch.schema.names:
        try:
            row[name] = batch.column(name)[i].as_py()
        except (ValueError, OverflowError) as error:
            rejected = RowRejected(Reason.MALFORMED_ROW, f'column {name}: {type(error).__name__}: {error}')
    if rejected is not None:
        rejected.row = row
    return rejected or row


def _cell_pictures(cell: pa.Scalar) -> list[PictureSource] | None:
    if not cell.is_valid:
        return None
    if pa.types.is_list(cell.type) or pa.types.is_large_list(cell.type):
        values = cell.values
        return [_picture(values[i]) for i in range(len(values))]
    return [_picture(cell)]


def _picture(value: pa.Scalar) -> PictureSource:
    if pa.types.is_struct(value.type) and value.is_valid:
        fields = dict(value.items())
        data, path = fields.get('bytes'), fields.get('path')
        if data is not None and data.is_valid:
            return _picture(data)
        return picture_of({'path': path.as_py() if path is not None else None})
    if not value.is_valid:
        return picture_of(None)
    if pa.types.is_binary(value.type) or pa.types.is_large_binary(value.type):
        return PictureSource(data=memoryview(value.as_buffer()))
    if pa.types.is_string(value.type) or pa.types.is_large_string(value.type):
        view = memoryview(value.as_buffer())
        return PictureSource(base64=view) if len(view) > LONGEST_PATH else picture_of(value.as_py())
    return picture_of(value.as_py())
