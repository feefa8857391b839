"""A shop shelf: bottles, cans, boxes and jars with brand names, price tags on the edge, crates of fruit below.

Owns this scene only.
"""

from __future__ import annotations

import random

from PIL import Image, ImageDraw

from ..draw import LabelStyle, gradient, mottled, shade, shadow, stamp, text_at
from ..fonts import BOLD
from ..types import Box, Color
from ..values import PALETTE, VIVID, ValueKind, names
from .base import Brief, Missing, Neighbours, Scene, Slot, Thing, Yard, clamp
from .goods import SHAPES, label_box, package, part_box

_PARTS = tuple(color for color in VIVID if color != 'brown')
"""Colours that stand out from wood."""
_WOOD: dict[str, Color] = {
    'brown': (168, 122, 76),
    'white': (238, 238, 234),
    'green': (92, 148, 104),
    'blue': (80, 116, 170),
}


def build(brief: Brief) -> Scene:
    """Draws the shelf."""
    rng, (width, height), unit = brief.rng, brief.size, brief.level.cap_px
    material = rng.choice(sorted(_WOOD))
    wood = _WOOD[material]
    image = gradient(brief.size, shade(wood, 0.62), shade(wood, 0.82))
    crate_h = max(round(height * 0.13), 10 * unit)
    boards = clamp(round(brief.level.anchors / 6), 2, min(4, (height - crate_h) // (14 * unit)))
    board_h = (height - crate_h) // boards
    columns = clamp(round(brief.level.anchors / boards), 2, width // (9 * unit))
    brands = names(rng, boards * columns + 10)
    slots, things, lines = [], [], []
    for row in range(boards):
        boxes = []
        edge = (row + 1) * board_h
        _board(image, rng, edge, board_h, unit, wood)
        for column in range(columns):
            brand, shape, cap = brands[row * columns + column], rng.choice(list(SHAPES)), rng.choice(_PARTS)
            cell = Box(width * column // columns, row * board_h, width * (column + 1) // columns, edge - 3 * unit)
            body, lid = _stand(image, rng, cell, brand, shape, cap, unit)
            boxes.append(label_box(body, shape))
            noun = f'the price tag under the {shape} "{brand}"'
            context = Box(cell.left, body.top, cell.right, edge)
            style = LabelStyle('dejavu-sans-bold', unit, (252, 248, 206), brief.level.contrast, rim=(150, 140, 90))
            slots.append(
                Slot(f'on {noun}', noun, ValueKind.PRICE, (cell.center[0], edge - round(unit * 1.5)), context, style)
            )
            things.append(Thing(f'the {SHAPES[shape].part_name} of the {shape} "{brand}"', cap, lid, body, _PARTS))
        lines.append(
            Neighbours('product', tuple(brands[row * columns : (row + 1) * columns]), tuple(boxes), round(unit * 1.1))
        )
    yards = _crates(image, brief, Box(0, height - crate_h, width, height), brands[boards * columns + 2 :])
    missing = tuple(
        Missing(f'on the price tag under the {rng.choice(list(SHAPES))} "{brand}"', ValueKind.PRICE)
        for brand in brands[boards * columns : boards * columns + 2]
    )
    gist = {'What colour are the boards of this shelf?': (material, tuple(m for m in sorted(_WOOD) if m != material))}
    return Scene(
        'shelf',
        image,
        'a shop shelf with goods and price tags',
        tuple(slots),
        tuple(things),
        yards,
        tuple(lines),
        gist,
        missing,
    )


def _board(image: Image.Image, rng: random.Random, edge: int, board_h: int, unit: int, wood: Color) -> None:
    width = image.width
    draw = ImageDraw.Draw(image)
    strip = 3 * unit
    image.paste(gradient((width, board_h // 9), shade(wood, 0.3), shade(wood, 0.5)), (0, edge - board_h))
    image.paste(mottled((width, strip), wood, rng, 9, 30), (0, edge - strip))
    draw.line((0, edge - strip, width, edge - strip), fill=shade(wood, 1.2), width=max(2, unit // 6))
    draw.line((0, edge, width, edge), fill=shade(wood, 0.4), width=max(2, unit // 4))


def _stand(
    image: Image.Image, rng: random.Random, cell: Box, brand: str, noun: str, part: str, unit: int
) -> tuple[Box, Box]:
    shape = SHAPES[noun]
    height = round(cell.height * 0.92 * shape.tall * rng.uniform(0.92, 1.05))
    width = clamp(round(height * shape.wide), 6 * unit, cell.width - unit)
    body = rng.choice([PALETTE[c] for c in VIVID if c != part] + [(230, 226, 216), (60, 66, 72)])
    picture = package((width, height), noun, brand, (body, PALETTE[part]), round(unit * 1.1), rng)
    copies = clamp((cell.width - unit) // (width + unit // 3), 1, 3)
    step = width + unit // 3
    left = cell.center[0] - (step * copies - unit // 3) // 2
    for x in range(left, left + step * copies, step):
        shadow(image, Box(x, cell.bottom - unit // 2, x + width, cell.bottom), max(3, unit // 2))
        stamp(image, picture, (x, cell.bottom - height))
    box = Box(left + copies // 2 * step, cell.bottom - height, left + copies // 2 * step + width, cell.bottom)
    return box, part_box(box, noun)


def _crates(image: Image.Image, brief: Brief, floor: Box, labels: list[str]) -> tuple[Yard, ...]:
    rng, unit = brief.rng, brief.level.cap_px
    image.paste(mottled((floor.width, floor.height), (120, 112, 104), rng, 8, 40), (floor.left, floor.top))
    count = clamp(2 + brief.level.anchors // 5, 2, min(len(labels), floor.width // (17 * unit)))
    draw = ImageDraw.Draw(image)
    yards = []
    for i in range(count):
        cell = Box(floor.width * i // count, floor.top, floor.width * (i + 1) // count, floor.bottom)
        half_w = min(cell.width // 2 - unit, 9 * unit)
        top = cell.bottom - 8 * unit
        crate = Box(cell.center[0] - half_w, top, cell.center[0] + half_w, cell.bottom - unit // 2)
        shadow(image, crate, unit // 2)
        draw.rectangle(
            (crate.left, crate.top, crate.right, crate.bottom),
            fill=(196, 152, 98),
            outline=(120, 86, 50),
            width=max(2, unit // 6),
        )
        inside = Box(crate.left + unit, crate.top + unit // 2, crate.right - unit, crate.top + round(4.8 * unit))
        draw.rectangle(
            (inside.left - unit // 2, inside.top, inside.right + unit // 2, inside.bottom), fill=(92, 68, 44)
        )
        plank = Box(crate.left, inside.bottom, crate.right, crate.bottom)
        draw.rectangle(
            (plank.left, plank.top, plank.right, plank.bottom),
            fill=(206, 164, 110),
            outline=(120, 86, 50),
            width=max(2, unit // 6),
        )
        text_at(image, plank.center, labels[i], rng.choice(BOLD), round(unit * 1.2), (66, 42, 22), plank.width - unit)
        yards.append(Yard(f'in the crate marked "{labels[i]}"', inside, crate, ('apple',)))
    return tuple(yards)
