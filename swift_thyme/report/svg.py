"""Small plots as SVG text: lines, and shares stacked to 1. Colours are CSS classes, so that they follow the theme.

Owns scales, ticks and drawing. Names are escaped here; nothing else of a run's text gets in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from .runs import Curve

WIDTH, HEIGHT = 460, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 10, 26
COLOURS = 8
"""Classes `s0` to `s7` of the style sheet."""
_MOST_MARKS = 40
_MOST_POINTS = 600


@dataclass(frozen=True)
class Scale:
    """Data to pixels along one axis."""

    low: float
    high: float
    start_px: float
    end_px: float

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        return self.start_px + (value - self.low) / (self.high - self.low) * (self.end_px - self.start_px)


def lines(series: Mapping[str, Curve], *, low: float | None = None, high: float | None = None) -> str:
    """A plot of one line a name.

    Args:
        series: name → points; names without points are left out.
        low, high: fixed ends of the vertical axis; found from the data by default.
    """
    series = {name: thin(curve) for name, curve in series.items() if curve}
    if not series:
        return ''
    values = [y for curve in series.values() for _, y in curve]
    x, y = _horizontal(series), _vertical(min(values) if low is None else low, max(values) if high is None else high)
    parts = _axes(x, y)
    for i, (name, curve) in enumerate(series.items()):
        points = ' '.join(f'{x(a):.1f},{y(b):.1f}' for a, b in curve)
        colour = f's{i % COLOURS}'
        parts.append(f'<polyline class="line {colour}" points="{points}"/>')
        if len(curve) <= _MOST_MARKS:
            parts += [
                f'<circle class="mark {colour}" cx="{x(a):.1f}" cy="{y(b):.1f}" r="2.6">'
                f'<title>{escape(name)}, step {a:g}: {b:.4g}</title></circle>'
                for a, b in curve
            ]
    return _figure(parts)


def stacked(series: Mapping[str, Curve]) -> str:
    """A plot of shares that add up to 1 at every step."""
    series = {name: thin(curve) for name, curve in series.items() if curve}
    if not series:
        return ''
    x, y = _horizontal(series), Scale(0.0, 1.0, HEIGHT - _BOTTOM, _TOP)
    parts = _axes(x, y)
    below: dict[float, float] = {}
    for i, (name, curve) in enumerate(series.items()):
        upper = [(a, below.get(a, 0.0) + b) for a, b in curve]
        lower = [(a, below.get(a, 0.0)) for a, _ in curve]
        if len(curve) == 1:  # a single step: a bar in place of an area without width
            (a, top), (_, base) = upper[0], lower[0]
            corners = [(x(a) - 14, y(base)), (x(a) - 14, y(top)), (x(a) + 14, y(top)), (x(a) + 14, y(base))]
        else:
            corners = [(x(a), y(b)) for a, b in (*upper, *reversed(lower))]
        mean = sum(b for _, b in curve) / len(curve)
        points = ' '.join(f'{a:.1f},{b:.1f}' for a, b in corners)
        title = f'<title>{escape(name)}: {mean:.1%} on average</title>'
        parts.append(f'<polygon class="area s{i % COLOURS}" points="{points}">{title}</polygon>')
        below |= dict(upper)
    return _figure(parts)


def thin(curve: Curve) -> Curve:
    """At most about 600 points: means of neighbours."""
    size = math.ceil(len(curve) / _MOST_POINTS)
    if size <= 1:
        return list(curve)
    groups = [curve[at : at + size] for at in range(0, len(curve), size)]
    return [(sum(a for a, _ in g) / len(g), sum(b for _, b in g) / len(g)) for g in groups]


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers from `low` to `high`, at most about `most`."""
    step = 10 ** math.floor(math.log10((high - low) / most))
    step *= next(f for f in (1, 2, 5, 10) if (high - low) / (step * f) <= most)
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _horizontal(series: Mapping[str, Curve]) -> Scale:
    steps = [a for curve in series.values() for a, _ in curve]
    low, high = min(steps), max(steps)
    return Scale(low, high, _LEFT, WIDTH - _RIGHT) if high > low else Scale(low - 1, high + 1, _LEFT, WIDTH - _RIGHT)


def _vertical(low: float, high: float) -> Scale:
    margin = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    floor = 0.0 if low >= 0 and low < 0.3 * high else low - margin
    return Scale(floor, high + margin, HEIGHT - _BOTTOM, _TOP)


def _axes(x: Scale, y: Scale) -> list[str]:
    parts = []
    for value in ticks(y.low, y.high, 4):
        at = y(value)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 6}" y="{at + 3.5:.1f}" text-anchor="end">{value:.4g}</text>')
    for value in ticks(x.low, x.high, 6):
        if value == int(value):
            parts.append(
                f'<text class="tick" x="{x(value):.1f}" y="{HEIGHT - 8}" text-anchor="middle">{value:.0f}</text>'
            )
    return parts


def _figure(parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(parts)}</svg>'
