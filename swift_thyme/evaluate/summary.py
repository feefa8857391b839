"""A run's summary: every figure of a report with all that it needs to be understood, as plain values and as objects.

Owns what is stated: policy, prompt, judge, seeds, versions, settings, failures. `figures` counts, `report` shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from .. import protocol
from ..agent import ANSWER_RULE
from ..config import JudgeSettings
from ..trajectories import Record
from . import figures
from .conditions import Condition
from .figures import Gap, Habits, Line
from .statistics import LEVEL, Estimate
from .store import Failure, Store

SUMMARY_SCHEMA = 1
METHOD = (
    "Intervals are Wilson's for shares and Bonett and Price's for paired differences, counted by item: answers of one "
    'item are not taken as independent (docs/evaluation.md).'
)


@dataclass(frozen=True)
class Summary:
    """What a run amounts to."""

    settings: Mapping[str, Any]
    """Of `run.json`."""
    sessions: Sequence[Mapping[str, Any]]
    judge: str
    """Who graded what rules left undecided; empty for nobody."""
    lines: tuple[Line, ...]
    habits: tuple[Habits, ...]
    gaps: tuple[Gap, ...]
    letters: Mapping[str, Mapping[str, Estimate]]
    """Condition → letter that was right → accuracy."""
    missing: int
    """Attempts that have no answer because the machinery failed, or because the run has not finished."""
    failures: Sequence[Failure]
    """Those of them that failed, with their causes."""
    failures_made_up: int
    level: float = LEVEL

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Those asked for, in order."""
        return tuple(Condition(name) for name in self.settings['conditions'])

    @property
    def complete(self) -> bool:
        """Whether every attempt has an answer and was graded; undecided is a verdict, too."""
        return not self.missing and not any(line.ungraded for line in self.lines)

    def overall(self, condition: Condition) -> Line:
        """Accuracy over all items."""
        return next(line for line in self.lines if line.condition is condition and line.task == figures.ALL_TASKS)

    def as_json(self) -> dict[str, Any]:
        """Plain values: what `report.json` holds."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        renamed = {'lines': 'accuracy', 'gaps': 'differences', 'letters': 'by_letter'}
        about = {'schema': SUMMARY_SCHEMA, 'method': METHOD, 'prompt': prompt(), 'answer_rule': ANSWER_RULE}
        return {renamed.get(name, name): value for name, value in found.items()} | about


def summarize(store: Store, records: Sequence[Record], *, judge: JudgeSettings | None) -> Summary:
    """Counts a run's records.

    Args:
        store: the run's folder.
        records: its trajectories, with the verdicts to count.
        judge: who graded what rules left undecided.
    """
    run = store.settings()
    conditions = [Condition(name) for name in run['settings']['conditions']]
    found = [figures.habits(records, condition) for condition in conditions]
    failures = store.failures()
    expected = run['settings']['n_items'] * run['settings']['repeats'] * len(conditions)
    baseline = [c for c in conditions[1:] if conditions[0] is Condition.TOOLS]
    return Summary(
        settings=run['settings'],
        sessions=run['sessions'],
        judge=judge_name(judge),
        lines=tuple(line for c in conditions for line in figures.lines(records, c)),
        habits=tuple(habit for habit in found if habit is not None),
        gaps=tuple(gap for c in baseline for gap in figures.gaps(records, Condition.TOOLS, c)),
        letters={c.value: figures.by_letter(records, c) for c in conditions},
        missing=expected - len(records),
        failures=failures,
        failures_made_up=store.n_failed() - len(failures),
    )


def judge_name(judge: JudgeSettings | None) -> str:
    """A judge as reports name it; empty for none."""
    if judge is None:
        return ''
    return f'{judge.model or "first model listed"} at {", ".join(judge.shown)}, {judge.votes} vote(s)'


def prompt() -> dict[str, str]:
    """The prompt's parts, as every question is put."""
    return {
        'system': protocol.SYSTEM_PROMPT,
        'user': protocol.USER_PROMPT,
        'system_without_tools': protocol.SYSTEM_PROMPT_PLAIN,
        'user_without_tools': protocol.USER_PROMPT_PLAIN,
    }
