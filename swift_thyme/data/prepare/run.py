"""One preparation: plan shards, convert them in worker processes, commit them one by one, report.

Workers write into scratch; the parent alone drops rows that an earlier shard has, moves files into place and marks the
shard as finished. Shards are committed in their order, so that of equal rows always the first is kept, however many
workers there are and however often the run was killed.
"""

from __future__ import annotations

import json
import multiprocessing
import queue
import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ...errors import DataError, ThymeError
from ..manifest import MANIFEST
from ..paths import check_root
from ..rows import Reason, Split
from ..sources import Shard, plan
from .options import FORMAT_VERSION, Options
from .report import write_report
from .state import State, publish, write_json
from .tally import Tally, tally_of, total
from .worker import REJECTED, ShardResult, describe, process_shard, start_worker
from .writer import read_rows, rewrite

if TYPE_CHECKING:
    from .certification import Certificate

_POLL_S = 0.05
_AHEAD = 2
"""Shards per worker that may be in work or wait for their turn to be committed."""
_PARENT_BYTES, _WORKER_BYTES = 110 << 20, 180 << 20
"""What a process takes beside the pages it reads. Measured: 75 MB idle, the rest for batches and freed memory."""


class Watcher(Protocol):
    """Somebody who is told how a run goes."""

    def begin(self, shards: int, finished: int, bytes_left: int) -> None:
        """The plan is made; `finished` shards are there from an earlier run."""

    def advance(self, rows: int, size_bytes: int) -> None:
        """So many more rows and source bytes are done."""

    def begin_certifying(self, rows: int) -> None:
        """The rows are prepared; so many are certified next."""

    def certified(self, rows: int) -> None:
        """So many more rows are certified."""


@dataclass
class Prepared:
    """What a run left behind."""

    tally: Tally
    shards: int
    failed: dict[str, str] = field(default_factory=dict)
    """Source files that could not be read, and why. The set is not complete while there are any."""
    certificate: Certificate | None = None
    """What certification found, where it was asked for."""


def prepare(options: Options, watcher: Watcher, *, restart: bool = False) -> Prepared:
    """Prepares a set, or goes on where an earlier run stopped.

    Args:
        options: of the run.
        watcher: told how it goes.
        restart: forget what an earlier run left.

    Returns:
        Counts over the whole set. Files that cannot be read are listed, not raised: the others are done.

    Raises:
        ConfigError: other settings or another source than the run that began the set.
        DataError: no source holds data, or the set cannot be written (a full disk).
        SandboxUnavailable: rows are to be certified, and this machine cannot run the sandbox.
    """
    check_root(options.out)
    shards = plan(options.sources, options.shards)
    options.out.mkdir(parents=True, exist_ok=True)
    state = State(options.out, restart=restart)
    try:
        return _prepare(options, state, shards, watcher)
    except (OSError, sqlite3.OperationalError) as error:
        raise DataError(
            f'the preparation stopped: {error}; expected room for the set in {options.out}; make room, then run the '
            'same command again: finished shards are kept'
        ) from error
    finally:
        state.close()


def _prepare(options: Options, state: State, shards: list[Shard], watcher: Watcher) -> Prepared:
    state.check_settings(options)
    state.check_shards(len(shards))
    markers = {shard.index: marker for shard in shards if (marker := state.finished(shard)) is not None}
    todo = [shard for shard in shards if shard.index not in markers]
    watcher.begin(len(shards), len(markers), sum(shard.size_bytes for shard in todo))
    if todo or options.drop:
        write_manifest(options, total(map(_tally, markers.values())), complete=False)
    failed = {}
    for shard, outcome in _work(options, state, todo, watcher):
        if isinstance(outcome, ThymeError):
            failed[shard.name] = str(outcome)
        else:
            markers[shard.index] = _commit(options, state, shard, outcome)
    certificate = _certificate(options, state, markers, watcher)
    ordered = [markers[index] for index in sorted(markers)]
    done = Prepared(total(map(_tally, ordered)), len(shards), failed, certificate)
    write_manifest(options, done.tally, complete=not failed)
    write_report(options, done.tally, ordered, failed, certificate.as_json() if certificate else None)
    return done


def _certificate(
    options: Options, state: State, markers: dict[int, dict[str, Any]], watcher: Watcher
) -> Certificate | None:
    """What certification finds now, or found in an earlier run; None where there was none."""
    if not options.certify and not any('certified' in marker for marker in markers.values()):
        return None
    from ...sandbox import local_sandbox
    from .certification import certify_set, known_certificate

    if not options.certify:
        return known_certificate(markers)
    watcher.begin_certifying(total(map(_tally, markers.values())).rows_kept)
    return certify_set(options, state, markers, local_sandbox(), watcher.certified)


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
    largest = max((shard.memory_bytes for shard in shards), default=0)
    fitting = (options.memory_bytes - _PARENT_BYTES) // (_WORKER_BYTES + largest)
    return int(max(1, min(options.workers, len(shards), fitting)))


