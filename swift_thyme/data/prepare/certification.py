"""Runs the code of a converted shard before it becomes part of the set: all of its rows, or a fixed sample.

Every verdict is a line in a file of the shard's as soon as it is known; a run that was killed, or asks for more rows,
reads these lines and goes on behind them. A row that the sandbox itself failed on gets no line.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ...errors import SandboxError, SandboxUnavailable
from ...sandbox import shared_sandbox
from ..certify import certify_row
from ..paths import resolve
from ..rows import PreparedRow, Split
from .options import ALL, Options
from .state import State
from .writer import read_rows

FOLDER = 'certified'
_AT_ONCE_PER_WORKER = 2


class Certifier:
    """What runs the code of one preparation."""

    def __init__(self, options: Options, state: State, shards: int, watch: Callable[[int], None]) -> None:
        """Takes the settings; the sandbox starts with the first row.

        Args:
            options: of the run.
            state: held by the run.
            shards: how many the sample is spread over.
            watch: called with a number of rows as they are done.
        """
        self.quota = -(-options.certify_rows // max(shards, 1))
        """Rows of a shard that are run, at most; one where there are more shards than rows wanted."""
        self.unavailable = ''
        """Why this machine runs no code, where a sample was wanted."""
        self._options, self._state, self._watch = options, state, watch

    def certify(self, index: int, scratch: Path, rows: Sequence[PreparedRow]) -> tuple[list[dict[str, Any]], int]:
        """Runs the rows of a shard that lies in `scratch`.

        Args:
            index: of the shard.
            scratch: its folder.
            rows: of the shard, without their texts. Those with the smallest ids are run: ids are hashes, so the
                sample is the same in every run.

        Returns:
            A report of each row that was run, in the order of the files; and how many have none.

        Raises:
            SandboxUnavailable: this machine cannot run the sandbox, and every row was to be run.
        """
        chosen = set(sorted(row.id for row in rows if row.rounds)[: self.quota])
        if not chosen or self.unavailable:
            return [], 0
        order: list[str] = []
        notes = self._state.notes(index)
        reports = _read_notes(notes)
        notes.parent.mkdir(parents=True, exist_ok=True)
        with notes.open('a', encoding='utf-8') as log:

            def note(split: Split, row: dict[str, Any], report: dict[str, Any]) -> None:
                entry = {'id': row['id'], 'source': row['source'], 'split': split.value, **report}
                reports[row['id']] = entry
                log.write(json.dumps(entry, ensure_ascii=False) + '\n')
                log.flush()
                self._watch(1)

            def to_run() -> Iterator[tuple[Split, dict[str, Any]]]:
                for split, row in _rows_in(scratch, self._options):
                    if row['id'] in chosen:
                        order.append(row['id'])
                        if row['id'] not in reports:
                            yield split, row

            try:
                asyncio.run(self._run_all(to_run(), note))
            except SandboxUnavailable as error:
                if self._options.certify_rows == ALL:
                    raise
                self.unavailable = str(error)
                return [], 0
        found = [reports[key] for key in order if key in reports]
        return found, len(order) - len(found)

    async def _run_all(self, rows: Iterator[tuple[Split, dict[str, Any]]], note: Callable[..., None]) -> None:
        sandbox = shared_sandbox()

        async def work() -> None:
            for split, row in rows:
                try:
                    report = await certify_row(resolve(row, self._options.out), sandbox)
                except SandboxUnavailable:
                    raise
                except SandboxError:
                    continue
                note(split, row, report.as_json())

        await asyncio.gather(*(work() for _ in range(self._options.workers * _AT_ONCE_PER_WORKER)))


def _rows_in(scratch: Path, options: Options) -> Iterator[tuple[Split, dict[str, Any]]]:
    for split in Split:
        path = scratch / f'{split.value}.{options.row_format.value}'
        if path.is_file():
            yield from ((split, row) for row in read_rows(path))


def _read_notes(path: Path) -> dict[str, dict[str, Any]]:
    reports: dict[str, dict[str, Any]] = {}
    if path.is_file():
        raw = path.read_bytes()
        whole = raw[: raw.rfind(b'\n') + 1]
        if len(whole) != len(raw):
            path.write_bytes(whole)
        for line in whole.splitlines():
            entry = json.loads(line)
            reports[entry['id']] = entry
    return reports
