"""Many questions from a file, answered into a file that a killed run can go on with.

Records are appended as they are finished, each a whole line or not there. A run that finds such a file repairs a last
line that was cut off, asks again what failed for reasons of the machinery, and goes on with the rest; when all is done
the lines are put in the order of the questions. Ids tie the two files together.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..engines import Message
from ..errors import ConfigError, ContextFull, DataError
from ..trajectories import Record, as_json
from ..trajectories.lines import append_line, replace_file, whole_lines
from ..types import StopReason
from .question import Question
from .thinker import NOT_THE_POLICY, Thinker


@dataclass(frozen=True)
class AskedRow:
    """One question of a batch."""

    index: int
    id: str
    question: Question
    columns: dict[str, Any]
    """The input row as it was."""


@dataclass
class BatchTally:
    """What a run did."""

    rows: int = 0
    kept: int = 0
    """Answered by an earlier run."""
    answered: int = 0
    unanswered: int = 0
    failed: int = 0
    causes: dict[str, str] = field(default_factory=dict)
    """What failed → the id of the first row that it failed for."""

    @property
    def complete(self) -> bool:
        """Whether no row is left to ask again."""
        return self.failed == 0


def read_rows(path: Path) -> Iterator[AskedRow]:
    """Reads questions: JSON lines with `question` (or `messages`), `image` or `images`, and if you like `id`.

    Relative picture paths are relative to the file. Of `messages` the last user message is asked and earlier ones are
    its history. The prompt calls a picture by its path as the row has it.

    Raises:
        DataError: a line is no such row, or two have one id.
    """
    seen: set[str] = set()
    try:
        lines = path.read_bytes().decode('utf-8-sig').split('\n')
    except (OSError, ValueError) as error:
        raise DataError(f'questions cannot be read: {error}; give a file of JSON lines') from error
    for index, line in enumerate(line for line in lines if line.strip()):
        try:
            row = _row(index, json.loads(line), path.parent)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise DataError(
                f'{path}: row {index + 1} is no question: {error}; expected an object with `question` and `images`'
            ) from error
        if row.id in seen:
            raise DataError(f'{path}: row {index + 1} has id {row.id!r} like an earlier one; make ids unique')
        seen.add(row.id)
        yield row


def _row(index: int, columns: dict[str, Any], folder: Path) -> AskedRow:
    images = columns.get('images', columns.get('image')) or []
    names = [images] if isinstance(images, str) else [str(image) for image in images]
    messages = [Message(m['role'], m['content']) for m in columns.get('messages') or ()]
    while messages and messages[-1].role == 'assistant':
        messages.pop()
    text = messages[-1].content if messages else columns['question']
    if not isinstance(text, str):
        raise TypeError(f'the question is a {type(text).__name__}')
    paths = tuple(folder / name for name in names)
    question = Question(text, paths, tuple(messages[:-1]), tuple(names) or None, trained_system=True)
    return AskedRow(index, str(columns.get('id', index)), question, columns)


def answered(path: Path, rows: list[AskedRow]) -> set[str]:
    """Repairs a file of records, made if missing, and takes failures of the machinery out; the ids that are done.

    Raises:
        ConfigError: the file holds records of other questions.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    known = {row.id: row for row in rows}
    done: dict[str, bytes] = {}
    for line in whole_lines(path):
        record = _record(line)
        row = known.get(str(record.get('id')))
        if row is None or record.get('question') != row.question.text:
            raise ConfigError(
                f'{path} holds the answer to another question (id {record.get("id")!r}); name another '
                'output, or remove the file'
            )
        if record.get('stop_reason') not in NOT_THE_POLICY:
            done[row.id] = line
    replace_file(path, done.values())
    return set(done)


def _record(line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError:
        record = None
    if not isinstance(record, dict):
        raise ConfigError(f'the output file has a line that is no record: {line[:80]!r}; name another output')
    return record


async def run_batch(
    thinker: Thinker,
    rows: list[AskedRow],
    output: Path,
    *,
    concurrency: int = 8,
    save: Path | None = None,
    tools: bool = True,
    on_done: Callable[[BatchTally], None] = lambda tally: None,
) -> BatchTally:
    """Answers every row that has no record yet.

    Args:
        thinker: answers.
        rows: the questions.
        output: file of records, one JSON object a line: the row's columns under `row`, its `id` and `index`, and the
            record of `Reply.record`.
        concurrency: questions under way at a time.
        save: folder for returned pictures, a folder a row; by default they are not kept.
        tools: False asks without tools.
        on_done: called after every row.
    """
    done = answered(output, rows)
    tally = BatchTally(rows=len(rows), kept=len(done))
    waiting = iter([row for row in rows if row.id not in done])

    async def work() -> None:
        for row in waiting:
            record = await _ask(thinker, row, save, tools)
            append_line(output, json.dumps(record, ensure_ascii=False).encode('utf-8', 'backslashreplace') + b'\n')
            if record['stop_reason'] in NOT_THE_POLICY:
                tally.failed += 1
                tally.causes.setdefault(str(record.get('error') or record['stop_reason']), row.id)
            tally.answered += record['answer'] is not None
            tally.unanswered += record['answer'] is None and record['stop_reason'] not in NOT_THE_POLICY
            on_done(tally)

    try:
        await asyncio.gather(*(work() for _ in range(min(concurrency, len(rows)))))
    finally:
        replace_file(output, sorted(whole_lines(output), key=lambda line: int(_record(line)['index'])))
    return tally


async def _ask(thinker: Thinker, row: AskedRow, save: Path | None, tools: bool) -> dict[str, Any]:
    common = {'id': row.id, 'index': row.index, 'row': row.columns}
    folder = save / f'{row.index:06d}' if save is not None else None
    try:
        reply = await thinker.answer(row.question, output_dir=folder, tools=tools)
    except (DataError, ContextFull) as error:
        words = f'{type(error).__name__}: {error}'
        record = Record(question=row.question.text, stop_reason=StopReason.ERROR, error=words)
    else:
        record = reply.record(row.question, model=thinker.engine.name)
    return {**common, **as_json(record)}
