"""One preparation: plan shards, convert them in worker processes, commit them one by one, report.

Workers write into scratch; the parent alone drops rows that an earlier shard has, moves files into place and marks the
shard as finished. Shards are committed in their order, so that of equal rows always the first is kept, however many
workers there are and however often the run was killed.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ...errors import DataError
from ..manifest import MANIFEST
from ..paths import check_root
from ..rows import DROPPABLE, PreparedRow, Reason, Split, Verdict
from ..sources import Shard, plan
from .certification import FOLDER, Certifier
from .options import FORMAT_VERSION, Options
from .report import write_report
from .state import State, publish, write_json
from .tally import Tally, total
from .worker import REJECTED, ShardResult, describe, process_shard, start_worker
from .writer import read_rows, rewrite

_POLL_S = 0.1
_AHEAD = 2
"""Shards per worker that may be in work or wait for their turn to be committed."""
_PARENT_BYTES, _WORKER_BYTES = 110 << 20, 180 << 20
"""What a process takes beside the pages it reads. Measured: 75 MB idle, the rest for batches and freed memory."""


@dataclass
class Prepared:
    """What a run left behind."""

    tally: Tally
    shards: int
    resumed: int = 0
    """Shards that were there from an earlier run."""
    failed: dict[str, str] = field(default_factory=dict)
    """Source files that could not be read, and why. The set is not complete while there are any."""
    skipped: list[str] = field(default_factory=list)
    """Files of the sources that may be data and are in no format of rows."""
    columns_missed: list[str] = field(default_factory=list)
    """Names in `--columns` that no row has."""
    not_certified: str = ''
    """Why no code was run, where a sample was wanted and this machine cannot run the sandbox."""


def prepare(options: Options, bar: tqdm[Any] | None = None, *, restart: bool = False) -> Prepared:
    """Prepares a set, or goes on where an earlier run stopped.

    Args:
        options: of the run.
        bar: shows the bytes of the sources.
        restart: forget what an earlier run left.

    Returns:
        Counts over the whole set. Files that cannot be read are listed, not raised: the others are done.

    Raises:
        ConfigError: other settings or another source than the run that began the set.
        DataError: no source holds data, one is a prepared set or a list too large for the memory, or the set cannot
            be written (a full disk).
        SandboxUnavailable: all rows are to be certified, and this machine cannot run the sandbox.
    """
    check_root(options.out)
    _check_sources(options)
    shards, skipped = plan(options.sources, options.shards)
    _check_memory(options, shards)
    options.out.mkdir(parents=True, exist_ok=True)
    state = State(options.out, restart=restart)
    try:
        done = _prepare(options, state, shards, skipped, tqdm(disable=True) if bar is None else bar)
    except (OSError, sqlite3.OperationalError) as error:
        raise DataError(
            f'the preparation stopped: {error}; expected room for the set in {options.out}; make room, then run the '
            'same command again: finished shards are kept'
        ) from error
    finally:
        state.close()
    return done


def _check_sources(options: Options) -> None:
    for source in options.sources:
        path = Path(source).expanduser().absolute()
        root = next((folder for folder in (path, *path.parents) if (folder / MANIFEST).is_file()), None)
        if root is not None:
            raise DataError(
                f'{source} is a prepared set already, or a part of one ({root / MANIFEST}); expected rows as they were '
                'published; train on it as it is, or name what it was made from'
            )


def _check_memory(options: Options, shards: Sequence[Shard]) -> None:
    for piece in (piece for shard in shards for piece in shard.pieces):
        if piece.form == 'array' and piece.memory_bytes > options.memory_bytes:
            raise DataError(
                f'{piece.name} is one JSON list, which is held in memory as a whole: about '
                f'{piece.memory_bytes / (1 << 30):.1f} GiB, more than the {options.memory_bytes / (1 << 30):g} GiB of '
                '--memory-gib; convert it to .jsonl (one row a line), or give more'
            )


def _prepare(options: Options, state: State, shards: list[Shard], skipped: list[str], bar: tqdm[Any]) -> Prepared:
    state.check_settings(options)
    state.check_shards(len(shards))
    certifier = Certifier(options, state, len(shards), lambda rows: bar.set_postfix_str(f'{rows} rows of code run'))
    markers = {
        shard.index: marker
        for shard in shards
        if (marker := state.finished(shard)) is not None and _is_as_wanted(marker, options, certifier)
    }
    done = Prepared(Tally(), len(shards), len(markers), skipped=skipped)
    todo = [shard for shard in shards if shard.index not in markers]
    bar.reset(sum(shard.size_bytes for shard in todo))
    if todo:
        write_manifest(options, total(map(_tally, markers.values())), complete=False)
    for shard, result in _work(options, state, todo, bar):
        markers[shard.index] = _commit(options, state, certifier, shard, result)
    ordered = [markers[index] for index in sorted(markers)]
    for marker in ordered:
        done.failed.update(marker['failed'])
    found = {name for marker in ordered for name in marker.get('columns', options.columns)}
    done.columns_missed = sorted(set(options.columns) - found)
    done.tally, done.not_certified = total(map(_tally, ordered)), certifier.unavailable
    write_manifest(options, done.tally, complete=not done.failed)
    write_report(options, done.tally, ordered, done.failed, skipped)
    return done


def _is_as_wanted(marker: dict[str, Any], options: Options, certifier: Certifier) -> bool:
    """Whether a finished shard need not be made again: as many rows certified as are asked."""
    if marker['dropped'] != _dropped(options):
        return False
    return not options.certify_rows or (
        certifier.quota <= marker['certified_rows'] and not marker['tally']['sandbox_failures']
    )


def _dropped(options: Options) -> list[str]:
    return sorted(verdict.value for verdict in options.drop)


def _tally(marker: dict[str, Any]) -> Tally:
    return Tally.from_json(marker['tally'])


def write_manifest(options: Options, tally: Tally, *, complete: bool) -> None:
    """Says in the set's folder what the set is; `host.datasets` reads it when the set is loaded."""
    folders = {split.value: {'folder': split.folder, 'rows': tally.kept[split.value]} for split in Split}
    manifest = {
        'version': FORMAT_VERSION,
        'kind': options.kind.value,
        'complete': complete,
        'settings': options.meaning(),
        'sources': list(options.sources),
        'splits': {name: entry for name, entry in folders.items() if entry['rows']},
    }
    write_json(options.out / MANIFEST, manifest)


