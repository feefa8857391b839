"""Trajectories that carry no advantage: how that is done with the host's group statistics.

The host computes `advantage = (r - mean of the group) / (std of the group + 1e-4)` from the weighted sum of all
rewards. It has no way to leave a member out: a reward of None or NaN counts as 0 in its sum. So a member that must not
be learnt from gets the mean of the others, reward by reward. A sum of means is the mean of the sums, whatever
`--reward_weights` are; therefore the group's mean is what it is without the member, and the member's advantage is 0.

The others keep the sign and the proportions of their advantages. Their scale grows by `sqrt((K-1)/(m-1))` for m of K
members that count, as the host divides by the standard deviation of all K; with `--scale_rewards none` it does not.
When no member counts, all get the same value, and the group carries no advantage at all. Nor does it when members that
wrote code were set aside and none that wrote code counts: what is left would teach the policy to write none.

Owns this substitution, for every reward of a run, whoever wrote it. `host.scoring` knows who belongs together.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean


@dataclass(frozen=True)
class Member:
    """One trajectory of a group."""

    group: Hashable
    """What trajectories that are compared with each other have in common; never the words of the question."""
    request: str
    """Names the trajectory; rows of one request count once."""
    aside: bool = False
    """Whether it must carry no advantage."""
    wrote_code: bool = False


def fill_in(values_NF: Sequence[Sequence[float]], members: Sequence[Member]) -> list[list[float]]:
    """The rewards of a batch, those of trajectories that carry no advantage replaced by their group's mean.

    Args:
        values_NF: for each trajectory the values of all rewards; those of one that is set aside are not looked at.
        members: one a trajectory, of all ranks.

    Returns:
        As many values. Where no member of a group counts, the mean of all values of the batch, or 0 without any.
    """
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for i, member in enumerate(members):
        groups[member.group].append(i)
    filled = [list(values) for values in values_NF]
    overall = _means([values_NF[i] for i in _counting(range(len(members)), members)], values_NF)
    for group in groups.values():
        counting = _counting(group, members)
        means = _means([values_NF[i] for i in counting], values_NF) if counting else overall
        for i in group:
            if members[i].aside or _only_inaction_counts(group, counting, members):
                filled[i] = list(means)
    return filled


def _counting(rows: Iterable[int], members: Sequence[Member]) -> list[int]:
    return list({members[i].request: i for i in rows if not members[i].aside}.values())


def _only_inaction_counts(group: Sequence[int], counting: Sequence[int], members: Sequence[Member]) -> bool:
    lost = any(members[i].aside and members[i].wrote_code for i in group)
    return lost and not any(members[i].wrote_code for i in counting)


def _means(rows: Sequence[Sequence[float]], like: Sequence[Sequence[float]]) -> list[float]:
    """Means of columns; None of a foreign reward, which arrives as NaN, counts as 0, as the host's own sum has it."""
    columns = zip(*rows, strict=True) if rows else ([0.0] for _ in (like[0] if like else ()))
    return [fmean(0.0 if math.isnan(value) else value for value in column) for column in columns]
