"""Saved trajectories, step by step, as `trajectories.figures` counts them. Owns sums over steps, and rewards."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import fmean

from ..trajectories import Fate, Record, figures
from .runs import Curve


@dataclass
class RunTally:
    """All steps of a run."""

    steps: dict[int, figures.Tally] = field(default_factory=dict)
    rewards: dict[str, dict[int, list[float]]] = field(default_factory=dict)
    """Reward → step → its values."""

    @classmethod
    def of(cls, records: Iterable[Record]) -> RunTally:
        """Counts the records, but not of groups that were thrown away; those without a step go under step 0."""
        found = cls()
        for record in records:
            if record.fate is Fate.THROWN_AWAY:
                continue
            step = record.logged_step or 0
            found.steps.setdefault(step, figures.Tally()).add(record)
            for name, value in record.rewards.items():
                if value is not None and math.isfinite(value):
                    found.rewards.setdefault(name, {}).setdefault(step, []).append(value)
        found.steps = dict(sorted(found.steps.items()))
        return found

    @property
    def n(self) -> int:
        """Trajectories."""
        return sum(step.trajectories for step in self.steps.values())

    def total(self, name: str) -> int:
        """A sum over all steps."""
        return sum(step.sums[name] for step in self.steps.values())

    def curve(self, above: str, below: str = '') -> Curve:
        """One sum by another, or a trajectory, by step; steps whose divisor is 0 are left out."""
        found = ((step, t.sums[above], t.sums[below] if below else t.trajectories) for step, t in self.steps.items())
        return [(step, value / divisor) for step, value, divisor in found if divisor]

    def names(self, kind: str) -> list[str]:
        """What was counted of a kind (`stop`, `outcome`, …), most common first."""
        total: Counter[str] = Counter()
        for step in self.steps.values():
            total.update({k.removeprefix(f'{kind}/'): n for k, n in step.sums.items() if k.startswith(f'{kind}/')})
        return [name for name, _ in total.most_common()]

    def shares(self, kind: str) -> dict[str, Curve]:
        """The share of each name of a kind in a step's count, most common names first."""
        names = self.names(kind)
        counted = {step: sum(t.sums[f'{kind}/{name}'] for name in names) for step, t in self.steps.items()}
        return {
            name: [(step, t.sums[f'{kind}/{name}'] / counted[step]) for step, t in self.steps.items() if counted[step]]
            for name in names
        }

    def reward(self, name: str) -> Curve:
        """The mean of one reward by step, over the trajectories that have it."""
        return [(step, fmean(values)) for step, values in sorted(self.rewards[name].items())]
