"""Prepared rows on disk: the column types, and a writer that holds a few megabytes at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..rows import Kind, PreparedRow
from .options import RowFormat

_FLUSH_BYTES = 8 << 20
_MESSAGES = pa.list_(pa.struct([('role', pa.string()), ('content', pa.string())]))
_COMMON = [('messages', _MESSAGES), ('images', pa.list_(pa.string()))]
SCHEMAS = {
    Kind.SFT: pa.schema([*_COMMON, ('id', pa.string()), ('source', pa.string()), ('rounds', pa.int32())]),
    Kind.RL: pa.schema(
        [
            *_COMMON,
            ('solution', pa.string()),
            ('question', pa.string()),
            ('id', pa.string()),
            ('source', pa.string()),
            ('extra', pa.string()),
        ]
    ),
}
"""Columns of a prepared row. The host trains on `messages` and `images`; the others reach the reward functions."""


def as_columns(row: PreparedRow, kind: Kind) -> dict[str, Any]:
    """A row as it is written."""
    values = {
        'messages': [dict(message) for message in row.messages],
        'images': list(row.images),
        'id': row.id,
        'source': row.source,
        'rounds': row.rounds,
        'solution': row.solution,
        'question': row.question,
        'extra': row.extra,
    }
    return {name: values[name] for name in SCHEMAS[kind].names}


class RowWriter:
    """Writes rows of one split to one file, which is whole only after `close`."""

    def __init__(self, path: Path, kind: Kind, row_format: RowFormat) -> None:
        """Opens `path` for writing; its folder is made."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._schema = SCHEMAS[kind]
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0
        self._file = path.open('wb')
        parquet = row_format is RowFormat.PARQUET
        self._parquet = pq.ParquetWriter(self._file, self._schema, compression='zstd') if parquet else None

    def write(self, row: Mapping[str, Any]) -> None:
        """Adds one row, given by column."""
        self._rows.append(dict(row))
        self._bytes += sum(len(message['content']) for message in row['messages'])
        if self._bytes >= _FLUSH_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._parquet is not None and self._rows:
            self._parquet.write_table(pa.Table.from_pylist(self._rows, self._schema))
        elif self._rows:
            lines = (json.dumps(row, ensure_ascii=False) + '\n' for row in self._rows)
            self._file.write(''.join(lines).encode())
        self._rows.clear()
        self._bytes = 0

    def close(self) -> None:
        """Writes what is held back and ends the file."""
        self._flush()
        if self._parquet is not None:
            self._parquet.close()
        self._file.close()

    def __enter__(self) -> RowWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Streams the rows of a prepared file."""
    if path.suffix == '.parquet':
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=256, use_threads=False):
                yield from batch.to_pylist()
    else:
        with path.open('rb') as lines:
            for line in lines:
                yield json.loads(line)


def rewrite(path: Path, target: Path, kind: Kind, keep: Callable[[dict[str, Any]], bool]) -> int:
    """Copies the rows that `keep` accepts into `target`, in the format of `path`; returns how many."""
    row_format = RowFormat(path.suffix.removeprefix('.'))
    kept = 0
    with RowWriter(target, kind, row_format) as writer:
        for row in read_rows(path):
            if keep(row):
                writer.write(row)
                kept += 1
    return kept
