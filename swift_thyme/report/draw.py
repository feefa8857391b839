"""Drawing a run's curves with matplotlib, as SVG for a page: lines, and shares stacked to 1. Owns the looks."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Any

from ..evaluate.plot import as_svg
from .runs import Curve

COLORS = ('#4b86cf', '#d2691e', '#2f9560', '#a552b8', '#b08a1a', '#2b95a8', '#cf4f80', '#7b8794')
"""Readable on white and on black; the page's legend has the same."""
MOST_PLAIN = 20
"""Points of a line that is drawn as it is; a longer one is drawn faintly, its moving mean over it."""
_SIZE_IN = (4.6, 2.0)
_INK = '#7d8590'
_LARGEST = 1e100


def lines(series: Mapping[str, Curve], *, share: bool = False) -> str:
    """A plot of one line a name.

    Args:
        series: name → points; what cannot be drawn (no number, absurdly large) and names without points are left out.
        share: whether the vertical axis goes from 0 to 1.

    Returns:
        An `<svg>` element; empty without points.
    """
    drawn = {name: [(x, y) for x, y in curve if abs(y) < _LARGEST] for name, curve in series.items()}
    drawn = {name: curve for name, curve in drawn.items() if curve}
    if not drawn:
        return ''
    figure, axes = _axes()
    for i, curve in enumerate(drawn.values()):
        color, dashed = COLORS[i % len(COLORS)], '--' if curve in list(drawn.values())[:i] else '-'
        if len(curve) <= MOST_PLAIN:
            axes.plot(*zip(*curve, strict=True), dashed, color=color, marker='o', ms=3, lw=1.6)
            continue
        axes.plot(*zip(*curve, strict=True), color=color, lw=0.8, alpha=0.35)
        axes.plot(*zip(*smoothed(curve), strict=True), dashed, color=color, lw=1.6)
    if share:
        axes.set_ylim(-0.03, 1.03)
    return as_svg(figure)


def smoothed(curve: Curve) -> Curve:
    """The mean of each point and its neighbours: a tenth of the curve, less at its ends so that none is shifted."""
    reach = max(1, len(curve) // 20)
    found = []
    for i, (step, _) in enumerate(curve):
        own = min(reach, i, len(curve) - 1 - i)
        found.append((step, fmean(y for _, y in curve[i - own : i + own + 1])))
    return found


def stacked(series: Mapping[str, Curve]) -> str:
    """A plot of shares that add up to 1 at every step; names without points are left out."""
    series = {name: curve for name, curve in series.items() if curve}
    if not series:
        return ''
    figure, axes = _axes()
    steps = sorted({step for curve in series.values() for step, _ in curve})
    below = [0.0] * len(steps)
    for i, curve in enumerate(series.values()):
        known = dict(curve)
        above = [low + known.get(step, 0.0) for low, step in zip(below, steps, strict=True)]
        if len(steps) > 1:
            axes.fill_between(steps, below, above, color=COLORS[i % len(COLORS)], lw=0)
        else:
            axes.bar(steps, [above[0] - below[0]], bottom=below, width=0.3, color=COLORS[i % len(COLORS)])
        below = above
    axes.set_ylim(0, 1)
    return as_svg(figure)


def _axes() -> tuple[Any, Any]:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=_SIZE_IN, layout='constrained', facecolor='none')
    axes = figure.subplots()
    axes.set_facecolor('none')
    axes.grid(axis='y', color=_INK, lw=0.4, alpha=0.5)
    axes.spines[:].set_visible(False)
    axes.tick_params(colors=_INK, labelsize=7, length=0)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.offsetText.set(color=_INK, fontsize=7)
    return figure, axes
