"""Scoring outside training: rows of question, reference and completion in, verdicts out.

Owns reading such rows and what is reported of each; the scores are the training's own.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ..config import JudgeSettings, OutagePolicy, RewardSettings
from ..errors import DataError
from ..trajectories import Record, reference_of
from .format import is_well_formed
from .formula import COMBINED, reward_value
from .judge import JudgeClient
from .scorer import Assessment, Part, Scorer

BATCH = 256
"""Rows that a judge is asked about at a time."""


@dataclass(frozen=True)
class Row:
    """One row to score."""

    record: Record
    name: Any = None
    """The row's own `id`, handed through."""


def read_rows(lines: Iterable[str]) -> Iterator[Row]:
    """Rows from JSON lines with `question`, `solution` (one text, or a list of accepted ones) and `completion`.

    Raises:
        DataError: a line is no JSON object, or a field is missing; the message names the line.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
        except ValueError as error:
            raise DataError(f'line {number} cannot be read: got {line[:80]!r}: {error}; expected JSON') from error
        names = ('question', 'solution', 'completion')
        data = {**data, 'solution': reference_of(data.get('solution'))} if isinstance(data, dict) else {}
        fields = [data[n] for n in names if isinstance(data.get(n), str)]
        if len(fields) != 3:
            raise DataError(
                f'line {number} cannot be scored: got {line[:120].strip()!r}; expected an object with question, '
                f'solution and completion, all text (solution also a list of texts); add what is missing'
            )
        record = Record(question=fields[0], solution=fields[1], text=fields[2], request_id=str(number))
        yield Row(record, data.get('id'))


async def score(
    rows: Iterator[Row], settings: RewardSettings, judge: JudgeSettings | None
) -> AsyncIterator[dict[str, Any]]:
    """What training would make of rows: `format`, `rule`, and `by`, the rule that spoke.

    With a judge also `result`, `consistency` and `reward`, or `set_aside`, and why.

    Args:
        rows: to score.
        settings: weights and convention.
        judge: whom to ask; None: nobody.

    Raises:
        JudgeError: a verdict could not be had.
    """
    client = JudgeClient(judge) if judge is not None else None
    scorer = Scorer(client, settings.convention)
    parts, size, outage = (COMBINED, BATCH, OutagePolicy.STOP) if client else ((Part.RESULT,), 1, OutagePolicy.NEUTRAL)
    try:
        while batch := list(islice(rows, size)):
            found = await scorer.assess([row.record for row in batch], parts, outage)
            for row, assessment in zip(batch, found, strict=True):
                judged = _judged(assessment, settings) if client is not None else {}
                yield {**_ruled(row, assessment, settings), **judged}
    finally:
        if client is not None:
            await client.aclose()


def _ruled(row: Row, found: Assessment, settings: RewardSettings) -> dict[str, Any]:
    assert found.rule is not None  # of the part that is always asked for
    return {
        **({} if row.name is None else {'id': row.name}),
        'format': is_well_formed(row.record.text, settings.convention),
        'rule': found.rule.verdict.value,
        'by': found.rule.rule,
    }


def _judged(found: Assessment, settings: RewardSettings) -> dict[str, Any]:
    if found.set_aside is not None:
        return {'set_aside': found.set_aside.value, 'cause': found.cause}
    return {
        'result': found.scores[Part.RESULT],
        'consistency': found.scores[Part.CONSISTENCY],
        'reward': reward_value('thyme_reward', found.scores, settings),
    }
