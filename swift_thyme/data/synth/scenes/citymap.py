"""A printed city map: blocks, streets, a river, parks, and stops with small numbers.

Owns this scene only.
"""

from __future__ import annotations

import random

from PIL import Image, ImageDraw

from ..draw import LabelStyle, mottled, shade, text_at
from ..fonts import BOLD, PLAIN
from ..types import Box, Color
from ..values import VIVID, ValueKind, names
from .base import Brief, Missing, Scene, Slot, Thing, Yard, clamp, spread
from .objects import object_sprite

_LAND: Color = (240, 236, 226)
_PARK: Color = (196, 224, 180)
_ON_GREEN = ('red', 'orange', 'yellow', 'blue', 'purple', 'pink')
_WATER: Color = (150, 196, 228)
_COURSES = ('at the top', 'in the middle', 'at the bottom', 'nowhere')


def build(brief: Brief) -> Scene:
    """Draws the map."""
    rng, (width, height), unit = brief.rng, brief.size, brief.level.cap_px
    image = mottled(brief.size, _LAND, rng, 3, 60)
    columns = clamp(round((brief.level.anchors * 1.6) ** 0.5 * 1.3), 3, width // (13 * unit))
    rows = clamp(round((brief.level.anchors * 1.6) ** 0.5), 3, height // (10 * unit))
    course = rng.choice(_COURSES)
    xs, ys = spread(rng, width, columns, 0.12), spread(rng, height, rows, 0.12)
    cells = [(x, y) for y in range(rows) for x in range(columns)]
    river_row = round(_COURSES.index(course) * (rows - 1) / 2)
    dry = [c for c in cells if c[1] != river_row]
    parks = set(rng.sample(dry, min(len(dry) // 3, 2 + brief.level.anchors // 6)))
    stops = [c for c in rng.sample(dry, len(dry)) if c not in parks][: brief.level.anchors]
    titles = iter(names(rng, len(parks) + len(stops) + 3))
    street = max(unit // 2, width // 130)
    _blocks(image, rng, [Box(*_cell(xs, ys, c, street)) for c in cells if c not in parks])
    if course != 'nowhere':
        _river(image, rng, ys[river_row], unit)
    _streets(image, xs, ys, street)
    yards = tuple(_park(image, brief, Box(*_cell(xs, ys, c, street)), next(titles)) for c in sorted(parks))
    found = [_stop(image, brief, Box(*_cell(xs, ys, c, street)), next(titles)) for c in sorted(stops)]
    slots, things = tuple(s for s, _ in found), tuple(t for _, t in found)
    gist = {
        'Where does the river cross this map?': (
            course,
            tuple(c for c in _COURSES if c != course),
        )
    }
    missing = tuple(_missing(next(titles)) for _ in range(2))
    return Scene('map', image, 'a city map with stops and parks', slots, things, yards, (), gist, missing)


def _cell(
    xs: list[tuple[int, int]], ys: list[tuple[int, int]], cell: tuple[int, int], street: int
) -> tuple[int, int, int, int]:
    (left, right), (top, bottom) = xs[cell[0]], ys[cell[1]]
    return left + street, top + street, right - street, bottom - street


def _blocks(image: Image.Image, rng: random.Random, blocks: list[Box]) -> None:
    draw = ImageDraw.Draw(image)
    for block in blocks:
        draw.rectangle(tuple(block), fill=(228, 222, 210))
        for left, right in spread(rng, block.width, max(2, block.width // max(20, block.height // 2)), 0.4):
            for top, bottom in spread(rng, block.height, 2, 0.4):
                if rng.random() < 0.72:
                    gap = max(2, block.width // 50)
                    house = (
                        block.left + left + gap,
                        block.top + top + gap,
                        block.left + right - gap,
                        block.top + bottom - gap,
                    )
                    if house[2] > house[0] and house[3] > house[1]:
                        draw.rectangle(house, fill=rng.choice(((214, 202, 188), (220, 212, 200), (206, 198, 190))))


def _river(image: Image.Image, rng: random.Random, band: tuple[int, int], unit: int) -> None:
    draw = ImageDraw.Draw(image)
    middle, half = sum(band) // 2, (band[1] - band[0]) // 5
    steps = 24
    drift = [round(rng.uniform(-0.6, 0.6) * half) for _ in range(steps + 1)]
    points = [
        (image.width * (i - 1) // (steps - 2), middle + (drift[i] + drift[max(0, i - 1)]) // 2)
        for i in range(steps + 1)
    ]
    draw.line(points, fill=shade(_WATER, 0.86), width=2 * half + max(4, unit // 2), joint='curve')
    draw.line(points, fill=_WATER, width=2 * half, joint='curve')


def _streets(image: Image.Image, xs: list[tuple[int, int]], ys: list[tuple[int, int]], street: int) -> None:
    draw = ImageDraw.Draw(image)
    width, height = image.size
    slope = [(0, height * 3 // 4), (width // 2, height // 2), (width, height // 6)]
    for fill, extra in (((196, 188, 176), max(2, street // 4)), ((255, 255, 252), 0)):
        for left, _ in xs[1:]:
            draw.line((left, 0, left, height), fill=fill, width=street + extra)
        for top, _ in ys[1:]:
            draw.line((0, top, width, top), fill=fill, width=street + extra)
    draw.line(slope, fill=(214, 168, 84), width=street * 2, joint='curve')
    draw.line(slope, fill=(252, 222, 140), width=round(street * 1.5), joint='curve')


def _park(image: Image.Image, brief: Brief, block: Box, title: str) -> Yard:
    unit = brief.level.cap_px
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle(tuple(block), radius=unit, fill=_PARK, outline=shade(_PARK, 0.8), width=max(2, unit // 8))
    name = text_at(
        image,
        (block.center[0], block.top + 2 * unit),
        f'{title} Park',
        brief.rng.choice(BOLD),
        unit,
        (52, 104, 52),
        block.width - unit,
    )
    half_w = min(block.width // 2 - unit, 7 * unit)
    top = block.top + 4 * unit
    area = Box(
        block.center[0] - half_w, top, block.center[0] + half_w, top + min(4 * unit, block.bottom - top - unit // 2)
    )
    return Yard(f'in {title} Park', area, area.union(name), ('pin', 'tree'), _ON_GREEN)


def _stop(image: Image.Image, brief: Brief, block: Box, title: str) -> tuple[Slot, Thing]:
    rng, unit = brief.rng, brief.level.cap_px
    color = rng.choice(VIVID)
    side = 2 * unit
    x = block.center[0] + rng.randint(-1, 1) * max(0, block.width // 2 - 6 * unit) // 2
    y = block.top + max(unit, (block.height - 7 * unit) // 2)
    card = Box(x - 5 * unit, y - unit // 2, x + 5 * unit, y + 7 * unit)
    ImageDraw.Draw(image).rounded_rectangle(
        tuple(card), radius=unit // 2, fill=(255, 255, 255), outline=(150, 146, 138), width=max(2, unit // 10)
    )
    image.paste(object_sprite('pin', color, side), (x - side // 2, y), object_sprite('pin', color, side))
    name = text_at(
        image, (x, y + round(3.2 * unit)), title, rng.choice(BOLD), round(1.1 * unit), (52, 48, 70), 9 * unit
    )
    noun = f'the line below the stop name "{title}"'
    style = LabelStyle(rng.choice(PLAIN), unit, (255, 255, 255), brief.level.contrast, plate=False)
    context = card.union(name)
    slot = Slot(f'below the stop name "{title}"', noun, ValueKind.NUMBER, (x, y + round(5.4 * unit)), context, style)
    pin = Box(x - side // 2, y, x + side // 2, y + side)
    return slot, Thing(f'the pin of the stop "{title}"', color, pin, context)


def _missing(title: str) -> Missing:
    return Missing(f'below the stop name "{title}"', ValueKind.NUMBER)
