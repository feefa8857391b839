"""Coloured labels strewn over a grey ground, one text on each: what a threshold by colour finds.

Owns this scene. One label has a colour that nothing else in the picture has; the others share the remaining colours.
"""

from __future__ import annotations

import random

from PIL import ImageDraw

from ..draw import LabelStyle, mottled
from ..fonts import BOLD, MONO
from ..hues import HUES
from ..types import Box, Color
from ..values import PALETTE
from .base import Brief, Scene, Slot, clamp
from .parts import KINDS, Lettering

_GROUNDS: tuple[Color, ...] = ((226, 226, 224), (188, 190, 190), (64, 66, 68), (128, 128, 130), (38, 38, 40))
MOST_LABELS = 40


def build(brief: Brief) -> tuple[Scene, str]:
    """Draws the labels.

    Returns:
        The scene, and the colour of its first slot's label, which no other label has.
    """
    rng, unit, level = brief.rng, brief.level.cap_px, brief.level
    image = mottled(brief.size, rng.choice(_GROUNDS), rng, 4, 24)
    letters = Lettering(rng.choice(KINDS), rng.choice((*MONO, *BOLD)), unit, level.contrast)
    only = rng.choice(sorted(HUES))
    others = [name for name in sorted(HUES) if name != only]
    slots = []
    for index, box in enumerate(_scattered(brief, letters)):
        color = PALETTE[rng.choice(others) if index else only]
        ImageDraw.Draw(image).rectangle((box.left, box.top, box.right - 1, box.bottom - 1), fill=color)
        style = LabelStyle(letters.face, unit, color, level.contrast, plate=False)
        where = f'on the {only} label'
        slots.append(Slot(where, f'the {only} label', letters.kind, box.center, box, style))
    return Scene('labels', image, 'coloured labels on a grey ground', tuple(slots)), only


def _scattered(brief: Brief, letters: Lettering) -> list[Box]:
    """Boxes for the labels, apart from each other, in random order."""
    rng, (width, height) = brief.rng, brief.size
    text_w, text_h = letters.extent
    text_w, text_h = max(text_w, 96), max(text_h, 72)
    columns = clamp(width // round(text_w * 1.6), 2, 8)
    rows = clamp(height // round(text_h * 2.4), 2, 10)
    places = rng.sample(range(rows * columns), min(rows * columns, MOST_LABELS, brief.level.anchors + 4))
    return [_box(rng, Box(*_cell(place, columns, rows, width, height)), text_w, text_h) for place in places]


def _cell(place: int, columns: int, rows: int, width: int, height: int) -> tuple[int, int, int, int]:
    row, column = divmod(place, columns)
    return column * width // columns, row * height // rows, (column + 1) * width // columns, (row + 1) * height // rows


def _box(rng: random.Random, cell: Box, text_w: int, text_h: int) -> Box:
    gap = max(6, text_h // 10)
    width = min(cell.width - 2 * gap, round(text_w * rng.uniform(1.0, 1.25)))
    height = min(cell.height - 2 * gap, round(text_h * rng.uniform(1.0, 1.3)))
    left = rng.randint(cell.left + gap, cell.right - gap - width)
    top = rng.randint(cell.top + gap, cell.bottom - gap - height)
    return Box(left, top, left + width, top + height)
