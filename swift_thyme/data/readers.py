"""Streams the rows of a piece of a source: parquet, JSON lines, a JSON list, CSV.

Owns what is one odd row and what is a broken file. Not here: which files there are (`sources`), and what rows mean
(`forms`).
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import IO, Any

import fsspec
import httpx
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import DataError
from .rows import Reason, RowRejected, as_row, escape_surrogates, parse_line, read_object
from .sources import BOM, READ_BYTES, Piece, open_source

_BATCH_BYTES = 8 << 20
_ODD_CELLS = (ValueError, OverflowError, KeyError)


def _ignore(size_bytes: int) -> None:
    """Nobody watches."""


Rows = Iterator[tuple[str, dict[str, Any] | RowRejected]]


def read(piece: Piece, consumed: Callable[[int], None] = _ignore) -> Rows:
    """Streams the rows of a piece of a source.

    Args:
        piece: from `plan`.
        consumed: told how many bytes of the source each step has used up; they sum to about `piece.size_bytes`.

    Yields:
        `file#row` and the row's columns; or a `RowRejected` in place of a row that cannot be read (broken JSON).

    Raises:
        DataError: the file itself is broken; the message names it.
    """
    try:
        if piece.form == 'parquet':
            yield from _read_parquet(piece, consumed)
            return
        with open_source(piece.url, piece.name) as file:
            if piece.form == 'lines':
                yield from _read_lines(piece, file, consumed)
            else:
                rows = _read_array(file) if piece.form == 'array' else _read_csv(file)
                yield from ((f'{piece.name}#{number}', row) for number, row in enumerate(rows))
                consumed(piece.size_bytes)
    except (OSError, EOFError, ValueError, RecursionError, csv.Error, pa.ArrowException, httpx.HTTPError) as error:
        raise DataError(
            f'{piece.name} cannot be read: {type(error).__name__}: {error}; expected a whole {piece.form} file; '
            'fetch it again, then run the same command: finished shards are kept'
        ) from error


def _read_lines(piece: Piece, file: IO[bytes], consumed: Callable[[int], None]) -> Rows:
    at = max(piece.start - 1, 0)
    file.seek(at)
    if piece.start:
        at += len(file.readline())
    while piece.stop < 0 or at < piece.stop:
        line = file.readline()
        if not line:
            break
        if not at and line.startswith((b'\xff\xfe', b'\xfe\xff')):
            raise ValueError('UTF-16 or UTF-32; expected UTF-8')
        label = f'{piece.name}@{at}'
        at += len(line)
        if piece.stop >= 0:
            consumed(len(line))
        if line.removeprefix(BOM).strip():
            yield label, parse_line(line)
    if piece.stop < 0:
        consumed(piece.size_bytes)


def _read_array(file: IO[bytes]) -> Iterator[dict[str, Any] | RowRejected]:
    """A list of rows, or such lists one a line; the whole file is held in memory."""
    text = file.read()
    try:
        values = json.loads(text, object_pairs_hook=read_object)
    except json.JSONDecodeError as whole:
        try:
            lists = [json.loads(line, object_pairs_hook=read_object) for line in text.splitlines() if line.strip()]
        except json.JSONDecodeError:
            raise whole from None
        values = [value for one in lists for value in one]
    return map(as_row, values)


def _read_csv(file: IO[bytes]) -> Iterator[dict[str, Any] | RowRejected]:
    csv.field_size_limit(sys.maxsize)
    with io.TextIOWrapper(file, encoding='utf-8-sig', errors='surrogateescape', newline='') as text:
        rows = csv.DictReader(text, strict=True)
        _check_names(rows.fieldnames or ())
        while True:
            try:
                row: dict[Any, Any] = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                if 'end of data' in str(error):  # a quote that is never closed took in all rows behind it
                    raise
                yield RowRejected(Reason.MALFORMED_ROW, f'not CSV: {error}')
            else:
                yield _checked(row)


def _checked(row: dict[Any, Any]) -> dict[str, Any] | RowRejected:
    further = row.pop(None, ())
    odd = [escape_surrogates(name) for name, cell in row.items() if cell and escape_surrogates(cell) != cell]
    if not (further or odd):
        return row
    what = f'more cells than the header has: {further!r}' if further else f'{odd[0]} is not UTF-8'
    rejected = RowRejected(Reason.MALFORMED_ROW, escape_surrogates(what))
    rejected.row = row
    return rejected


def _check_names(names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f'two columns have the name {twice[0]!r}; rename one')


def _read_parquet(piece: Piece, consumed: Callable[[int], None]) -> Rows:
    with (
        fsspec.open(piece.url, 'rb') if '://' in piece.url else nullcontext(piece.url) as place,
        pq.ParquetFile(place, buffer_size=READ_BYTES, pre_buffer=False) as file,
    ):
        _check_names(file.schema_arrow.names)
        stop = piece.stop if piece.stop >= 0 else file.metadata.num_row_groups
        number = piece.first_row
        for group in range(piece.start, stop):
            meta = file.metadata.row_group(group)
            size = sum(meta.column(i).total_uncompressed_size for i in range(meta.num_columns))
            compressed = sum(meta.column(i).total_compressed_size for i in range(meta.num_columns))
            batch_rows = max(1, min(1024, meta.num_rows * _BATCH_BYTES // max(size, 1)))
            for batch in file.iter_batches(batch_size=batch_rows, row_groups=[group], use_threads=False):
                try:
                    rows = batch.to_pylist(maps_as_pydicts='strict')
                except _ODD_CELLS:
                    rows = [_read_cells(batch, i) for i in range(batch.num_rows)]
                for row in rows:
                    yield f'{piece.name}#{number}', row
                    number += 1
                consumed(compressed * batch.num_rows // max(meta.num_rows, 1))


def _read_cells(batch: pa.RecordBatch, i: int) -> dict[str, Any] | RowRejected:
    """One row, cell by cell: one of its batch holds what Python cannot: bad UTF-8, the year 30,000, a key twice."""
    row, rejected = dict[str, Any](), None
    for name in batch.schema.names:
        try:
            row[name] = batch.column(name)[i].as_py(maps_as_pydicts='strict')
        except _ODD_CELLS as error:
            rejected = RowRejected(Reason.MALFORMED_ROW, f'column {name}: {type(error).__name__}: {error}')
    if rejected is not None:
        rejected.row = row
    return rejected or row
