"""What a run's trajectories amount to: accuracy by task and condition, what the policy did, paired differences.

Owns the counting. `statistics` owns the intervals, `report` how it is shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from string import ascii_uppercase

from ..trajectories import Record
from ..types import Outcome
from .conditions import Condition
from .grading import Mark, answer_in
from .statistics import Estimate, difference, mcnemar, share

ALL_TASKS = ''
"""The label of the row over all tasks."""
Outcomes = dict[str, list[float]]
"""Item id → one value a repeat."""


@dataclass(frozen=True)
class Line:
    """Accuracy of some items under one condition."""

    condition: Condition
    task: str
    accuracy: Estimate | None
    """None when nothing could be graded."""
    right: int
    wrong: int
    undecided: int
    ungraded: int
    at_most: float
    """Accuracy if every undecided answer were right."""


@dataclass(frozen=True)
class Habits:
    """What the policy did under one condition; shares of trajectories unless the name says otherwise."""

    condition: Condition
    trajectories: int
    wrote_code: float
    blocks: int
    """Code blocks over all trajectories."""
    blocks_ran: float
    """Share of code blocks that ended without an error; 0 without any."""
    repaired: float
    """Share of code blocks that a repair changed."""
    pictures: float
    """Pictures returned, mean a trajectory."""
    rounds: float
    """Generations, mean."""
    no_answer: float
    untagged: float
    """Answered in plain words, without the answer tags."""
    stops: Mapping[str, int]
    """Stop reason → trajectories."""
    elapsed_s: float
    """Seconds, mean a trajectory."""
    sandbox_s: float
    tokens: float
    """Generated tokens, mean a trajectory."""
    retried: int
    """Answers that needed more than one attempt."""
    fell_back: int
    """Answers that came from the prompt without tools after attempts with tools had failed."""


@dataclass(frozen=True)
class Gap:
    """Accuracy under one condition minus another, over the same items."""

    first: Condition
    second: Condition
    task: str
    gap: Estimate | None
    p_value: float | None
    """McNemar's exact test; None with several repeats, or without pairs."""


def outcomes(records: Iterable[Record], condition: Condition | None = None, task: str = ALL_TASKS) -> Outcomes:
    """Scores by item; ungraded answers are left out.

    Args:
        records: trajectories with their `verdict`.
        condition: only of this one.
        task: only of this one; `ALL_TASKS` for all.
    """
    found: Outcomes = {}
    for record in records:
        score = Mark(record.verdict).score
        fits = condition is None or record.condition == condition.value
        if score is not None and fits and task in (ALL_TASKS, record.task):
            found.setdefault(record.item_id, []).append(score)
    return found


def tasks_of(records: Iterable[Record]) -> list[str]:
    """The tasks, sorted; empty when there is at most one, so that no table repeats its total."""
    tasks = sorted({record.task for record in records})
    return tasks if len(tasks) > 1 else []


def lines(records: Sequence[Record], condition: Condition) -> list[Line]:
    """Accuracy over all items, then by task."""
    return [_line(records, condition, task) for task in [ALL_TASKS, *tasks_of(records)]]


def _line(records: Sequence[Record], condition: Condition, task: str) -> Line:
    chosen = [r for r in records if r.condition == condition.value and task in (ALL_TASKS, r.task)]
    marks = Counter(Mark(record.verdict) for record in chosen)
    right, wrong, undecided = marks[Mark.RIGHT], marks[Mark.WRONG], marks[Mark.UNDECIDED]
    at_most = (right + undecided) / max(1, right + wrong + undecided)
    accuracy = share(outcomes(chosen))
    return Line(condition, task, accuracy, right, wrong, undecided, marks[Mark.UNGRADED], at_most)


def by_letter(records: Iterable[Record], condition: Condition) -> dict[str, Estimate]:
    """Accuracy by the letter that was right: a policy that prefers a place shows here."""
    found: dict[str, Outcomes] = {}
    for record in records:
        score, letter = Mark(record.verdict).score, record.solution or ''
        if record.condition == condition.value and record.order and score is not None:
            found.setdefault(letter, {}).setdefault(record.item_id, []).append(score)
    shares = {letter: share(found[letter]) for letter in ascii_uppercase if letter in found}
    return {letter: estimate for letter, estimate in shares.items() if estimate is not None}


def habits(records: Iterable[Record], condition: Condition) -> Habits | None:
    """What the policy did; None without trajectories."""
    chosen = [record for record in records if record.condition == condition.value]
    if not chosen:
        return None
    turns = [turn for record in chosen for turn in record.turns if turn.outcome]

    def mean(value: Callable[[Record], float]) -> float:
        return fmean(value(record) for record in chosen)

    return Habits(
        condition=condition,
        trajectories=len(chosen),
        wrote_code=mean(lambda r: r.code_blocks > 0),
        blocks=len(turns),
        blocks_ran=fmean(turn.outcome is Outcome.OK for turn in turns) if turns else 0.0,
        repaired=fmean(bool(turn.repairs) for turn in turns) if turns else 0.0,
        pictures=mean(lambda r: sum(len(turn.images) for turn in r.turns)),
        rounds=mean(lambda r: len(r.turns)),
        no_answer=mean(lambda r: not answer_in(r)),
        untagged=mean(lambda r: r.answer is None and bool(answer_in(r))),
        stops=dict(Counter(record.stop for record in chosen).most_common()),
        elapsed_s=mean(lambda r: r.elapsed_s or 0.0),
        sandbox_s=mean(lambda r: r.sandbox_s),
        tokens=mean(lambda r: r.usage.completion_tokens if r.usage else 0),
        retried=sum(record.attempts > 1 for record in chosen),
        fell_back=sum(record.fell_back for record in chosen),
    )


def gaps(records: Sequence[Record], first: Condition, second: Condition) -> list[Gap]:
    """Accuracy under `first` minus `second`, over all items, then by task."""
    found = []
    for task in [ALL_TASKS, *tasks_of(records)]:
        here, there = outcomes(records, first, task), outcomes(records, second, task)
        found.append(Gap(first, second, task, difference(here, there), _p_value(here, there)))
    return found


def _p_value(here: Outcomes, there: Outcomes) -> float | None:
    pairs = [(here[item], there[item]) for item in here if item in there]
    if not pairs or any(len(a) != 1 or len(b) != 1 for a, b in pairs):
        return None
    return mcnemar(sum(a > b for a, b in pairs), sum(b > a for a, b in pairs))