def workers_for(options: Options, shards: Sequence[Shard]) -> int:
    """How many workers fit into the memory that was given; at least one."""
    largest = max((piece.memory_bytes for shard in shards for piece in shard.pieces), default=0)
    fitting = (options.memory_bytes - _PARENT_BYTES) // (_WORKER_BYTES + largest)
    return int(max(1, min(options.workers, len(shards), fitting)))


def _work(options: Options, state: State, todo: list[Shard], bar: tqdm[Any]) -> Iterator[tuple[Shard, ShardResult]]:
    """Converts shards in worker processes, or in this one where one is enough, and hands them out in their order."""
    context = multiprocessing.get_context('spawn')
    consumed = context.Value('q', 0)
    workers = workers_for(options, todo)
    if workers == 1:
        start_worker(options, consumed)
        for shard in todo:
            yield shard, process_shard(shard, state.scratch / f'{shard.index:05d}')
            bar.update(consumed.value - bar.n)
        return
    waiting: dict[int, Future[ShardResult]] = {}
    ahead = iter(todo)
    with ProcessPoolExecutor(workers, context, start_worker, (options, consumed, os.getpid())) as pool:
        try:
            for shard in todo:
                while len(waiting) < workers * _AHEAD and (following := next(ahead, None)) is not None:
                    folder = state.scratch / f'{following.index:05d}'
                    waiting[following.index] = pool.submit(process_shard, following, folder)
                result = waiting.pop(shard.index)
                while not wait([result], timeout=_POLL_S).done:
                    bar.update(consumed.value - bar.n)
                yield shard, _outcome(result, shard)
                bar.update(consumed.value - bar.n)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _outcome(result: Future[ShardResult], shard: Shard) -> ShardResult:
    try:
        return result.result()
    except BrokenProcessPool as error:
        raise DataError(
            f'a worker process died near {shard.name} (out of memory, or killed); finished shards are kept: run the '
            'same command again, with fewer --workers if memory was short'
        ) from error


