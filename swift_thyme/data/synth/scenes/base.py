"""What a scene offers to the tasks: places for writing, coloured things, areas for objects, rows of neighbours.

Owns the types and the registry of scenes. A scene draws everything but the writing in its slots: a task decides which
slot holds the answer, and `fill` writes them all.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from PIL import Image

from ..difficulty import Level
from ..draw import LabelStyle, draw_label
from ..types import Box, Color, Target
from ..values import VIVID, ValueKind


@dataclass(frozen=True)
class Brief:
    """What a scene is to be drawn from."""

    rng: random.Random
    width: int
    height: int
    level: Level

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self.width, self.height


@dataclass(frozen=True)
class Slot:
    """A place where a short text can be written."""

    where: str
    """Completes `What code is written …?`: `on the notice beside the door of "Lomar Bakery"`."""
    noun: str
    """The thing itself: `the notice beside the door of "Lomar Bakery"`."""
    kind: ValueKind
    center: tuple[int, int]
    context: Box
    """The slot with what identifies it, pixels."""
    style: LabelStyle


@dataclass(frozen=True)
class Thing:
    """Something with one colour that can be asked for."""

    noun: str
    """`the door of "Lomar Bakery"`."""
    color: str
    """A name of `values.PALETTE`."""
    box: Box
    context: Box
    pool: tuple[str, ...] = VIVID
    """The colours it was drawn from, each as likely as another."""


@dataclass(frozen=True)
class Yard:
    """A free area in which objects can be strewn and counted."""

    where: str
    """Completes `How many red apples are …?`: `in the crate marked "Lomar"`."""
    box: Box
    context: Box
    objects: tuple[str, ...]
    """Which sprites of `objects` fit there."""
    colors: tuple[str, ...] = tuple(color for color in VIVID if color != 'brown')
    """Colours that stand out from its ground."""


@dataclass(frozen=True)
class Neighbours:
    """Named things in a row, left to right."""

    noun: str
    """What each of them is: `shop`, `photo`."""
    names: tuple[str, ...]
    boxes: tuple[Box, ...]
    """Each name's box, in the same order."""
    detail_px: int
    """Height of a capital letter of the names, or of the smallest feature that tells them apart."""


@dataclass(frozen=True)
class Grid:
    """Like cells in rows and columns that fill a box evenly."""

    box: Box
    rows: int
    columns: int

    def cell(self, row: int, column: int) -> Box:
        """A cell's box; rows and columns count from 1, top left."""
        (left, top, *_), width, height = self.box, self.box.width, self.box.height
        return Box(
            left + (column - 1) * width // self.columns,
            top + (row - 1) * height // self.rows,
            left + column * width // self.columns,
            top + row * height // self.rows,
        )


@dataclass(frozen=True)
class Mark:
    """One value of a chart, with the label that states it."""

    label: str
    value: str
    box: Box
    """Of the value's label."""
    tick_box: Box


@dataclass(frozen=True)
class Chart:
    """One chart of several."""

    title: str
    title_box: Box
    marks: tuple[Mark, ...]
    contrast: float
    """WCAG contrast ratio of the value labels."""


@dataclass(frozen=True)
class Missing:
    """A place that the scene could have had and has not."""

    where: str
    kind: ValueKind


@dataclass(frozen=True)
class Scene:
    """A drawn scene and what can be asked about it."""

    name: str
    image: Image.Image
    subject: str
    """What the whole picture shows, in a few words."""
    slots: tuple[Slot, ...] = ()
    things: tuple[Thing, ...] = ()
    yards: tuple[Yard, ...] = ()
    rows: tuple[Neighbours, ...] = ()
    gist: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    """Questions that need no closer look → their answer and wrong answers."""
    missing: tuple[Missing, ...] = ()
    """Places to ask for in vain."""
    grid: Grid | None = None
    """Where the slots are the cells of a grid, row by row."""
    charts: tuple[Chart, ...] = ()


SceneBuilder = Callable[[Brief], Scene]


def fill(
    scene: Scene, values: Mapping[int, str], *, restyle: Mapping[str, object] | None = None
) -> dict[int, tuple[Target, Box]]:
    """Writes texts into a scene's slots.

    Args:
        scene: its picture is drawn on.
        values: slot index → text.
        restyle: fields of `LabelStyle` to replace, for all labels.

    Returns:
        Slot index → the text as a target, and the box of its label.
    """
    drawn: dict[int, tuple[Target, Box]] = {}
    for index, text in values.items():
        slot = scene.slots[index]
        style = replace(slot.style, **(restyle or {}))  # type: ignore[arg-type]
        drawn[index] = draw_label(scene.image, slot.center, text, style)
    return drawn


def spread(rng: random.Random, total: int, parts: int, jitter: float = 0.15) -> list[tuple[int, int]]:
    """Cuts a length into parts of slightly different sizes; returns the start and end of each."""
    weights = [1 + rng.uniform(-jitter, jitter) for _ in range(parts)]
    scale = total / sum(weights)
    edges = [0]
    for weight in weights:
        edges.append(edges[-1] + round(weight * scale))
    edges[-1] = total
    return list(itertools.pairwise(edges))


def clamp(value: int, low: int, high: int) -> int:
    """The value, or the nearer limit; `low` wins where the limits cross."""
    return max(low, min(value, high))


def paper(rng: random.Random) -> Color:
    """A light surface to write on."""
    return rng.choice(((250, 249, 244), (245, 240, 226), (232, 238, 242), (252, 246, 212), (238, 232, 222)))