def _work(
    options: Options, state: State, todo: list[Shard], watcher: Watcher
) -> Iterator[tuple[Shard, ShardResult | ThymeError]]:
    """Converts shards in worker processes and hands them out in their order."""
    if not todo:
        return
    context = multiprocessing.get_context('spawn')
    progress = context.Queue()
    workers = workers_for(options, todo)
    waiting: dict[int, Future[ShardResult]] = {}
    ahead = iter(todo)
    with ProcessPoolExecutor(workers, context, start_worker, (options, progress)) as pool:
        try:
            for shard in todo:
                while len(waiting) < workers * _AHEAD and (following := next(ahead, None)) is not None:
                    folder = state.scratch / f'{following.index:05d}'
                    waiting[following.index] = pool.submit(process_shard, following, folder)
                yield shard, _wait(waiting.pop(shard.index), progress, watcher, shard)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            _drain(progress, watcher)
            progress.close()


def _wait(future: Future[ShardResult], progress: Any, watcher: Watcher, shard: Shard) -> ShardResult | ThymeError:
    while not future.done():
        try:
            watcher.advance(*progress.get(timeout=_POLL_S))
        except queue.Empty:
            continue
    _drain(progress, watcher)
    try:
        return future.result()
    except ThymeError as error:
        return error
    except BrokenProcessPool as error:
        raise DataError(
            f'a worker process died near {shard.name} (out of memory, or killed); finished shards are kept: run the '
            'same command again, with fewer --workers if memory was short'
        ) from error


def _drain(progress: Any, watcher: Watcher) -> None:
    while True:
        try:
            watcher.advance(*progress.get_nowait())
        except queue.Empty:
            return


def _commit(options: Options, state: State, shard: Shard, result: ShardResult) -> dict[str, Any]:
    """Makes a converted shard part of the set; a kill at any point leaves it undone, never half done."""
    scratch = state.scratch / f'{shard.index:05d}'
    taken = state.seen.claim(shard.index, [fact.id for fact in result.facts])
    if taken:
        _drop_duplicates(options, scratch, result, taken)
    suffix = options.row_format.value
    for split in Split:
        target = options.out / split.folder / f'part-{shard.index:05d}.{suffix}'
        partial = scratch / f'{split.value}.{suffix}'
        if any(fact.split is split for fact in result.facts):
            publish(partial, target)
        else:
            target.unlink(missing_ok=True)
    refused = options.out / 'rejected' / f'part-{shard.index:05d}.jsonl'
    if result.rejected:
        publish(scratch / REJECTED, refused)
    else:
        refused.unlink(missing_ok=True)
    marker = {
        'tally': tally_of(result.facts, result.rows, result.rejected, result.seconds).as_json(),
        'samples': result.samples,
        'rejected_samples': result.rejected_samples,
    }
    state.save_facts(shard.index, result.facts)
    state.finish(shard, marker)
    return {**marker, 'fingerprint': shard.fingerprint, 'name': shard.name}


def _drop_duplicates(options: Options, scratch: Path, result: ShardResult, taken: set[str]) -> None:
    suffix = options.row_format.value
    with (scratch / REJECTED).open('a', encoding='utf-8', errors='backslashreplace') as rejected:
        for split in {fact.split for fact in result.facts if fact.id in taken}:
            path = scratch / f'{split.value}.{suffix}'
            for row in read_rows(path):
                if row['id'] in taken:
                    rejected.write(_duplicate_line(row))
            slim = path.with_name(f'unique-{path.name}')
            rewrite(path, slim, options.kind, lambda row: row['id'] not in taken)
            slim.replace(path)
    result.rejected[Reason.DUPLICATE.value] += len(taken)
    result.facts = [fact for fact in result.facts if fact.id not in taken]
    result.samples = {
        name: [sample for sample in samples if sample['id'] not in taken] for name, samples in result.samples.items()
    }


def _duplicate_line(row: dict[str, Any]) -> str:
    line = {
        'source': row['source'],
        'reason': Reason.DUPLICATE.value,
        'detail': 'the same row comes in an earlier shard',
        'row': describe({key: value for key, value in row.items() if key not in ('id', 'source')}),
    }
    return json.dumps(line, ensure_ascii=False) + '\n'