def _commit(options: Options, state: State, certifier: Certifier, shard: Shard, result: ShardResult) -> dict[str, Any]:
    """Makes a converted shard part of the set; a kill at any point leaves it undone, never half done.

    A source that could not be read to its end takes no place of what an earlier run finished.
    """
    if result.failed and (finished := state.finished(shard)) is not None:
        return {**finished, 'failed': result.failed}
    scratch = state.scratch / f'{shard.index:05d}'
    taken = state.seen.claim(shard.index, [row.id for row in result.kept])
    _refuse(
        options, scratch, result, dict.fromkeys(taken, (Reason.DUPLICATE, 'the same row comes in an earlier shard'))
    )
    reports, failures = certifier.certify(shard.index, scratch, result.kept)
    doomed = {report['id']: report for report in reports if Verdict(report['verdict']) in options.drop}
    _refuse(options, scratch, result, {key: _verdict(report) for key, report in doomed.items()})
    (scratch / FOLDER).write_text(
        ''.join(json.dumps(report, ensure_ascii=False) + '\n' for report in reports), encoding='utf-8'
    )
    state.reopen(shard)
    suffix, part = options.row_format.value, f'part-{shard.index:05d}'
    for split in Split:
        there = any(row.split is split for row in result.kept)
        _put(scratch / f'{split.value}.{suffix}', options.out / split.folder / f'{part}.{suffix}', there)
    _put(scratch / REJECTED, options.out / 'rejected' / f'{part}.jsonl', bool(result.rejected))
    _put(scratch / FOLDER, options.out / FOLDER / f'{part}.jsonl', bool(reports))
    tally = Tally(rows=result.rows, seconds=result.seconds, sandbox_failures=failures, rejected=result.rejected)
    for row in result.kept:
        tally.count_row(row)
    for report in reports:
        tally.count_report(report)
    marker = {
        'tally': tally.as_json(),
        'failed': result.failed,
        'certified_rows': 0 if certifier.unavailable else certifier.quota,
        'dropped': _dropped(options),
        'columns': result.columns,
        'samples': result.samples,
        'rejected_samples': result.rejected_samples,
    }
    if not result.failed:
        state.finish(shard, marker)
    return marker


def _put(partial: Path, target: Path, there: bool) -> None:
    if there:
        publish(partial, target)
    else:
        target.unlink(missing_ok=True)


def _verdict(report: dict[str, Any]) -> tuple[Reason, str]:
    last = report['blocks'][-1]
    detail = f'{last["outcome"]}: {last["error"]}' if last['error'] else f'distances {last["distances"]}'
    return DROPPABLE[Verdict(report['verdict'])], detail


def _refuse(options: Options, scratch: Path, result: ShardResult, doomed: dict[str, tuple[Reason, str]]) -> None:
    """Moves rows of a converted shard to its rejected file."""
    if not doomed:
        return

    def is_kept(row: PreparedRow | dict[str, Any]) -> bool:
        return (row['id'] if isinstance(row, dict) else row.id) not in doomed

    with (scratch / REJECTED).open('a', encoding='utf-8', errors='backslashreplace') as rejected:
        for split in sorted({row.split for row in result.kept if not is_kept(row)}):
            path = scratch / f'{split.value}.{options.row_format.value}'
            for row in read_rows(path):
                if not is_kept(row):
                    reason, detail = doomed[row['id']]
                    texts = describe({key: value for key, value in row.items() if key not in ('id', 'source')})
                    line = {'source': row['source'], 'reason': reason.value, 'detail': detail, 'row': texts}
                    rejected.write(json.dumps(line, ensure_ascii=False) + '\n')
            slim = path.with_name(f'slim-{path.name}')
            rewrite(path, slim, options.kind, is_kept)
            slim.replace(path)
    result.rejected.update(reason.value for reason, _ in doomed.values())
    result.kept = [row for row in result.kept if is_kept(row)]
    result.samples = {name: list(filter(is_kept, samples)) for name, samples in result.samples.items()}
