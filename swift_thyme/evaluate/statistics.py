"""Shares and differences with their confidence intervals. All by item: repeats of one item are not independent.

Two methods, chosen because both stay honest for small sets and for scores of 0 % and 100 %:

- **a share** (accuracy, "solved only with the tool"): Wilson's score interval with the effective number of answers.
  With one repeat that is Wilson's interval over the items. With k repeats of `ENOUGH_ITEMS` items or more the number of
  answers is divided by the design effect that the repeats' agreement within items shows, so that k equal answers count
  as one. Fewer items show too little of that agreement, above all where difficulty is skewed, and count as one answer
  each: the mean of an item's answers never scatters more than a single one.
- **a paired difference** (tools on minus tools off): Bonett and Price's adjusted interval over the items' own
  differences. It adds one item of +1 and one of -1; with one repeat it is exactly their interval for paired
  proportions.

Owns no data: everything here is a function of numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean

LEVEL = 0.95
"""Of confidence, of every interval."""
_Z = NormalDist().inv_cdf(0.5 + LEVEL / 2)
ENOUGH_ITEMS = 40
"""Items from which the design effect of repeats is taken from the data."""


@dataclass(frozen=True)
class Estimate:
    """A share or a difference of shares, with its interval."""

    value: float
    low: float
    high: float
    n_items: int
    """Items it is made from; the unit that is resampled in thought."""
    n_answers: int


def share(outcomes: Mapping[str, Sequence[float]]) -> Estimate | None:
    """The mean of the items' means, with a Wilson interval for the effective number of answers.

    Args:
        outcomes: item → one value from 0 to 1 a repeat; items without a value are left out.

    Returns:
        The estimate; None when no item has a value.
    """
    means = {item: fmean(values) for item, values in outcomes.items() if values}
    if not means:
        return None
    n_items, n_answers = len(means), sum(len(values) for values in outcomes.values())
    p = fmean(means.values())
    variance = sum((mean - p) ** 2 for mean in means.values()) / n_items / max(n_items - 1, 1)
    low, high = wilson(p, _effective(p, variance, n_items, n_answers))
    return Estimate(p, low, high, n_items, n_answers)


def _effective(p: float, variance: float, n_items: int, n_answers: int) -> float:
    """The number of independent answers that would scatter as much; where too little tells, that of the items."""
    if n_items < ENOUGH_ITEMS or n_answers == n_items or p * (1 - p) == 0:
        return float(n_items)
    return min(p * (1 - p) / variance, float(n_answers)) if variance > 0 else float(n_answers)


def wilson(p: float, n: float) -> tuple[float, float]:
    """Wilson's score interval of a share.

    Args:
        p: the share seen, 0 to 1.
        n: how many independent answers it comes from; need not be whole.
    """
    middle = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n * n)) / (1 + _Z**2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def difference(first: Mapping[str, Sequence[float]], second: Mapping[str, Sequence[float]]) -> Estimate | None:
    """First minus second, over the items that both have, with Bonett and Price's interval for paired data.

    Args:
        first: item → one value from 0 to 1 a repeat.
        second: likewise, under the other condition.

    Returns:
        The estimate; None when no item has values in both.
    """
    pairs = [item for item, values in first.items() if values and second.get(item)]
    if not pairs:
        return None
    gaps = [fmean(first[item]) - fmean(second[item]) for item in pairs]
    n = len(gaps) + 2
    middle = sum(gaps) / n
    variance = (sum(gap * gap for gap in gaps) + 2) / n - middle**2
    half = _Z * math.sqrt(variance / n)
    n_answers = sum(len(first[item]) + len(second[item]) for item in pairs)
    return Estimate(fmean(gaps), max(-1.0, middle - half), min(1.0, middle + half), len(gaps), n_answers)


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided p-value of McNemar's test.

    Args:
        only_first: items right under the first condition only.
        only_second: items right under the second only.

    Returns:
        How often chance alone would split the items at least as unevenly; 1 when none differs.
    """
    n, k = only_first + only_second, min(only_first, only_second)
    if n == 0:
        return 1.0
    tail = sum(math.comb(n, i) for i in range(k + 1)) / (1 << n)
    return min(1.0, 2 * tail)
