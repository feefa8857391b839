"""Counting saved trajectories, step by step. Owns what each figure of the report counts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from .. import protocol
from ..trajectories import Fate, Record
from ..types import SegmentKind
from .runs import Curve


@dataclass
class StepTally:
    """Sums over the trajectories of one step."""

    n: int = 0
    with_code: int = 0
    snippets: int = 0
    """Written."""
    executed: int = 0
    ran: int = 0
    """Repaired where they had to be."""
    ran_as_written: int = 0
    told_as_written: int = 0
    """Executed snippets of which it is known whether they would have run as written."""
    rounds: int = 0
    pictures: int = 0
    aside: int = 0
    judged: int = 0
    right: int = 0
    sandbox_s: float = 0.0
    stops: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    repairs: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    """By kind, of trajectories that record them; `sandbox` and `image` are not sampled."""
    characters: Counter[str] = field(default_factory=Counter)
    """Sampled characters by kind."""
    reward_sums: dict[str, float] = field(default_factory=dict)
    reward_counts: Counter[str] = field(default_factory=Counter)

    def add(self, record: Record) -> None:
        """Adds one trajectory."""
        executed = [turn for turn in record.turns if turn.outcome is not None]
        self.n += 1
        self.with_code += record.code_blocks > 0
        self.snippets += record.code_blocks
        self.executed += len(executed)
        self.ran += record.code_ok
        self.ran_as_written += sum(turn.ran_as_written is True for turn in executed)
        self.told_as_written += sum(turn.ran_as_written is not None for turn in executed)
        self.rounds += len(record.turns)
        self.pictures += sum(len(turn.images) for turn in record.turns)
        self.aside += record.quarantined
        self.judged += record.correct is not None
        self.right += record.correct is True
        self.sandbox_s += record.sandbox_s
        self.stops[record.stop or 'not recorded'] += 1
        self.outcomes.update(turn.outcome.value for turn in executed if turn.outcome is not None)
        self.repairs.update(repair for turn in executed for repair in turn.repairs)
        self._add_lengths(record)
        for name, value in record.rewards.items():
            if value is not None and math.isfinite(value):
                self.reward_sums[name] = self.reward_sums.get(name, 0.0) + value
                self.reward_counts[name] += 1

    def _add_lengths(self, record: Record) -> None:
        self.tokens.update(record.tokens)
        for turn in record.turns:
            for stretch in turn.segments if not record.tokens else ():
                self.tokens[stretch.kind.value] += stretch.n_tokens
            for segment in protocol.segments(turn.text):
                kind = SegmentKind.CODE if segment.kind is SegmentKind.CODE else SegmentKind.TEXT
                self.characters[kind.value] += len(segment.text)


@dataclass
class Tally:
    """All steps of a run."""

    steps: dict[int, StepTally] = field(default_factory=dict)

    @classmethod
    def of(cls, records: Iterable[Record]) -> Tally:
        """Counts the records, but not of groups that were thrown away; those without a step go under step 0."""
        tally = cls()
        for record in records:
            if record.fate is Fate.THROWN_AWAY:
                continue
            tally.steps.setdefault(record.logged_step or 0, StepTally()).add(record)
        tally.steps = dict(sorted(tally.steps.items()))
        return tally

    @property
    def n(self) -> int:
        """Trajectories."""
        return sum(step.n for step in self.steps.values())

    def total(self, value: Callable[[StepTally], float]) -> float:
        """A sum over all steps."""
        return sum(value(step) for step in self.steps.values())

    def curve(self, above: Callable[[StepTally], float], below: Callable[[StepTally], float]) -> Curve:
        """A quotient by step; steps whose divisor is 0 are left out."""
        return [(step, above(t) / below(t)) for step, t in self.steps.items() if below(t)]

    def shares(self, counter: Callable[[StepTally], Counter[str]]) -> dict[str, Curve]:
        """The share of each name in a step's count, most common names first."""
        total: Counter[str] = Counter()
        for t in self.steps.values():
            total.update(counter(t))
        return {
            name: [
                (step, counter(t)[name] / counted) for step, t in self.steps.items() if (counted := counter(t).total())
            ]
            for name, _ in total.most_common()
        }

    def reward_names(self) -> list[str]:
        """Rewards in the order in which they first appear."""
        return list(dict.fromkeys(name for t in self.steps.values() for name in t.reward_counts))

    def reward(self, name: str) -> Curve:
        """The mean of one reward by step, over the trajectories that have it."""
        return self.curve(lambda t: t.reward_sums.get(name, 0.0), lambda t: t.reward_counts[name])
