"""`--certify`: runs the code of a prepared SFT set, shard by shard, many rows at a time, and drops rows by verdict.

Every row's verdict is a line in a file of the shard as soon as it is known; a run that was killed reads these lines and
goes on behind them. A row that the sandbox itself failed on gets no line, and its shard stays open for the next run.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import ConfigError, SandboxError, SandboxUnavailable
from ...sandbox.base import Sandbox
from ...types import Outcome
from ..certify import certify_row
from ..explain import VERDICT_TEXT
from ..paths import resolve
from ..rows import DROPPABLE, Kind, Split, Verdict
from .options import Options
from .state import State, publish
from .tally import Tally, tally_of
from .writer import read_rows, rewrite

FOLDER = 'certified'
_AT_ONCE_PER_WORKER = 2


@dataclass
class Certificate:
    """What certification found in a set, or in one shard."""

    rows: int = 0
    blocks: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    ran: Counter[str] = field(default_factory=Counter)
    """Code blocks that did what the row says `as_written`, or `repaired`, or `failed`."""
    repairs: Counter[str] = field(default_factory=Counter)
    """Rows per repair that changed one of their blocks."""
    failures: Counter[str] = field(default_factory=Counter)
    """Rows per outcome and error."""
    sandbox_failures: int = 0
    """Rows without a verdict: the sandbox failed. The next run tries them again."""

    def count(self, report: dict[str, Any]) -> None:
        """Adds one row's report."""
        self.rows += 1
        self.blocks += len(report['blocks'])
        self.verdicts[report['verdict']] += 1
        self.ran.update(_how_it_ran(block) for block in report['blocks'])
        self.repairs.update({name for block in report['blocks'] for name in block['repairs']})
        if report['verdict'] == Verdict.FAILED.value:
            last = report['blocks'][-1]
            self.failures[': '.join(filter(None, (last['outcome'], last['error'].split(' (line')[0][:90])))] += 1

    def add(self, other: Certificate) -> None:
        """Adds another certificate to this one."""
        self.rows += other.rows
        self.blocks += other.blocks
        self.sandbox_failures += other.sandbox_failures
        for mine, its in (
            (self.verdicts, other.verdicts),
            (self.ran, other.ran),
            (self.repairs, other.repairs),
            (self.failures, other.failures),
        ):
            mine.update(its)

    def as_json(self) -> dict[str, Any]:
        """Plain values, for files and the report."""
        return {
            'rows': self.rows,
            'blocks': self.blocks,
            'verdicts': dict(self.verdicts.most_common()),
            'ran': dict(self.ran.most_common()),
            'repairs': dict(self.repairs.most_common()),
            'failures': dict(self.failures.most_common()),
            'sandbox_failures': self.sandbox_failures,
            'meaning': {verdict.value: text for verdict, text in VERDICT_TEXT.items()},
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Certificate:
        """The inverse of `as_json`."""
        counters = {name: Counter(value.get(name, ())) for name in ('verdicts', 'ran', 'repairs', 'failures')}
        return cls(value['rows'], value['blocks'], sandbox_failures=value['sandbox_failures'], **counters)


def _how_it_ran(block: dict[str, Any]) -> str:
    if block['outcome'] != Outcome.OK.value and not block['as_stored']:
        return 'failed'
    return 'repaired' if block['repairs'] else 'as_written'


def certify_set(
    options: Options, state: State, markers: dict[int, dict[str, Any]], sandbox: Sandbox, advance: Callable[[int], None]
) -> Certificate:
    """Certifies every shard that is not yet, and drops rows as `options.drop` says.

    Args:
        options: of the run; `kind` is SFT.
        state: held by the run.
        markers: of the finished shards; those of shards that lose rows are replaced.
        sandbox: runs the code.
        advance: called with a number of rows as they are done.

    Raises:
        ConfigError: the set is for RL, or an earlier run dropped rows that this one would keep.
    """
    if options.kind is not Kind.SFT:
        raise ConfigError('--certify runs the code of responses: got an RL set; expected `thyme prepare sft`')
    everything = Certificate()
    for index in sorted(markers):
        certificate = _certify_shard(options, state, index, markers, sandbox, advance)
        everything.add(certificate)
    return everything


def known_certificate(markers: dict[int, dict[str, Any]]) -> Certificate:
    """What earlier runs found."""
    everything = Certificate()
    for marker in markers.values():
        if 'certified' in marker:
            everything.add(Certificate.from_json(marker['certified']))
    return everything


def _parts(options: Options, index: int) -> Iterator[tuple[Split, Path]]:
    for split in Split:
        path = options.out / split.folder / f'part-{index:05d}.{options.row_format.value}'
        if path.is_file():
            yield split, path


def _certify_shard(
    options: Options,
    state: State,
    index: int,
    markers: dict[int, dict[str, Any]],
    sandbox: Sandbox,
    advance: Callable[[int], None],
) -> Certificate:
    marker = markers[index]
    drop = sorted(verdict.value for verdict in options.drop)
    done = marker.get('certified')
    if done is not None:
        gone = sorted(set(marker['dropped']) - set(drop))
        if gone:
            raise ConfigError(
                f'an earlier run dropped rows whose verdict is {", ".join(gone)}: they are not in {options.out} any '
                'more; name them in --drop again, or begin again with --restart'
            )
        if marker['dropped'] == drop:
            advance(done['rows'])
            return Certificate.from_json(done)
    reports, failures = _run_rows(options, state.notes(index), index, sandbox, advance)
    certificate = Certificate(sandbox_failures=failures)
    for report in reports.values():
        certificate.count(report)
    _drop(options, state, index, reports, markers)
    if not failures:
        partial = state.scratch / f'certified-{index:05d}.jsonl'
        partial.parent.mkdir(parents=True, exist_ok=True)
        lines = (json.dumps(report, ensure_ascii=False) + '\n' for report in reports.values())
        partial.write_text(''.join(lines), encoding='utf-8')
        publish(partial, options.out / FOLDER / f'part-{index:05d}.jsonl')
        markers[index] = {**markers[index], 'certified': certificate.as_json(), 'dropped': drop}
        state.update(index, markers[index])
    return certificate


def _run_rows(
    options: Options, notes: Path, index: int, sandbox: Sandbox, advance: Callable[[int], None]
) -> tuple[dict[str, dict[str, Any]], int]:
    """The report of every row of a shard by its id, and how many rows have none because the sandbox failed."""
    reports = _read_notes(notes)
    advance(len(reports))
    notes.parent.mkdir(parents=True, exist_ok=True)
    with notes.open('a', encoding='utf-8') as log:

        def note(row: dict[str, Any], split: Split, report: dict[str, Any]) -> None:
            entry = {'id': row['id'], 'source': row['source'], 'split': split.value, **report}
            reports[row['id']] = entry
            log.write(json.dumps(entry, ensure_ascii=False) + '\n')
            log.flush()
            advance(1)

        rows = (
            (split, row)
            for split, path in _parts(options, index)
            for row in read_rows(path)
            if row['id'] not in reports
        )
        failures = asyncio.run(_run_all(rows, options, sandbox, note))
    return reports, failures


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


async def _run_all(rows: Iterator[tuple[Split, dict[str, Any]]], options: Options, sandbox: Sandbox, note: Any) -> int:
    failures = 0

    async def work() -> None:
        nonlocal failures
        for split, row in rows:
            try:
                report = await certify_row(resolve(row, options.out), sandbox)
            except SandboxUnavailable:
                raise
            except SandboxError:
                failures += 1
                continue
            note(row, split, report.as_json())

    await asyncio.gather(*(work() for _ in range(options.workers * _AT_ONCE_PER_WORKER)))
    return failures


def _drop(
    options: Options, state: State, index: int, reports: dict[str, dict[str, Any]], markers: dict[int, dict[str, Any]]
) -> None:
    """Moves rows with a dropped verdict from the set to the rejected file. Doing it twice changes nothing."""
    doomed = {key: report for key, report in reports.items() if Verdict(report['verdict']) in options.drop}
    if not doomed:
        return
    state.scratch.mkdir(parents=True, exist_ok=True)
    facts = state.read_facts(index)
    refused = options.out / 'rejected' / f'part-{index:05d}.jsonl'
    lines = refused.read_text(encoding='utf-8').splitlines(keepends=True) if refused.is_file() else []
    held = {(line['reason'], line['source']) for line in map(json.loads, lines)}
    for _, path in _parts(options, index):
        rows = [row for row in read_rows(path) if row['id'] in doomed]
        lines += [
            json.dumps(line, ensure_ascii=False) + '\n'
            for line in (_refusal(row, doomed[row['id']]) for row in rows)
            if (line['reason'], line['source']) not in held
        ]
    _replace_text(refused, ''.join(lines), state.scratch)
    for _, path in _parts(options, index):
        slim = state.scratch / path.name
        kept = rewrite(path, slim, options.kind, lambda row: row['id'] not in doomed)
        if kept:
            publish(slim, path)
        else:
            path.unlink()
    before = Tally.from_json(markers[index]['tally'])
    tally = tally_of([fact for fact in facts if fact.id not in doomed], before.rows, Counter(), before.seconds)
    tally.rejected = Counter(json.loads(line)['reason'] for line in lines)
    samples = {
        name: [sample for sample in found if sample['id'] not in doomed]
        for name, found in markers[index]['samples'].items()
    }
    markers[index] = {**markers[index], 'tally': tally.as_json(), 'samples': samples}
    state.update(index, markers[index])


def _refusal(row: dict[str, Any], report: dict[str, Any]) -> dict[str, Any]:
    last = report['blocks'][-1]
    detail = f'{last["outcome"]}: {last["error"]}' if last['error'] else f'distances {last["distances"]}'
    reason = DROPPABLE[Verdict(report['verdict'])]
    return {'source': row['source'], 'reason': reason.value, 'detail': detail, 'row': row}


def _replace_text(path: Path, text: str, scratch: Path) -> None:
    partial = scratch / f'rejected-{path.name}'
    partial.write_text(text, encoding='utf-8')
    publish(partial, path)
