"""A shop shelf: bottles, cans, boxes and jars with brand names, price tags on the edge, crates of fruit below.

Owns this scene only.
"""

from __future__ import annotations

import random

from PIL import Image, ImageDraw

from ..draw import LabelStyle, gradient, mottled, shade, shadow, sprite, stamp, text_at
from ..fonts import BOLD, SIGN
from ..types import Box, Color
from ..values import PALETTE, VIVID, ValueKind, names
from .base import Brief, Neighbours, Scene, Slot, Thing, Yard, clamp

_SHAPES = ('bottle', 'can', 'box', 'jar')
_WOOD: dict[str, Color] = {'wooden': (168, 122, 76), 'white': (226, 226, 222), 'dark grey': (78, 80, 86)}


def build(brief: Brief) -> Scene:
    """Draws the shelf."""
    rng, (width, height), unit = brief.rng, brief.size, brief.level.cap_px
    material = rng.choice(sorted(_WOOD))
    wood = _WOOD[material]
    image = gradient(brief.size, shade(wood, 0.5), shade(wood, 0.72))
    crate_h = max(round(height * 0.2), 10 * unit)
    boards = clamp(round(brief.level.anchors / 6), 2, min(4, (height - crate_h) // (14 * unit)))
    board_h = (height - crate_h) // boards
    columns = clamp(round(brief.level.anchors / boards), 2, width // (9 * unit))
    brands = names(rng, boards * columns + 8)
    slots, things, lines = [], [], []
    for row in range(boards):
        boxes = []
        edge = (row + 1) * board_h
        _board(image, rng, edge, board_h, unit, wood)
        for column in range(columns):
            brand, shape, cap = brands[row * columns + column], rng.choice(_SHAPES), rng.choice(VIVID)
            cell = Box(width * column // columns, row * board_h, width * (column + 1) // columns, edge - 3 * unit)
            body, lid = _product(image, rng, cell, brand, shape, cap, unit)
            boxes.append(body)
            noun = f'the price tag under the {shape} "{brand}"'
            context = Box(cell.left, body.top, cell.right, edge)
            style = LabelStyle('dejavu-sans-bold', unit, (252, 248, 206), brief.level.contrast, rim=(150, 140, 90))
            slots.append(
                Slot(f'on {noun}', noun, ValueKind.PRICE, (cell.center[0], edge - round(unit * 1.5)), context, style)
            )
            part = {'bottle': 'cap', 'can': 'stripe', 'box': 'corner', 'jar': 'lid'}[shape]
            things.append(Thing(f'the {part} of the {shape} "{brand}"', cap, lid, body))
        lines.append(
            Neighbours('product', tuple(brands[row * columns : (row + 1) * columns]), tuple(boxes), round(unit * 1.1))
        )
    yards = _crates(image, brief, Box(0, height - crate_h, width, height), brands[boards * columns :])
    gist = {'What is the shelf made of or painted like?': (material, tuple(m for m in sorted(_WOOD) if m != material))}
    return Scene(
        'shelf', image, 'a shop shelf with goods and price tags', tuple(slots), tuple(things), yards, tuple(lines), gist
    )


def _board(image: Image.Image, rng: random.Random, edge: int, board_h: int, unit: int, wood: Color) -> None:
    width = image.width
    draw = ImageDraw.Draw(image)
    strip = 3 * unit
    image.paste(gradient((width, board_h // 9), shade(wood, 0.3), shade(wood, 0.5)), (0, edge - board_h))
    image.paste(mottled((width, strip), wood, rng, 9, 30), (0, edge - strip))
    draw.line((0, edge - strip, width, edge - strip), fill=shade(wood, 1.2), width=max(2, unit // 6))
    draw.line((0, edge, width, edge), fill=shade(wood, 0.4), width=max(2, unit // 4))


def _product(
    image: Image.Image, rng: random.Random, cell: Box, brand: str, shape: str, cap: str, unit: int
) -> tuple[Box, Box]:
    tall = {'bottle': 0.84, 'can': 0.5, 'box': 0.72, 'jar': 0.56}[shape] * rng.uniform(0.92, 1.05)
    room = round(cell.height * 0.92)
    size_h = round(room * tall)
    size_w = clamp(
        round(size_h * {'bottle': 0.36, 'can': 0.62, 'box': 0.66, 'jar': 0.7}[shape]), 6 * unit, cell.width - unit
    )
    body = rng.choice([PALETTE[c] for c in VIVID if c != cap] + [(230, 226, 216), (60, 66, 72)])
    left = cell.center[0] - size_w // 2
    box = Box(left, cell.bottom - size_h, left + size_w, cell.bottom)
    shadow(image, Box(box.left, box.bottom - unit // 2, box.right, box.bottom), max(3, unit // 2))
    stamp(image, _body(size_w, size_h, shape, body, PALETTE[cap]), (box.left, box.top))
    at, label_h = {'bottle': (0.66, 0.3), 'can': (0.56, 0.4), 'box': (0.5, 0.34), 'jar': (0.6, 0.42)}[shape]
    center = box.center[0], box.top + round(size_h * at)
    half = round(size_h * label_h / 2)
    light = rng.choice(((250, 246, 232), (252, 252, 252), (246, 232, 196)))
    draw = ImageDraw.Draw(image)
    line = max(2, unit // 8)
    draw.rectangle((box.left + line, center[1] - half, box.right - line, center[1] + half), fill=light)
    for y in (center[1] - half + line * 2, center[1] + half - line * 2):
        draw.line((box.left + line, y, box.right - line, y), fill=shade(body, 0.8), width=line)
    text_at(image, center, brand, rng.choice(SIGN), round(unit * 1.1), (40, 36, 36), size_w - 4 * line - 2)
    part = {
        'bottle': (0.32, 0, 0.68, 0.1),
        'can': (0, 0.1, 1, 0.22),
        'box': (0.62, 0, 1, 0.16),
        'jar': (0.06, 0, 0.94, 0.14),
    }[shape]
    lid = Box(
        box.left + round(part[0] * size_w), box.top + round(part[1] * size_h),
        box.left + round(part[2] * size_w), box.top + round(part[3] * size_h),
    )  # fmt: skip
    return box, lid


def _body(width: int, height: int, shape: str, color: Color, cap: Color) -> Image.Image:
    def paint(draw: ImageDraw.ImageDraw, scale: int) -> None:
        w, h = width * scale, height * scale
        dark, round_px = shade(color, 0.62), w / 10
        if shape == 'bottle':
            draw.polygon(
                [
                    (0.36 * w, 0.08 * h),
                    (0.64 * w, 0.08 * h),
                    (0.66 * w, 0.3 * h),
                    (0.97 * w, 0.46 * h),
                    (0.03 * w, 0.46 * h),
                    (0.34 * w, 0.3 * h),
                ],
                fill=color,
            )
            draw.rounded_rectangle((0, 0.42 * h, w, h), radius=round_px, fill=color, outline=dark, width=scale)
            draw.rounded_rectangle((0.32 * w, 0, 0.68 * w, 0.1 * h), radius=round_px / 2, fill=cap)
        elif shape == 'can':
            draw.rounded_rectangle((0, 0.02 * h, w, h), radius=round_px, fill=color, outline=dark, width=scale)
            draw.ellipse((0.02 * w, 0, 0.98 * w, 0.09 * h), fill=(206, 208, 212), outline=(140, 142, 146), width=scale)
            draw.rectangle((0, 0.1 * h, w, 0.22 * h), fill=cap)
        elif shape == 'box':
            draw.rectangle((0, 0, w, h), fill=color, outline=dark, width=scale)
            draw.rectangle((0.62 * w, 0, w, 0.16 * h), fill=cap)
            draw.ellipse((0.3 * w, 0.74 * h, 0.7 * w, 0.94 * h), fill=shade(color, 1.4))
        else:
            draw.rounded_rectangle((0, 0.1 * h, w, h), radius=2 * round_px, fill=color, outline=dark, width=scale)
            draw.rounded_rectangle(
                (0.06 * w, 0, 0.94 * w, 0.14 * h), radius=round_px / 2, fill=cap, outline=shade(cap, 0.7), width=scale
            )
        draw.rectangle((0.1 * w, 0.5 * h, 0.17 * w, 0.95 * h), fill=shade(color, 1.3))

    return sprite((width, height), paint)


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
