"""Small things that are strewn over a yard and counted.

Owns their shapes, by name. Each is drawn in a named colour, so that the same shape in another colour is a distractor.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from PIL import Image, ImageDraw

from ..blank import Blank, is_drawing_off
from ..draw import shade, sprite
from ..types import Color
from ..values import PALETTE

Painter = Callable[[ImageDraw.ImageDraw, int, Color], None]
"""Draws a shape into a square of a side (pixels) in a colour."""


def _apple(draw: ImageDraw.ImageDraw, side: int, color: Color) -> None:
    s = side / 20
    for grown, ink in ((1, shade(color, 0.6)), (0, color)):  # two lobes: turned upside down it must be no balloon
        for left, right in ((2, 12.5), (7.5, 18)):
            draw.ellipse(((left - grown) * s, (5 - grown) * s, (right + grown) * s, (19 + grown) * s), fill=ink)
    draw.line((10 * s, 7.5 * s, 12 * s, 1 * s), fill=(80, 54, 30), width=max(2, round(1.6 * s)))
    draw.ellipse((4.5 * s, 7 * s, 8 * s, 11 * s), fill=shade(color, 1.55))


def _pin(draw: ImageDraw.ImageDraw, side: int, color: Color) -> None:
    s = side / 20
    draw.polygon([(4.5 * s, 11 * s), (15.5 * s, 11 * s), (10 * s, 20 * s)], fill=color)
    draw.ellipse((3 * s, 0, 17 * s, 14 * s), fill=color, outline=shade(color, 0.6), width=max(1, round(s)))
    draw.ellipse((7 * s, 4 * s, 13 * s, 10 * s), fill=(250, 250, 250))


def _bird(draw: ImageDraw.ImageDraw, side: int, color: Color) -> None:
    s = side / 20
    draw.ellipse((3 * s, 7 * s, 16 * s, 17 * s), fill=color, outline=shade(color, 0.6), width=max(1, round(0.8 * s)))
    draw.ellipse((11 * s, 2 * s, 18 * s, 9.5 * s), fill=color)
    draw.polygon([(17 * s, 5 * s), (20 * s, 6.4 * s), (17 * s, 7.6 * s)], fill=(236, 168, 40))
    draw.polygon([(0, 9 * s), (5 * s, 10 * s), (4.5 * s, 14 * s)], fill=shade(color, 0.75))
    draw.ellipse((14 * s, 4.4 * s, 15.6 * s, 6 * s), fill=(250, 250, 250))


def _balloon(draw: ImageDraw.ImageDraw, side: int, color: Color) -> None:
    s = side / 20
    draw.line((10 * s, 15 * s, 11 * s, 17.5 * s, 9 * s, 20 * s), fill=(90, 90, 90), width=max(1, round(0.7 * s)))
    draw.polygon([(10 * s, 12 * s), (13 * s, 16.5 * s), (7 * s, 16.5 * s)], fill=shade(color, 0.7))
    draw.ellipse((3.5 * s, 0, 16.5 * s, 14.5 * s), fill=color, outline=shade(color, 0.7), width=max(1, round(0.7 * s)))
    draw.ellipse((6 * s, 3 * s, 9 * s, 7 * s), fill=shade(color, 1.5))


def _star(draw: ImageDraw.ImageDraw, side: int, color: Color) -> None:
    s = side / 20
    outer = [(10, 0), (12.6, 6.6), (20, 7.4), (14.4, 12), (16.2, 19.4)]
    points = [*outer, (10, 15.4), (3.8, 19.4), (5.6, 12), (0, 7.4), (7.4, 6.6)]
    draw.polygon([(x * s, y * s) for x, y in points], fill=(252, 252, 252), outline=(90, 90, 90))
    draw.polygon([(10 * s + (x - 10) * 0.76 * s, 10.6 * s + (y - 10.6) * 0.76 * s) for x, y in points], fill=color)


def _tree(draw: ImageDraw.ImageDraw, side: int, color: Color) -> None:
    s = side / 20
    draw.rectangle((8.6 * s, 14 * s, 11.4 * s, 20 * s), fill=(104, 74, 48))
    draw.polygon([(10 * s, 0), (18 * s, 15 * s), (2 * s, 15 * s)], fill=color, outline=shade(color, 0.65))


PAINTERS: dict[str, tuple[str, Painter]] = {
    'apple': ('apples', _apple),
    'pin': ('pins', _pin),
    'bird': ('birds', _bird),
    'balloon': ('balloons', _balloon),
    'star': ('star stickers', _star),
    'tree': ('toy trees', _tree),
}
"""Shape → plural noun and how it is drawn."""


def object_sprite(shape: str, color: str, side_px: int) -> Image.Image:
    """One object with a transparent ground, `side_px` square."""
    return Blank((side_px, side_px), 'RGBA') if is_drawing_off() else _painted(shape, color, side_px)


@lru_cache(maxsize=64)
def _painted(shape: str, color: str, side_px: int) -> Image.Image:
    painter = PAINTERS[shape][1]
    return sprite((side_px, side_px), lambda draw, scale: painter(draw, side_px * scale, PALETTE[color]))
