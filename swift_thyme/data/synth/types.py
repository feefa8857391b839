"""The vocabulary of a synthetic row: boxes, targets, plans and items.

Owns data only. How a scene is drawn is in `scenes`, what is asked of it in `tasks`, how a row is written in `writers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from PIL import Image

Color = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""


class Box(NamedTuple):
    """A rectangle in pixels of the whole picture: left and top inside, right and bottom outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Pixels from left to right."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return self.bottom - self.top

    @property
    def area(self) -> int:
        """Square pixels."""
        return self.width * self.height

    @property
    def center(self) -> tuple[int, int]:
        """The middle, rounded down."""
        return (self.left + self.right) // 2, (self.top + self.bottom) // 2

    def cell(self, row: int, rows: int, column: int, columns: int) -> Box:
        """One of the cells of a grid that fills the box."""
        return Box(
            self.left + self.width * column // columns,
            self.top + self.height * row // rows,
            self.left + self.width * (column + 1) // columns,
            self.top + self.height * (row + 1) // rows,
        )

    def grown(self, by_x: int, by_y: int | None = None) -> Box:
        """The box with a margin on every side, in pixels; negative margins shrink it."""
        by_y = by_x if by_y is None else by_y
        return Box(self.left - by_x, self.top - by_y, self.right + by_x, self.bottom + by_y)

    def clipped(self, width: int, height: int) -> Box:
        """The part of the box inside a picture of this size."""
        return Box(max(0, self.left), max(0, self.top), min(width, self.right), min(height, self.bottom))

    def holds(self, other: Box) -> bool:
        """Whether the other box lies completely inside this one."""
        return (
            self.left <= other.left
            and self.top <= other.top
            and self.right >= other.right
            and self.bottom >= other.bottom
        )

    def union(self, other: Box) -> Box:
        """The smallest box around both."""
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )


@dataclass(frozen=True)
class Target:
    """What must be seen to answer, as it was drawn."""

    box: Box
    detail_px: int
    """Height of the smallest thing that must be told apart: capital letters, an object, a swatch; canvas pixels."""
    rotation_deg: int = 0
    """Counterclockwise turn of the drawn text, 0 to 359."""
    contrast: float = 21.0
    """WCAG contrast ratio of the target and its surface, 1 (none) to 21."""


class Step(str, Enum):
    """One thing a good solver does with code, in the order of a plan."""

    CROP = 'crop'
    ROTATE = 'rotate'
    ENHANCE = 'enhance'
    COMPUTE = 'compute'


@dataclass(frozen=True)
class Place:
    """A region that words state: one of equal parts of the whole picture, and how it is computed from them."""

    rows: int
    """Parts from top to bottom, at least 1."""
    columns: int
    row: int
    """Of the region, from 0 at the top."""
    column: int
    """Of the region, from 0 at the left."""
    setting: str
    """What has to be known before the region can be named, as a sentence; may be empty."""
    where: str
    """Completes `What code is written …?`: `in row 3, column 5`."""
    lines: tuple[str, ...]
    """Python that computes the corners `x1, y1, x2, y2` (pixels) from the picture's size `w, h`."""
    reason: str
    """The same in words, as a sentence."""

    def box(self, width: int, height: int) -> Box:
        """The region in a picture of this size, pixels; what `lines` compute."""
        return Box(
            self.column * width // self.columns,
            self.row * height // self.rows,
            (self.column + 1) * width // self.columns,
            (self.row + 1) * height // self.rows,
        )


@dataclass(frozen=True)
class Plan:
    """How a good solver gets to the answer: what the trajectory writer needs to know and the picture cannot tell it."""

    steps: tuple[Step, ...]
    """Empty where the question is best answered without code."""
    seen: str
    """What is found once the target can be seen, in words that end in the answer's evidence; no full stop."""
    spot: str = ''
    """What is looked for, as a noun phrase: `the price tag under the bottle "Orino"`."""
    program: tuple[str, ...] = ()
    """Lines of Python that print the result; one or several ways of writing the same thing, joined by `\\n` each."""
    grid: tuple[int, int, int, int] | None = None
    """Rows, columns, wanted row, wanted column (from 1) where the region is given in words."""
    grid_box: Box | None = None
    """The grid's outline in the picture, pixels."""
    place: Place | None = None
    """The region where words state it exactly."""
    color: str = ''
    """A name of `values.PALETTE` where the region is the only thing of that colour."""


@dataclass(frozen=True)
class Item:
    """One question with its picture and its truth."""

    scene: str
    question: str
    """Without options."""
    answer: str
    """The true answer in full; of a multiple-choice row, the text of the right option."""
    wrong: tuple[str, ...]
    """Distractors of the same kind, most tempting first, all different from the answer and from each other."""
    plan: Plan
    image: Image.Image | None = None
    """RGB; None for a computation without a picture."""
    target: Target | None = None
    """None where nothing in the picture holds the answer (no picture, or the thing asked for is not there)."""
    context: Box | None = None
    """The target with what identifies it (its sign, its shelf, its row); a first, wide crop shows this."""
    absent_option: bool = True
    """Whether "not in the image" makes sense as a wrong option."""
