"""Scoring outside training: rows of question, reference and completion in, verdicts out.

Owns reading such rows and what is reported of each; the scores are the training's own.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..config import Convention, JudgeSettings, OutagePolicy, RewardSettings
from ..errors import DataError
from ..trajectories import Record, reference_of
from .format import is_well_formed
from .formula import COMBINED, combined
from .judge import JudgeClient
from .rules import decide
from .rules.verdict import mismatch
from .scorer import Part, Scorer

BATCH = 256
"""Rows scored at a time."""


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


def score_by_rules(row: Row, convention: Convention) -> dict[str, Any]:
    """What rules alone say of a row: `format`, `rule`, and `by`, the rule that spoke."""
    record = row.record
    found = (
        mismatch('no answer')
        if record.answer is None
        else decide(record.question, record.solution or '', record.answer)
    )
    return {
        **({} if row.name is None else {'id': row.name}),
        'format': is_well_formed(record.text, convention),
        'rule': found.verdict.value,
        'by': found.rule,
    }


async def score_with_judge(
    rows: Iterable[Row], settings: RewardSettings, judge: JudgeSettings
) -> AsyncIterator[dict[str, Any]]:
    """As `score_by_rules`, with `result`, `consistency` and `reward` from the judge, or with `set_aside`, and why.

    Raises:
        JudgeError: a verdict could not be had.
    """
    client = JudgeClient(judge)
    scorer = Scorer(client, settings.convention)
    try:
        for batch in _batches(rows):
            found = await scorer.assess([row.record for row in batch], COMBINED, OutagePolicy.STOP)
            for row, assessment in zip(batch, found, strict=True):
                scores, rules = assessment.scores, score_by_rules(row, settings.convention)
                if assessment.set_aside is not None:
                    yield {**rules, 'set_aside': assessment.set_aside.value, 'cause': assessment.cause}
                    continue
                yield {
                    **rules,
                    'result': scores[Part.RESULT],
                    'consistency': scores[Part.CONSISTENCY],
                    'reward': combined(scores, settings),
                }
    finally:
        await client.aclose()


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
