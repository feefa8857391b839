"""A report page full of charts, drawn by matplotlib: bars and lines with small value labels.

Owns this scene. Every point's value label is in the picture from the start, so the scene has marks instead of slots.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from ..blank import canvas, is_drawing_off
from ..draw import ink_for, shadow, text_at
from ..fonts import BOLD, font_for_cap, font_path
from ..types import Box, Color
from ..values import PALETTE, names
from .base import Brief, Chart, Mark, Scene, clamp

if TYPE_CHECKING:
    from matplotlib import font_manager
    from matplotlib.axes import Axes
    from matplotlib.text import Text

_DPI = 72
_MONTHS = ('Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug')
_FACES = ('dejavu-sans', 'source-sans', 'stix', 'dejavu-serif')
_COLORS = ('blue', 'green', 'orange', 'purple', 'red')
_KINDS = ('bars', 'lying bars', 'line')
_SUBJECTS = ('Annual report', 'Market review', 'Harvest survey', 'Traffic study')


def build(brief: Brief) -> Scene:
    """Draws the page."""
    rng, (width, height), unit = brief.rng, brief.size, brief.level.cap_px
    image = canvas(brief.size, (226, 228, 232))
    subject = rng.choice(_SUBJECTS)
    head = max(4 * unit, height // 14)
    text_at(image, (width // 2, head // 2), subject, rng.choice(BOLD), head // 3, (40, 46, 60))
    least = 22 * unit
    columns = clamp(round((brief.level.anchors / 2 * width / height) ** 0.5), 1, min(4, width // least))
    rows = clamp(round(brief.level.anchors / 2 / columns), 1, min(3, (height - head) // (16 * unit)))
    titles = names(rng, rows * columns)
    face = rng.choice(_FACES)
    charts = []
    for index, title in enumerate(titles):
        row, column = divmod(index, columns)
        cell = Box(0, head, width, height).cell(row, rows, column, columns)
        panel = cell.grown(-max(6, unit // 2))
        shadow(image, panel, max(3, unit // 3))
        ImageDraw.Draw(image).rectangle(tuple(panel), fill=(255, 255, 255))
        charts.append(_chart(image, brief, panel, title, face))
    gist = {'What is the heading of this page?': (subject, tuple(s for s in _SUBJECTS if s != subject))}
    return Scene('report', image, 'a report page full of charts', gist=gist, charts=tuple(charts))


def random_value(rng: random.Random) -> str:
    """What a point of a chart may be worth."""
    return f'{rng.randint(11, 98)}.{rng.randint(0, 9)}'


@dataclass(frozen=True)
class _Drawn:
    """Text objects whose boxes are wanted once the figure has been drawn."""

    values: list[Text]
    ticks: list[Text]


def _chart(image: Image.Image, brief: Brief, panel: Box, title: str, face: str) -> Chart:
    rng, unit = brief.rng, brief.level.cap_px
    count = clamp(panel.width // (5 * unit), 3, 7)
    labels = list(_MONTHS[:count])
    values = [random_value(rng) for _ in labels]
    numbers = [float(v) for v in values]
    color, kind = rng.choice(_COLORS), rng.choice(_KINDS)
    ink, contrast = ink_for((255, 255, 255), brief.level.contrast)
    if is_drawing_off():
        return Chart(
            title, panel, tuple(Mark(*pair, panel, panel) for pair in zip(labels, values, strict=True)), contrast
        )
    from matplotlib import font_manager  # seconds that only this scene needs
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    points = font_for_cap(face, unit).size * 72 / _DPI
    font = font_manager.FontProperties(fname=str(font_path(face)), size=points)
    size = panel.width - 8, panel.height - 8
    figure = Figure(figsize=(size[0] / _DPI, size[1] / _DPI), dpi=_DPI, facecolor='white')
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0.13, 0.14, 0.83, 0.7))
    large = font_manager.FontProperties(fname=str(font_path(face)), size=points * 1.25)
    heading = figure.text(0.5, 0.94, title, fontproperties=large, ha='center', va='center')
    texts = _plot(axes, kind, labels, numbers, values, font, ink, color)
    for tick in [*axes.get_xticklabels(), *axes.get_yticklabels()]:
        tick.set_fontproperties(font)
    for side in ('top', 'right'):
        axes.spines[side].set_visible(False)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = bytes(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    picture = Image.frombuffer('RGBA', canvas.get_width_height(), pixels).convert('RGB')
    corner = panel.left + 4, panel.top + 4
    image.paste(picture, corner)
    marks = tuple(
        Mark(label, value, _box(value_text, picture.height, corner), _box(tick, picture.height, corner))
        for label, value, value_text, tick in zip(labels, values, texts.values, texts.ticks, strict=True)
    )
    return Chart(title, _box(heading, picture.height, corner), marks, contrast)


def _plot(
    axes: Axes,
    kind: str,
    labels: list[str],
    numbers: list[float],
    values: list[str],
    font: font_manager.FontProperties,
    ink: Color,
    bars: str,
) -> _Drawn:
    color = '#{:02x}{:02x}{:02x}'.format(*PALETTE[bars])
    dark = '#{:02x}{:02x}{:02x}'.format(*ink)
    places = list(range(len(labels)))
    if kind == 'lying bars':
        axes.barh(places, numbers, color=color, height=0.6)
        axes.set_yticks(places, labels)
        axes.set_xlim(0, 118)
        axes.grid(axis='x', color='#dddddd')
        texts = [
            axes.text(n + 1.5, p, v, fontproperties=font, color=dark, va='center')
            for n, p, v in zip(numbers, places, values, strict=True)
        ]
        return _Drawn(texts, list(axes.get_yticklabels()))
    if kind == 'bars':
        axes.bar(places, numbers, color=color, width=0.6)
    else:
        axes.plot(places, numbers, color=color, marker='o', linewidth=font.get_size_in_points() * 0.12)
        axes.set_xlim(-0.5, len(labels) - 0.5)
    axes.set_xticks(places, labels)
    axes.set_ylim(0, 118)
    axes.grid(axis='y', color='#dddddd')
    axes.set_axisbelow(True)
    ground = {'facecolor': 'white', 'edgecolor': 'none', 'pad': 1.0}
    texts = [
        axes.text(p, n + 3.5, v, fontproperties=font, color=dark, ha='center', va='bottom', bbox=ground)
        for n, p, v in zip(numbers, places, values, strict=True)
    ]
    return _Drawn(texts, list(axes.get_xticklabels()))


def _box(text: Text, height: int, corner: tuple[int, int]) -> Box:
    extent = text.get_window_extent()
    return Box(
        corner[0] + int(extent.x0), corner[1] + height - int(extent.y1) - 1,
        corner[0] + int(extent.x1) + 1, corner[1] + height - int(extent.y0),
    )  # fmt: skip
