"""A picture in equal parts, one short text in each: tiles, a plain sheet, a page in columns.

Owns these looks and how finely a picture may be divided. A part holds its text and nothing else, so that a crop of it
can be read by a model that reads single lines.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageDraw

from ..blank import canvas
from ..draw import LabelStyle, label_size, mottled, shade
from ..fonts import BOLD, MONO
from ..places import MOST_PARTS, Parts
from ..types import Box, Color, Place
from ..values import ValueKind
from .base import Brief, Grid, Scene, Slot, clamp, paper

LEGIBLE_PX = 14
"""Least height of a capital letter once its part is cut out and enlarged to the model's pixel budget."""
LEAST_PART_PX = 72
_WIDEST = {
    ValueKind.CODE: 'W0-0000',
    ValueKind.NUMBER: '0000',
    ValueKind.TIME: '00:00',
    ValueKind.PRICE: '00.00',
    ValueKind.PLATE: 'WWW 0000',
}
KINDS = tuple(_WIDEST)
"""What the parts may hold: at most eight characters on one line."""
_TINTS: tuple[tuple[Color, Color], ...] = (
    ((226, 232, 238), (246, 240, 224)),
    ((214, 228, 216), (240, 244, 234)),
    ((40, 54, 74), (58, 70, 92)),
    ((232, 220, 210), (248, 244, 238)),
    ((70, 60, 66), (52, 46, 54)),
)
_GROUNDS: tuple[Color, ...] = ((246, 243, 235), (206, 214, 208), (224, 205, 170), (58, 68, 64), (44, 52, 72))


@dataclass(frozen=True)
class Lettering:
    """How the texts of all parts look."""

    kind: ValueKind
    face: str
    cap_px: int
    contrast: float
    turn_deg: int = 0
    """Counterclockwise."""

    @property
    def extent(self) -> tuple[int, int]:
        """Width and height of the largest label with its margins, pixels; a square where it is turned."""
        width, height = label_size(_WIDEST[self.kind], LabelStyle(self.face, self.cap_px, (255, 255, 255), 4.0))
        side = max(width, height)
        return (side, side) if self.turn_deg % 180 else (width, height)


def lettering(brief: Brief, contrast: float, turn_deg: int = 0) -> Lettering:
    """Draws what the texts are and how they look."""
    kind, face = brief.rng.choice(KINDS), brief.rng.choice((*MONO, *BOLD))
    return Lettering(kind, face, brief.level.cap_px, contrast, turn_deg)


def parts_for(brief: Brief, letters: Lettering) -> Parts:
    """How finely this picture may be divided.

    A part has room for its text; once it is cut out and enlarged to the budget, capital letters are at least
    `LEGIBLE_PX` high; and the harder the level, the less empty the part is.
    """
    (width, height), level = brief.size, brief.level
    text_w, text_h = letters.extent
    loose = 1 - level.difficulty
    widest, tallest = text_w * (2.2 + 3 * loose), max(text_h, 2.2 * level.cap_px) * (3 + 6 * loose)
    shrink = min(1.0, (level.max_pixels * (level.cap_px / LEGIBLE_PX) ** 2 / (widest * tallest)) ** 0.5)
    columns = _counts(width, widest * shrink, max(text_w * 1.15, LEAST_PART_PX), loose)
    rows = _counts(height, tallest * shrink, max(text_h * 1.15, LEAST_PART_PX), loose)
    return Parts(rows, columns)


def _counts(side: int, most_px: float, least_px: float, loose: float) -> range:
    most = clamp(int(side / least_px), 2, MOST_PARTS)
    least = clamp(-int(-side // most_px), 2, most)
    return range(least, max(least, round(most - (most - least) * loose / 2)) + 1)


def build(brief: Brief, place: Place, letters: Lettering, look: str) -> Scene:
    """Divides the picture into the place's rows and columns.

    Args:
        brief: size, level and random source.
        place: how the picture is divided.
        letters: how the texts look.
        look: a name of `LOOKS`.
    """
    image, surface_of = LOOKS[look](brief, place)
    grid = Grid(Box(0, 0, *brief.size), place.rows, place.columns)
    slots = []
    for row in range(place.rows):
        for column in range(place.columns):
            part = grid.cell(row + 1, column + 1)
            center = _inside(brief.rng, part, letters, left=look == 'page')
            where = f'in row {row + 1}, column {column + 1}'
            style = LabelStyle(
                letters.face, letters.cap_px, surface_of(row, column), letters.contrast, letters.turn_deg, plate=False
            )
            slots.append(Slot(where, f'the {letters.kind.value} {where}', letters.kind, center, part, style))
    return Scene(look, image, f'a {look} with many short texts', tuple(slots), grid=grid)


def _inside(rng: random.Random, part: Box, letters: Lettering, *, left: bool) -> tuple[int, int]:
    """Where a label's middle may be: anywhere in its part, or near the left edge as in a column of text."""
    width, height = letters.extent
    free_x, free_y = max(0, part.width - width), max(0, part.height - height)
    x = part.left + width // 2 + (min(free_x, letters.cap_px) if left else rng.randint(0, free_x))
    y = part.top + height // 2 + (free_y // 2 if left else rng.randint(0, free_y))
    return x, y


Surface = Callable[[int, int], Color]
"""Row and column from 0 → the colour under a text."""


def _tiles(brief: Brief, place: Place) -> tuple[Image.Image, Surface]:
    tints = brief.rng.choice(_TINTS)
    image = canvas(brief.size, tints[0])
    draw = ImageDraw.Draw(image)
    grid = Grid(Box(0, 0, *brief.size), place.rows, place.columns)
    for row in range(place.rows):
        for column in range(1 - row % 2, place.columns, 2):
            left, top, right, bottom = grid.cell(row + 1, column + 1)
            draw.rectangle((left, top, right - 1, bottom - 1), fill=tints[1])
    return image, lambda row, column: tints[(row + column) % 2]


def _sheet(brief: Brief, place: Place) -> tuple[Image.Image, Surface]:
    ground = brief.rng.choice(_GROUNDS)
    return mottled(brief.size, ground, brief.rng, 3, 30), lambda row, column: ground


def _page(brief: Brief, place: Place) -> tuple[Image.Image, Surface]:
    ground = paper(brief.rng)
    image = canvas(brief.size, ground)
    draw, band = ImageDraw.Draw(image), shade(ground, 0.965)
    grid = Grid(Box(0, 0, *brief.size), place.rows, place.columns)
    for row in range(1, place.rows, 2):
        part = grid.cell(row + 1, 1)
        draw.rectangle((0, part.top, brief.width, part.bottom - 1), fill=band)
    return image, lambda row, column: band if row % 2 else ground


LOOKS: dict[str, Callable[[Brief, Place], tuple[Image.Image, Surface]]] = {
    'tiles': _tiles,
    'sheet': _sheet,
    'page': _page,
}
"""Look → the function that draws the empty parts."""
