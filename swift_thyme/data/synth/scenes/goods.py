"""Packaged goods: bottles, cans, boxes and jars with a brand name on the label.

Owns their shapes; the shelf decides where they stand.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageDraw

from ..draw import shade, sprite, text_at
from ..fonts import SIGN
from ..types import Box, Color

_Pen = ImageDraw.ImageDraw
_Part = tuple[float, float, float, float]
"""Left, top, right, bottom as shares of the whole thing."""


@dataclass(frozen=True)
class Shape:
    """One sort of package, in shares of its own or its shelf's height."""

    part_name: str
    """The part that has a colour of its own."""
    part: _Part
    tall: float
    """Height ÷ free height of the shelf."""
    wide: float
    """Width ÷ height."""
    label: tuple[float, float]
    """Middle and height of the label ÷ height."""
    paint: Callable[[_Pen, float, float, Color, Color, int], None]
    """Draws with width, height, body colour, part colour and line width."""


def _bottle(draw: _Pen, w: float, h: float, color: Color, cap: Color, line: int) -> None:
    outline = [(0.36, 0.08), (0.64, 0.08), (0.66, 0.3), (0.97, 0.46), (0.03, 0.46), (0.34, 0.3)]
    draw.polygon([(x * w, y * h) for x, y in outline], fill=color)
    draw.rounded_rectangle((0, 0.42 * h, w, h), radius=w / 10, fill=color, outline=shade(color, 0.62), width=line)
    draw.rounded_rectangle((0.32 * w, 0, 0.68 * w, 0.1 * h), radius=w / 20, fill=cap)


def _can(draw: _Pen, w: float, h: float, color: Color, cap: Color, line: int) -> None:
    draw.rounded_rectangle((0, 0.02 * h, w, h), radius=w / 10, fill=color, outline=shade(color, 0.62), width=line)
    draw.ellipse((0.02 * w, 0, 0.98 * w, 0.09 * h), fill=(206, 208, 212), outline=(140, 142, 146), width=line)
    draw.rectangle((0, 0.1 * h, w, 0.22 * h), fill=cap)


def _box(draw: _Pen, w: float, h: float, color: Color, cap: Color, line: int) -> None:
    draw.rectangle((0, 0, w, h), fill=color, outline=shade(color, 0.62), width=line)
    draw.rectangle((0.62 * w, 0, w, 0.16 * h), fill=cap)
    draw.ellipse((0.3 * w, 0.74 * h, 0.7 * w, 0.94 * h), fill=shade(color, 1.4))


def _jar(draw: _Pen, w: float, h: float, color: Color, cap: Color, line: int) -> None:
    draw.rounded_rectangle((0, 0.1 * h, w, h), radius=w / 5, fill=color, outline=shade(color, 0.62), width=line)
    lid = (0.06 * w, 0, 0.94 * w, 0.14 * h)
    draw.rounded_rectangle(lid, radius=w / 20, fill=cap, outline=shade(cap, 0.7), width=line)


SHAPES = {
    'bottle': Shape('cap', (0.32, 0, 0.68, 0.1), 0.84, 0.36, (0.66, 0.3), _bottle),
    'can': Shape('stripe', (0, 0.1, 1, 0.22), 0.5, 0.62, (0.56, 0.4), _can),
    'box': Shape('corner', (0.62, 0, 1, 0.16), 0.72, 0.66, (0.5, 0.34), _box),
    'jar': Shape('lid', (0.06, 0, 0.94, 0.14), 0.56, 0.7, (0.6, 0.42), _jar),
}
"""Noun → shape."""


def package(
    size: tuple[int, int], noun: str, brand: str, colors: tuple[Color, Color], cap_px: int, rng: random.Random
) -> Image.Image:
    """Draws one package with a transparent ground.

    Args:
        size: pixels.
        noun: a key of `SHAPES`.
        brand: the name on the label.
        colors: body and coloured part.
        cap_px: largest height of the brand's capital letters, pixels.
        rng: chooses face and paper.
    """
    shape = SHAPES[noun]

    def paint(draw: _Pen, scale: int) -> None:
        w, h = size[0] * scale, size[1] * scale
        shape.paint(draw, w, h, *colors, scale)
        draw.rectangle((0.1 * w, 0.5 * h, 0.17 * w, 0.95 * h), fill=shade(colors[0], 1.3))

    picture = sprite(size, paint)
    (width, height), (at, tall) = size, shape.label
    middle, half, line = round(height * at), round(height * tall / 2), max(2, cap_px // 8)
    draw = ImageDraw.Draw(picture)
    light = rng.choice(((250, 246, 232), (252, 252, 252), (246, 232, 196)))
    draw.rectangle((line, middle - half, width - 1 - line, middle + half), fill=light)
    for y in (middle - half + line * 2, middle + half - line * 2):
        draw.line((line, y, width - 1 - line, y), fill=shade(colors[0], 0.8), width=line)
    text_at(picture, (width // 2, middle), brand, rng.choice(SIGN), cap_px, (40, 36, 36), width - 4 * line - 2)
    return picture


def part_box(box: Box, noun: str) -> Box:
    """Where the coloured part of a package lies, pixels of the whole picture."""
    left, top, right, bottom = SHAPES[noun].part
    return Box(
        box.left + round(left * box.width),
        box.top + round(top * box.height),
        box.left + round(right * box.width),
        box.top + round(bottom * box.height),
    )
