"""Verdicts: is an answer right? The rewards' rules first, then the judge, if one is configured.

Owns what becomes of an answer that nobody can judge. It is never silently wrong: without a judge it is `undecided`,
and when the judge failed it is `ungraded` and can be graded again without a new inference.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from msgspec.structs import replace

from ..agent import given_answer
from ..config import JudgeSettings, OutagePolicy
from ..rewards.judge import JudgeClient
from ..rewards.rules import Verdict, decide
from ..rewards.scorer import Part, Scorer
from ..trajectories import Record
from ..types import StopReason

_BATCH = 256


class Mark(str, Enum):
    """What an answer is worth."""

    RIGHT = 'right'
    WRONG = 'wrong'
    """No answer was given, or it does not mean the same as the reference."""
    UNDECIDED = 'undecided'
    """No rule can tell and there is no judge. Counts as not right; the report says how many there are."""
    UNGRADED = 'ungraded'
    """The judge failed. Counts for nothing until it is graded again."""

    @property
    def score(self) -> float | None:
        """1 for right, 0 for wrong and undecided, None for ungraded."""
        return None if self is Mark.UNGRADED else float(self is Mark.RIGHT)


@dataclass(frozen=True)
class Grade:
    """A verdict, and who gave it."""

    mark: Mark
    by: str
    """The rule's name, or `judge`."""
    cause: str = ''
    """The judge's error where it failed."""


def answer_in(record: Record) -> str:
    """The answer of a record by the rule of `agent.given_answer`; empty where there is none."""
    return given_answer(record.text, StopReason(record.stop))


def grade_by_rules(record: Record) -> Grade:
    """What rules alone say.

    Args:
        record: with `question` as it was put, `solution`, `text` and `stop_reason`.
    """
    answer = answer_in(record)
    if not answer:
        return Grade(Mark.WRONG, 'no answer')
    found = decide(record.question, record.solution or '', answer)
    marks = {Verdict.MATCH: Mark.RIGHT, Verdict.MISMATCH: Mark.WRONG, Verdict.UNDECIDED: Mark.UNDECIDED}
    return Grade(marks[found.verdict], found.rule)


async def ask_judge(records: Sequence[Record], judge: JudgeSettings) -> list[Grade]:
    """Grades records that rules left undecided.

    Args:
        records: with question, reference and text.
        judge: whom to ask.
    """
    client = JudgeClient(judge)
    scorer, grades = Scorer(client), list[Grade]()
    try:
        for start in range(0, len(records), _BATCH):
            batch = [_answered(record) for record in records[start : start + _BATCH]]
            for found in await scorer.assess(batch, {Part.RESULT}, OutagePolicy.NEUTRAL):
                if found.set_aside is not None:
                    grades.append(Grade(Mark.UNGRADED, found.set_aside.value, found.cause))
                else:
                    grades.append(Grade(Mark.RIGHT if found.scores[Part.RESULT] else Mark.WRONG, 'judge'))
    finally:
        await client.aclose()
    return grades


def _answered(record: Record) -> Record:
    """A record with the answer that counts, also where the model gave it without tags."""
    return replace(record, answer=answer_in(record))


def grade_all(records: Sequence[Record], judge: JudgeSettings | None) -> list[Grade]:
    """Grades records from their text: by rules, and those left undecided by the judge where there is one."""
    grades = [grade_by_rules(record) for record in records]
    if judge is None:
        return grades
    open_ones = [i for i, grade in enumerate(grades) if grade.mark is Mark.UNDECIDED]
    asked = asyncio.run(ask_judge([records[i] for i in open_ones], judge)) if open_ones else []
    for i, grade in zip(open_ones, asked, strict=True):
        grades[i] = grade
    return grades
