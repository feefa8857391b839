"""One shard in one process: read, convert, write to the run's scratch folder, and say what was found.

Nothing here is final: the parent drops duplicates and moves the files into place. A worker ends with its parent.
"""

from __future__ import annotations

import ctypes
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..convert import Converter
from ..lengths import LengthChecker
from ..pictures import PictureStore
from ..rows import PictureSource, PreparedRow, Reason, RowRejected, Split
from ..sources import Shard, read
from .options import Options
from .tally import RowFact
from .writer import RowWriter, as_columns

REJECTED = 'rejected.jsonl'
_TICK_S = 0.25
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 512 << 20
_SAMPLES = 2
"""Sample rows that a shard offers the report, per split."""
_EXCERPT_CHARS = 4000
_DEPTH = 8


@dataclass
class ShardResult:
    """What one worker made of one shard."""

    index: int
    rows: int = 0
    """Rows read."""
    facts: list[RowFact] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    rejected_samples: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: float = 0.0


class _Process:
    """What a worker process keeps between shards."""

    converter: Converter
    options: Options
    progress: Queue[tuple[int, int]]


def start_worker(options: Options, progress: Queue[tuple[int, int]]) -> None:
    """Makes this process ready; given to the pool as its initializer."""
    pa.set_cpu_count(1)
    _keep_freed_memory()
    _end_with_parent()
    _Process.options = options
    _Process.progress = progress
    _Process.converter = Converter(
        kind=options.kind,
        store=PictureStore(options.out),
        root=options.out,
        system=options.system,
        keep_paths=options.keep_paths,
        decode=options.decode,
        lengths=LengthChecker(options.lengths) if options.lengths else None,
    )


def _keep_freed_memory() -> None:
    """Lets glibc use the memory of one picture again for the next, in place of returning and faulting in its pages.

    Measured: a tenth of the processor time, 9,000 page faults in place of 120,000 per 1,000 rows, the same peak.
    """
    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)


def _end_with_parent() -> None:
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class _Ticker:
    """Sends progress to the parent a few times a second."""

    def __init__(self, queue: Queue[tuple[int, int]]) -> None:
        self._queue = queue
        self._rows = self._bytes = 0
        self._sent = time.monotonic()

    def row(self) -> None:
        self._rows += 1

    def consumed(self, size_bytes: int) -> None:
        self._bytes += size_bytes
        if time.monotonic() - self._sent >= _TICK_S:
            self.flush()

    def flush(self) -> None:
        self._queue.put((self._rows, self._bytes))
        self._rows = self._bytes = 0
        self._sent = time.monotonic()


def process_shard(shard: Shard, scratch: Path) -> ShardResult:
    """Converts one shard into `scratch`: one file per split that has rows, and `rejected.jsonl`.

    Raises:
        DataError: the shard's file is broken.
    """
    started = time.monotonic()
    scratch.mkdir(parents=True, exist_ok=True)
    result = ShardResult(shard.index)
    ticker = _Ticker(_Process.progress)
    writers: dict[Split, RowWriter] = {}
    seen: set[str] = set()
    try:
        with (scratch / REJECTED).open('w', encoding='utf-8', errors='backslashreplace') as rejected:
            for source, row in read(shard, ticker.consumed):
                result.rows += 1
                ticker.row()
                try:
                    prepared = _convert(row, source, shard)
                    if prepared.id in seen:
                        raise RowRejected(Reason.DUPLICATE, 'the same row comes earlier in this shard')
                except RowRejected as refusal:
                    _reject(result, rejected.write, source, refusal, row)
                    continue
                seen.add(prepared.id)
                _keep(result, writers, prepared, scratch)
    finally:
        for writer in writers.values():
            writer.close()
        ticker.flush()
    result.seconds = time.monotonic() - started
    return result


def _convert(row: dict[str, Any] | RowRejected, source: str, shard: Shard) -> PreparedRow:
    if isinstance(row, RowRejected):
        raise row
    return _Process.converter.convert(row, source, base=shard.base, split=shard.split)


def _keep(result: ShardResult, writers: dict[Split, RowWriter], row: PreparedRow, scratch: Path) -> None:
    options = _Process.options
    if row.split not in writers:
        name = f'{row.split.value}.{options.row_format.value}'
        writers[row.split] = RowWriter(scratch / name, options.kind, options.row_format)
    writers[row.split].write(as_columns(row, options.kind))
    result.facts.append(
        RowFact(
            id=row.id,
            split=row.split,
            pictures=row.sizes,
            picture_bytes=row.picture_bytes,
            chars=sum(len(message['content']) for message in row.messages),
            rounds=row.rounds,
            fixes=tuple(fix.value for fix in row.fixes),
            carried=row.carried,
            ignored=row.ignored,
        )
    )
    samples = result.samples.setdefault(row.split.value, [])
    if len(samples) < _SAMPLES:
        samples.append({**asdict(row), 'split': row.split.value, 'fixes': [fix.value for fix in row.fixes]})


def _reject(
    result: ShardResult, write: Any, source: str, refusal: RowRejected, row: Mapping[str, Any] | RowRejected
) -> None:
    texts = describe(row.row if isinstance(row, RowRejected) else row)
    line = {'source': source, 'reason': refusal.reason.value, 'detail': refusal.detail, 'row': texts}
    write(json.dumps(line, ensure_ascii=False) + '\n')
    result.rejected[refusal.reason.value] += 1
    if refusal.reason.value not in result.rejected_samples:
        cut = {key: value[:_EXCERPT_CHARS] if isinstance(value, str) else value for key, value in texts.items()}
        result.rejected_samples[refusal.reason.value] = {**line, 'row': cut}


def describe(row: Mapping[str, Any]) -> dict[str, Any]:
    """A source row for the rejected file: its texts in full, its pictures by kind and size."""
    return {
        key: _describe_pictures(value) if key in ('image', 'images') else _plain(value) for key, value in row.items()
    }


def _describe_pictures(value: Any) -> Any:
    pictures = value if isinstance(value, list) else [value]
    return [_describe_picture(picture) for picture in pictures]


def _describe_picture(picture: Any) -> Any:
    if isinstance(picture, dict):
        return {key: _describe_picture(value) for key, value in picture.items()}
    if isinstance(picture, PictureSource):
        if picture.path is not None:
            return {'path': picture.path}
        held = picture.data if picture.data is not None else picture.base64 or ''
        return {'bytes' if picture.data is not None else 'base64_chars': len(held)}
    if isinstance(picture, (str, bytes)) and len(picture) > 300:
        return {'chars': len(picture)}
    return _plain(picture)


def _plain(value: Any, depth: int = 0) -> Any:
    """A value as JSON can hold it: what is nested deeper than anybody reads is told by its type."""
    if isinstance(value, dict | list) and depth >= _DEPTH:
        return f'{type(value).__name__} of {len(value)}'
    if isinstance(value, dict):
        return {str(key): _plain(one, depth + 1) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one, depth + 1) for one in value]
    return value if value is None or isinstance(value, str | int | float) else repr(value)[:_EXCERPT_CHARS]
