"""Shapes of the things that stand in rows in `displays`: each is painted into a square, in one colour.

Owns the outlines only. Coordinates are shares of the square's side.
"""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image, ImageDraw

from ..draw import shade, sprite
from ..types import Color

DARK: Color = (52, 46, 44)
STEEL: Color = (168, 172, 178)
WOOD: Color = (150, 108, 70)


class Pen:
    """Draws on a square in shares of its side."""

    def __init__(self, draw: ImageDraw.ImageDraw, side: int) -> None:
        self.draw, self.side = draw, side
        self.line = max(1, side // 60)

    def _at(self, *shares: float) -> list[tuple[float, float]]:
        return [(x * self.side, y * self.side) for x, y in zip(shares[::2], shares[1::2], strict=True)]

    def box(self, color: Color, *shares: float, round_by: float = 0.0) -> None:
        """A rectangle: left, top, right, bottom."""
        self.draw.rounded_rectangle(
            self._at(*shares), round_by * self.side, fill=color, outline=shade(color, 0.6), width=self.line
        )

    def oval(self, color: Color, *shares: float) -> None:
        """An ellipse in a rectangle."""
        self.draw.ellipse(self._at(*shares), fill=color, outline=shade(color, 0.6), width=self.line)

    def area(self, color: Color, *shares: float) -> None:
        """A polygon."""
        self.draw.polygon(self._at(*shares), fill=color, outline=shade(color, 0.6))

    def stroke(self, color: Color, *shares: float, wide: float = 0.03) -> None:
        """A line through points."""
        self.draw.line(self._at(*shares), fill=color, width=max(1, round(wide * self.side)), joint='curve')


def _mailbox(pen: Pen, color: Color) -> None:
    pen.box(WOOD, 0.45, 0.6, 0.55, 1.0)
    pen.box(color, 0.12, 0.2, 0.88, 0.66, round_by=0.16)
    pen.box(DARK, 0.26, 0.34, 0.74, 0.39)
    pen.stroke(STEEL, 0.88, 0.5, 0.96, 0.5, 0.96, 0.22)


def _pot(pen: Pen, color: Color) -> None:
    leaf = (70, 132, 74)
    for x in (0.22, 0.5, 0.78):
        pen.stroke((58, 104, 58), 0.5, 0.62, x, 0.2)
        pen.oval(leaf, x - 0.13, 0.06, x + 0.13, 0.36)
    pen.area(color, 0.22, 0.6, 0.78, 0.6, 0.68, 1.0, 0.32, 1.0)
    pen.box(shade(color, 0.85), 0.18, 0.56, 0.82, 0.66)


def _barrel(pen: Pen, color: Color) -> None:
    pen.oval(WOOD, 0.1, 0.08, 0.9, 0.95)
    pen.box(WOOD, 0.16, 0.14, 0.84, 0.9, round_by=0.12)
    for y in (0.26, 0.7):
        pen.box(color, 0.12, y, 0.88, y + 0.08)
    pen.oval(DARK, 0.46, 0.46, 0.54, 0.54)


def _boat(pen: Pen, color: Color) -> None:
    pen.stroke(WOOD, 0.48, 0.04, 0.48, 0.7, wide=0.04)
    pen.area((246, 244, 236), 0.52, 0.08, 0.52, 0.6, 0.92, 0.6)
    pen.area((228, 228, 222), 0.44, 0.16, 0.44, 0.6, 0.14, 0.6)
    pen.area(color, 0.04, 0.68, 0.96, 0.68, 0.8, 0.95, 0.2, 0.95)


def _suitcase(pen: Pen, color: Color) -> None:
    pen.stroke(DARK, 0.36, 0.26, 0.36, 0.1, 0.64, 0.1, 0.64, 0.26, wide=0.05)
    pen.box(color, 0.08, 0.24, 0.92, 0.9, round_by=0.08)
    for x in (0.24, 0.7):
        pen.box(shade(color, 0.7), x, 0.24, x + 0.06, 0.9)


def _key(pen: Pen, color: Color) -> None:
    pen.oval(DARK, 0.44, 0.0, 0.56, 0.1)
    pen.oval(color, 0.24, 0.06, 0.76, 0.5)
    pen.oval(shade(color, 0.5), 0.4, 0.16, 0.6, 0.34)
    pen.box(STEEL, 0.45, 0.48, 0.55, 0.98)
    pen.box(STEEL, 0.55, 0.74, 0.7, 0.8)
    pen.box(STEEL, 0.55, 0.86, 0.66, 0.92)


def _jar(pen: Pen, color: Color) -> None:
    pen.box((226, 232, 234), 0.18, 0.2, 0.82, 0.96, round_by=0.1)
    pen.box(color, 0.22, 0.42, 0.78, 0.93, round_by=0.08)
    pen.box(STEEL, 0.24, 0.06, 0.76, 0.22, round_by=0.03)


def _tent(pen: Pen, color: Color) -> None:
    pen.area(color, 0.5, 0.1, 0.98, 0.92, 0.02, 0.92)
    pen.area(shade(color, 0.5), 0.5, 0.3, 0.68, 0.92, 0.32, 0.92)
    pen.stroke(WOOD, 0.5, 0.02, 0.5, 0.14)


def _birdhouse(pen: Pen, color: Color) -> None:
    pen.box(WOOD, 0.22, 0.36, 0.78, 0.94)
    pen.area(color, 0.5, 0.06, 0.94, 0.42, 0.06, 0.42)
    pen.oval(DARK, 0.39, 0.5, 0.61, 0.72)
    pen.stroke(DARK, 0.5, 0.78, 0.5, 0.86, wide=0.05)


def _clock(pen: Pen, color: Color) -> None:
    pen.oval(color, 0.04, 0.04, 0.96, 0.96)
    pen.oval((250, 249, 244), 0.14, 0.14, 0.86, 0.86)
    pen.stroke(DARK, 0.5, 0.5, 0.5, 0.22, wide=0.04)
    pen.stroke(DARK, 0.5, 0.5, 0.7, 0.6, wide=0.05)


def _lamp(pen: Pen, color: Color) -> None:
    pen.stroke(DARK, 0.5, 0.4, 0.5, 0.92, wide=0.05)
    pen.area(color, 0.34, 0.06, 0.66, 0.06, 0.88, 0.5, 0.12, 0.5)
    pen.box(DARK, 0.28, 0.88, 0.72, 0.96, round_by=0.03)


def _robot(pen: Pen, color: Color) -> None:
    pen.stroke(STEEL, 0.5, 0.0, 0.5, 0.1)
    pen.box(color, 0.3, 0.08, 0.7, 0.38, round_by=0.04)
    for x in (0.38, 0.54):
        pen.oval((250, 249, 244), x, 0.16, x + 0.09, 0.25)
    pen.box(shade(color, 0.85), 0.22, 0.4, 0.78, 0.78, round_by=0.04)
    for x in (0.08, 0.8):
        pen.box(STEEL, x, 0.42, x + 0.12, 0.72, round_by=0.04)
    for x in (0.3, 0.56):
        pen.box(STEEL, x, 0.78, x + 0.14, 1.0)


SHAPES: dict[str, Callable[[Pen, Color], None]] = {
    'mailbox': _mailbox,
    'pot': _pot,
    'barrel': _barrel,
    'boat': _boat,
    'suitcase': _suitcase,
    'key': _key,
    'jar': _jar,
    'tent': _tent,
    'bird house': _birdhouse,
    'clock': _clock,
    'lamp': _lamp,
    'robot': _robot,
}
"""Noun → what paints it."""


def shape(noun: str, side: int, color: Color) -> Image.Image:
    """A thing with a transparent ground, `side` pixels wide and high."""
    return sprite((side, side), lambda draw, times: SHAPES[noun](Pen(draw, side * times), color))
