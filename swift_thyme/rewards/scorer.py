"""Scoring trajectories: every part a reward can ask for, each once, from rules where they can tell and the judge else.

Owns which question goes to whom and what a failed judge means for a trajectory. Knows nothing of weights (see
`formula`) nor of the host (see `host.rewards`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from .. import picture
from ..config import Convention, OutagePolicy
from ..errors import AnswerRefused, JudgeUnavailable, QuestionRefused
from ..trajectories import Record
from ..types import SetAside
from .format import is_well_formed
from .judge import JudgeClient, Question
from .metrics import Metrics
from .prompts import SCALES, Task
from .rules import RuleStage, RuleVerdict, Verdict
from .rules.verdict import mismatch
from .trajectory import thinking_tail


class Part(str, Enum):
    """What a trajectory is scored on. Every score is from 0 to 1 before norms and weights."""

    FORMAT = 'format'
    RESULT = 'result'
    CONSISTENCY = 'consistency'
    """0 where the result is not right. Paper: consistency counts only when the answer is right."""
    CODE = 'code'
    """Share of code blocks that ran; 0 without code or answer."""
    CODE_LLM = 'code_llm'
    """1 when every block ran and the judge finds each of them useful."""
    PROCESS = 'process'
    CROPS = 'crops'
    """1 when the pictures of at least one round help."""


ANSWER_CHARS = 2000
"""A longer answer (unless the reference is long, too) is wrong before any judge sees it."""
NEEDS_SOLUTION = frozenset({Part.RESULT, Part.CONSISTENCY, Part.PROCESS, Part.CROPS})
NEEDS_JUDGE = frozenset(Part) - {Part.FORMAT, Part.CODE}
"""Of these the rules decide some by themselves, never all."""
NEEDS_ROUNDS = frozenset({Part.CODE, Part.CODE_LLM, Part.CROPS})


@dataclass
class Assessment:
    """The scores of one trajectory."""

    scores: dict[Part, float] = field(default_factory=dict)
    rule: RuleVerdict | None = None
    """What the rule stage said of the answer; None when it was not asked."""
    set_aside: SetAside | None = None
    """Why it carries no advantage; its scores are then not to be used."""
    cause: str = ''
    """The error behind it, for people."""


class Scorer:
    """Scores trajectories with one judge client. Lives in one event loop."""

    def __init__(
        self, judge: JudgeClient | None, convention: Convention = Convention.PAPER, metrics: Metrics | None = None
    ) -> None:
        self._judge = judge
        self._convention = convention
        self._stage = RuleStage()
        self.metrics = metrics or (judge.metrics if judge else Metrics())

    async def assess(
        self, records: Sequence[Record], parts: Collection[Part], outage: OutagePolicy
    ) -> list[Assessment]:
        """Scores all trajectories at once.

        Args:
            records: the trajectories; those set aside already are not scored.
            parts: what is asked for.
            outage: what becomes of a trajectory for which the judge gave no ruling.

        Raises:
            JudgeError: no ruling was had, and the policy is to stop.
        """
        self._stage = RuleStage()
        tasks = [asyncio.ensure_future(self._one(record, frozenset(parts), outage)) for record in records]
        try:
            assessments = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
        for assessment in assessments:
            self._count(assessment)
        return list(assessments)

    async def _one(self, record: Record, parts: frozenset[Part], outage: OutagePolicy) -> Assessment:
        if record.set_aside is not None:
            return Assessment(set_aside=record.set_aside)
        found = Assessment()
        try:
            await self._score(record, parts, found)
        except QuestionRefused as error:
            return Assessment(rule=found.rule, set_aside=SetAside.QUESTION_REFUSED, cause=str(error))
        except JudgeUnavailable as error:
            if outage is OutagePolicy.STOP:
                raise
            return Assessment(rule=found.rule, set_aside=SetAside.JUDGE_UNAVAILABLE, cause=str(error))
        return found

    async def _score(self, record: Record, parts: frozenset[Part], found: Assessment) -> None:
        scores = found.scores
        if Part.FORMAT in parts:
            scores[Part.FORMAT] = float(is_well_formed(record.text, self._convention))
        if Part.CODE in parts:
            scores[Part.CODE] = _share_that_ran(record)
        if parts & {Part.RESULT, Part.CONSISTENCY}:
            scores[Part.RESULT] = await self._result(record, found)
        if Part.CONSISTENCY in parts:
            scores[Part.CONSISTENCY] = await self._consistency(record) if scores[Part.RESULT] else 0.0
        if Part.CODE_LLM in parts:
            scores[Part.CODE_LLM] = await self._useful_code(record)
        if Part.PROCESS in parts:
            scores[Part.PROCESS] = await self._process(record)
        if Part.CROPS in parts:
            scores[Part.CROPS] = await self._crops(record)

    async def _result(self, record: Record, found: Assessment) -> float:
        answer = record.answer
        if answer is None:
            found.rule = mismatch('no answer')
        elif len(answer) > max(ANSWER_CHARS, 4 * len(record.solution or '')):
            found.rule = mismatch('too long for an answer')
        else:
            found.rule = await asyncio.to_thread(self._stage.decide, record.question, record.solution or '', answer)
        if found.rule.verdict is not Verdict.UNDECIDED:
            return float(found.rule.verdict is Verdict.MATCH)
        data = {
            'question': record.question,
            'reference_answer': record.solution or '',
            'generated_answer': answer or '',
        }
        control = Question(Task.CORRECTNESS, tuple({**data, 'generated_answer': record.solution or ''}.items()))
        return float((await self._ask(Task.CORRECTNESS, data, control=control))[0])

    async def _consistency(self, record: Record) -> float:
        data = {'solution_process': thinking_tail(record.text), 'final_answer': record.answer or ''}
        if not data['solution_process'] or not data['final_answer']:
            return 0.0
        return float((await self._ask(Task.CONSISTENCY, data))[0])

    async def _useful_code(self, record: Record) -> float:
        if _share_that_ran(record) < 1:
            return 0.0
        rulings = [await self._ask(Task.CODE, {'code': code}) for code in record.codes]
        return float(bool(rulings) and all(scores[0] for scores in rulings))

    async def _process(self, record: Record) -> float:
        data = {
            'question': record.question,
            'reference_answer': record.solution or '',
            'solution_process': thinking_tail(record.text, chars=1 << 20),
        }
        control = Question(Task.PROCESS, tuple({**data, 'solution_process': record.solution or ''}.items()))
        return sum(await self._ask(Task.PROCESS, data, control=control)) / 20

    async def _crops(self, record: Record) -> float:
        rounds = [turn.images for turn in record.turns if turn.images]
        if not rounds or not record.images:
            return 0.0
        original = await asyncio.to_thread(data_url, record, record.images[0])
        data = {'question': record.question, 'reference_answer': record.solution or ''}
        control = Question(Task.CROPS, tuple(data.items()), (original, original))
        for pictures in rounds:
            urls = [await asyncio.to_thread(data_url, record, picture) for picture in pictures]
            if (await self._ask(Task.CROPS, data, (original, *urls), control))[0]:
                return 1.0
        return 0.0

    async def _ask(
        self, task: Task, data: dict[str, str], images: tuple[str, ...] = (), control: Question | None = None
    ) -> tuple[int, ...]:
        """The judge's scores; zeros where it refuses what the policy wrote, so that this never pays."""
        if self._judge is None:
            raise JudgeUnavailable('a judge is needed here: got none; expected an address; set REWARD_API_ADDRESS')
        try:
            return (await self._judge.ask(Question(task, tuple(data.items()), images, control))).scores
        except AnswerRefused:
            return (0,) * len(SCALES[task].keys)

    def _count(self, found: Assessment) -> None:
        if found.set_aside is not None:
            self.metrics.count(f'set_aside/{found.set_aside.value}')
            return
        for part, score in found.scores.items():
            if part is not Part.CONSISTENCY or found.scores.get(Part.RESULT):
                self.metrics.add(f'part/{part.value}', score)
        if found.rule is not None:
            for verdict in Verdict:
                self.metrics.add(f'rule/{verdict.value}', float(found.rule.verdict is verdict))


def _share_that_ran(record: Record) -> float:
    """Share of code blocks that ended without an error.

    Differs from the release: it looked for the words "sandbox for" in the sandbox's text.
    """
    return record.code_ok / record.code_blocks if record.codes and record.answer is not None else 0.0


def data_url(record: Record, reference: Any) -> str:
    """A picture of a record as a `data:` URL, in whatever form the host hands it over.

    Raises:
        DataError: it cannot be read.
    """
    return picture.data_url(picture.plain(record.picture(reference)))
