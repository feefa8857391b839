"""Pictures of estimates for reports: dots with intervals, as SVG text that goes into a page.

Owns drawing with matplotlib only; it is imported when a report is written.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from .statistics import Estimate

COLORS = ('#2f6db3', '#c9652b', '#3d8b5f', '#8a5aa8')
_ROW_IN, _MARGIN_IN, _WIDTH_IN = 0.34, 1.0, 7.6


def dots(labels: Sequence[str], series: Mapping[str, Sequence[Estimate | None]], *, axis: str) -> str:
    """Dots with their intervals, rows downwards.

    Args:
        labels: of the rows.
        series: name → estimates of one colour, one a row; None leaves a gap.
        axis: what the horizontal axis shows; in per cent.

    Returns:
        An `<svg>` element.
    """
    from matplotlib.figure import Figure

    height = max(1.6, _ROW_IN * len(labels) * max(1.0, 0.6 * len(series)) + _MARGIN_IN)
    figure = Figure(figsize=(_WIDTH_IN, height), layout='constrained')
    axes = figure.subplots()
    step = 0.7 / max(1, len(series))
    for i, (name, estimates) in enumerate(series.items()):
        shift = (i - (len(series) - 1) / 2) * step
        shown = [(row + shift, e) for row, e in enumerate(estimates) if e is not None]
        xs = [100 * e.value for _, e in shown]
        below = [100 * max(0.0, e.value - e.low) for _, e in shown]
        above = [100 * max(0.0, e.high - e.value) for _, e in shown]
        color = COLORS[i % len(COLORS)]
        ys = [y for y, _ in shown]
        axes.errorbar(xs, ys, xerr=[below, above], fmt='o', color=color, capsize=3, ms=5, label=name)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_xlim(-2, 102)
    axes.set_xlabel(axis)
    axes.grid(axis='x', color='#ddd', lw=0.6)
    axes.spines[['top', 'right']].set_visible(False)
    if len(series) > 1:
        figure.legend(loc='outside lower center', ncols=2, frameon=False, fontsize=9)
    return as_svg(figure)


def as_svg(figure: Any) -> str:
    """A figure as an `<svg>` element, the same bytes for the same figure."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({'svg.hashsalt': 'thyme', 'svg.fonttype': 'none'}):
        figure.savefig(buffer, format='svg', metadata=dict.fromkeys(('Creator', 'Date', 'Format', 'Type')))
    text = buffer.getvalue()
    return text[text.index('<svg') :]
