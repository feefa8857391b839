"""A control room's screen: tiles with names, readings, status lamps and small curves.

Owns this scene only.
"""

from __future__ import annotations

import itertools
import random

from PIL import Image, ImageDraw

from ..draw import LabelStyle, gradient, mixed, shade, text_at
from ..fonts import BOLD, MONO, PLAIN
from ..types import Box, Color
from ..values import PALETTE, ValueKind, names
from .base import Brief, Missing, Neighbours, Scene, Slot, Thing, clamp

_LAMPS = ('red', 'orange', 'yellow', 'green', 'blue', 'purple')
_MACHINES = ('Pump', 'Fan', 'Valve', 'Tank', 'Mixer', 'Heater', 'Press', 'Motor')
_PLANTS = ('Water works', 'Paper mill', 'Dairy', 'Power station')
_DARK: tuple[Color, Color] = ((22, 28, 38), (32, 40, 54))
_LIGHT: tuple[Color, Color] = ((226, 230, 236), (246, 248, 250))


def build(brief: Brief) -> Scene:
    """Draws the screen."""
    rng, (width, height), unit = brief.rng, brief.size, brief.level.cap_px
    ground, tile_color = rng.choice((_DARK, _LIGHT))
    image = gradient(brief.size, shade(ground, 1.05), shade(ground, 0.92))
    plant = rng.choice(_PLANTS)
    head = max(3 * unit, height // 12)
    ink = (238, 240, 244) if ground is _DARK[0] else (34, 40, 52)
    text_at(image, (width // 2, head // 2), plant, rng.choice(BOLD), head // 3, ink)
    wanted = brief.level.anchors + 4
    columns = clamp(round((wanted * width / height) ** 0.5), 2, width // (12 * unit))
    rows = clamp(round(wanted / columns), 2, (height - head) // (10 * unit))
    titles = [f'{rng.choice(_MACHINES)} {name}' for name in names(rng, rows * columns + 2)]
    slots, things, lines = [], [], []
    for row in range(rows):
        boxes = []
        for column in range(columns):
            title = titles[row * columns + column]
            cell = Box(0, head, width, height).cell(row, rows, column, columns)
            tile = cell.grown(-max(3, unit // 3))
            lamp, name, center = _tile(image, rng, tile, title, unit, tile_color, ink)
            style = LabelStyle(rng.choice(MONO), unit, tile_color, brief.level.contrast, plate=False)
            noun = f'the reading in the tile "{title}"'
            slots.append(Slot(f'below the title "{title}"', noun, ValueKind.NUMBER, center, tile, style))
            things.append(Thing(f'the lamp in the tile "{title}"', lamp[0], lamp[1], tile, _LAMPS))
            boxes.append(name)
        lines.append(Neighbours('tile', tuple(titles[row * columns : (row + 1) * columns]), tuple(boxes), unit))
    missing = tuple(Missing(f'below the title "{t}"', ValueKind.NUMBER) for t in titles[-2:])
    gist = {'Which plant does the heading of this screen name?': (plant, tuple(p for p in _PLANTS if p != plant))}
    return Scene(
        'dashboard',
        image,
        'a screen with machine readings',
        tuple(slots),
        tuple(things),
        (),
        tuple(lines),
        gist,
        missing,
    )


def _tile(
    image: Image.Image, rng: random.Random, tile: Box, title: str, unit: int, color: Color, ink: Color
) -> tuple[tuple[str, Box], Box, tuple[int, int]]:
    draw = ImageDraw.Draw(image)
    edge = mixed(color, ink, 0.25)
    draw.rounded_rectangle(tuple(tile), radius=unit // 2, fill=color, outline=edge, width=max(1, unit // 10))
    name = text_at(
        image,
        (tile.center[0], tile.top + round(1.4 * unit)),
        title,
        rng.choice(PLAIN),
        unit,
        ink,
        tile.width - 5 * unit,
    )
    lamp = rng.choice(_LAMPS)
    side = round(1.2 * unit)
    spot = Box(tile.right - 2 * unit, tile.top + unit, tile.right - 2 * unit + side, tile.top + unit + side)
    draw.ellipse(tuple(spot), fill=PALETTE[lamp], outline=shade(PALETTE[lamp], 0.6), width=max(1, unit // 10))
    center = (tile.center[0], tile.top + round(4 * unit))
    curve = Box(tile.left + unit, tile.top + 6 * unit, tile.right - unit, tile.bottom - unit)
    if curve.height > unit:
        _curve(draw, rng, curve, unit, edge)
    return (lamp, spot), name, center


def _curve(draw: ImageDraw.ImageDraw, rng: random.Random, area: Box, unit: int, edge: Color) -> None:
    color = PALETTE[rng.choice(('blue', 'green', 'orange', 'purple'))]
    for i in range(4):
        y = area.top + area.height * i // 3
        draw.line((area.left, y, area.right, y), fill=edge, width=max(1, unit // 14))
    steps, level = 28, rng.uniform(0.2, 0.8)
    points = []
    for i in range(steps + 1):
        level = min(0.95, max(0.05, level + rng.uniform(-0.14, 0.14)))
        points.append((area.left + area.width * i // steps, area.bottom - round(area.height * level)))
    if rng.random() < 0.5:
        draw.line(points, fill=color, width=max(2, unit // 5), joint='curve')
        return
    gap = max(1, area.width // steps // 4)
    for (x, y), (following, _) in itertools.pairwise(points):
        draw.rectangle((x + gap, y, max(x + gap, following - gap), area.bottom), fill=color)
