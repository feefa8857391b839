"""Trajectories that carry no advantage: how that is done with the host's group statistics.

The host computes `advantage = (r - mean of the group) / (std of the group + 1e-4)` from the weighted sum of all
rewards. It has no way to leave a member out: a reward of None or NaN counts as 0 in its sum. So a member that must not
be learnt from gets the mean of the others, reward by reward. A sum of means is the mean of the sums, whatever
`--reward_weights` are; therefore the group's mean is what it is without the member, and the member's advantage is 0.

The others keep the sign and the proportions of their advantages. Their scale grows by `sqrt((K-1)/(m-1))` for m of K
members that count, as the host divides by the standard deviation of all K; with `--scale_rewards none` it does not.
When no member counts, all get the same value, and the group carries no advantage at all.

Owns this substitution. One group may lie on several ranks, therefore it is made of everybody's values (see
`host.rewards`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from ..errors import JudgeError


@dataclass(frozen=True)
class Scored:
    """One trajectory's value for one reward."""

    group: str
    """Names the prompt."""
    request: str
    """Names the trajectory; rows of one request count once."""
    value: float | None
    """None for a trajectory that carries no advantage."""


@dataclass(frozen=True)
class Sheet:
    """What one rank contributes: its trajectories, or the error that ends the step."""

    rows: tuple[Scored, ...] = ()
    error: JudgeError | None = None


def fill_in(own: Sequence[Scored], everybody: Sequence[Scored]) -> list[float]:
    """The values of one rank's trajectories, those without one replaced by their group's mean.

    Args:
        own: this rank's trajectories.
        everybody: the trajectories of all ranks, these included.

    Returns:
        One finite value per trajectory of `own`, never None: the mean of its group for one without a value; where no
        member of the group has one, the mean of all values, or 0 where there is none at all.
    """
    groups: dict[str, dict[str, float]] = defaultdict(dict)
    for row in everybody:
        if row.value is not None:
            groups[row.group][row.request] = row.value
    means = {name: fmean(members.values()) for name, members in groups.items()}
    overall = fmean(v for members in groups.values() for v in members.values()) if groups else 0.0
    return [means.get(row.group, overall) if row.value is None else row.value for row in own]
