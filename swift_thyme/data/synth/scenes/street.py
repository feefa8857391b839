"""A shopping street: houses with shops and notices, parked cars with plates, a wire with birds.

Owns this scene only. Questions are the tasks' business.
"""

from __future__ import annotations

import random

from PIL import Image, ImageDraw

from ..draw import LabelStyle, gradient, mottled, shade, shadow, sprite, stamp, text_at
from ..fonts import MONO, SIGN
from ..types import Box, Color
from ..values import PALETTE, VIVID, ValueKind, names
from .base import Brief, Missing, Neighbours, Scene, Slot, Thing, Yard, clamp, paper, spread

_FACADES: tuple[Color, ...] = (
    (206, 184, 152), (188, 120, 96), (214, 206, 190), (160, 170, 178), (224, 196, 140), (176, 150, 130),
    (198, 206, 196),
)  # fmt: skip
_TRADES = ('Bakery', 'Books', 'Cafe', 'Tailor', 'Tea', 'Tools', 'Toys', 'Shoes', 'Music', 'Florist', 'Optics', 'Bikes')
_SKIES: dict[str, tuple[Color, Color]] = {
    'blue': ((84, 142, 214), (188, 216, 242)),
    'orange, as at sunset': ((226, 108, 52), (252, 186, 104)),
    'grey': ((146, 150, 154), (210, 212, 214)),
    'nearly black, as at night': ((8, 10, 24), (30, 34, 58)),
}


def build(brief: Brief) -> Scene:
    """Draws the street."""
    rng, (width, height), unit = brief.rng, brief.size, brief.level.cap_px
    mood = rng.choice(sorted(_SKIES))
    image = gradient(brief.size, *_SKIES[mood])
    _skyline(image, rng, round(height * 0.52))
    ground = round(height * 0.72)
    houses = clamp(2 + brief.level.anchors // 3, 2, min(len(_TRADES), width // (15 * unit)))
    trades = rng.sample(_TRADES, houses)
    titles = [f'{name} {trade}' for name, trade in zip(names(rng, houses), trades, strict=True)]
    doors = [rng.choice(VIVID) for _ in range(houses)]
    slots: list[Slot] = []
    things: list[Thing] = []
    yards: list[Yard] = []
    signs: list[Box] = []
    _road(image, rng, ground)
    for (left, right), title, door in zip(spread(rng, width, houses), titles, doors, strict=True):
        top = round(height * rng.uniform(0.2, 0.34))
        house = Box(left, top, right, ground)
        _facade(image, rng, house)
        sign, door_box, notice = _shop(image, rng, house, title, PALETTE[door], unit)
        signs.append(sign)
        context = sign.union(door_box).union(notice)
        face, surface = rng.choice(MONO), paper(rng)
        style = LabelStyle(face, unit, surface, brief.level.contrast, rim=shade(surface, 0.6))
        noun = f'the notice beside the door of "{title}"'
        slots.append(Slot(f'on {noun}', noun, ValueKind.CODE, notice.center, context, style))
        things.append(Thing(f'the door of "{title}"', door, door_box, sign.union(door_box)))
        area = _wire(image, house, unit)
        yards.append(Yard(f'over the roof of "{title}"', area, area.union(sign), ('bird', 'balloon')))
    slots += _cars(image, brief, ground)
    row = Neighbours('shop', tuple(titles), tuple(signs), round(unit * 1.2))
    other = next(t for t in rng.sample(_TRADES, len(_TRADES)) if t not in trades or houses == len(_TRADES))
    absent = f'on the notice beside the door of "{names(rng, 1)[0]} {other}"'
    unused = [name for name in VIVID if f'on the licence plate of the {name} car' not in {s.where for s in slots}]
    missing = (
        *(Missing(absent, ValueKind.CODE),) * houses,
        *(
            Missing(f'on the licence plate of the {name} car', ValueKind.PLATE)
            for name in unused[: len(slots) - houses]
        ),
    )
    gist = {'What colour is the sky above this street?': (mood, tuple(m for m in sorted(_SKIES) if m != mood))}
    return Scene(
        'street', image, 'a street with shops', tuple(slots), tuple(things), tuple(yards), (row,), gist, missing
    )


def _skyline(image: Image.Image, rng: random.Random, base: int) -> None:
    draw = ImageDraw.Draw(image)
    width = image.width
    x = 0
    while x < width:
        step = round(width * rng.uniform(0.03, 0.07))
        top = round(base * rng.uniform(0.25, 0.7))
        draw.rectangle(
            (x, top, x + step, base + image.height // 5),
            fill=rng.choice(((132, 144, 164), (142, 152, 170), (124, 136, 156))),
        )
        x += step


def _road(image: Image.Image, rng: random.Random, ground: int) -> None:
    width, height = image.size
    walk = round((height - ground) * 0.3)
    image.paste(mottled((width, walk), (178, 174, 166), rng, 8), (0, ground))
    image.paste(mottled((width, height - ground - walk), (78, 80, 84), rng, 7, 12), (0, ground + walk))
    draw = ImageDraw.Draw(image)
    slab = max(20, width // 40)
    for x in range(0, width, slab):
        draw.line((x, ground, x - walk // 3, ground + walk), fill=(150, 147, 140), width=max(1, width // 1500))
    draw.rectangle((0, ground + walk - max(2, walk // 8), width, ground + walk), fill=(140, 138, 132))
    lane = height - max(4, (height - ground) // 9)
    for x in range(0, width, width // 14):
        draw.rectangle((x, lane, x + width // 26, lane + max(2, height // 220)), fill=(226, 224, 214))


def _facade(image: Image.Image, rng: random.Random, house: Box) -> None:
    color = rng.choice(_FACADES)
    image.paste(mottled((house.width, house.height), color, rng, 7, 40), (house.left, house.top))
    draw = ImageDraw.Draw(image)
    draw.rectangle((house.left, house.top, house.right - 1, house.top + house.height // 26), fill=shade(color, 0.78))
    draw.line(
        (house.left, house.top, house.left, house.bottom), fill=shade(color, 0.55), width=max(2, house.width // 120)
    )
    columns = max(2, house.width // max(1, house.height // 5))
    shop = round(house.height * 0.52)
    rows = 2
    cell_w, cell_h = house.width // columns, round((shop - house.height * 0.1) / rows)
    lit = rng.random() < 0.5
    for row in range(rows):
        for column in range(columns):
            left = house.left + column * cell_w + cell_w // 4
            top = house.top + round(house.height * 0.08) + row * cell_h + cell_h // 6
            right, bottom = left + cell_w // 2, top + round(cell_h * 0.62)
            glass = (250, 226, 150) if lit and rng.random() < 0.4 else (92, 112, 132)
            line = max(2, cell_w // 40)
            draw.rectangle((left - line, top - line, right + line, bottom + line), fill=(238, 234, 226))
            draw.rectangle((left, top, right, bottom), fill=glass)
            draw.polygon(
                [(left, top), (left + (right - left) // 2, top), (left, top + (bottom - top) // 2)],
                fill=shade(glass, 1.16),
            )
            draw.line(((left + right) // 2, top, (left + right) // 2, bottom), fill=(238, 234, 226), width=line)
            draw.rectangle(
                (left - 2 * line, bottom + line, right + 2 * line, bottom + 3 * line), fill=shade(color, 0.7)
            )


def _shop(
    image: Image.Image, rng: random.Random, house: Box, title: str, door: Color, unit: int
) -> tuple[Box, Box, Box]:
    draw = ImageDraw.Draw(image)
    sign_h = max(round(unit * 3), house.height // 11)
    top = house.top + round(house.height * 0.54)
    margin = house.width // 20
    board = Box(house.left + margin, top, house.right - margin, top + sign_h)
    color = rng.choice(((40, 62, 52), (92, 34, 38), (32, 46, 82), (238, 230, 206), (60, 44, 34)))
    shadow(image, board, max(3, sign_h // 8))
    draw.rectangle(
        (board.left, board.top, board.right, board.bottom),
        fill=color,
        outline=shade(color, 0.6),
        width=max(2, sign_h // 16),
    )
    ink = (30, 30, 34) if sum(color) > 380 else (246, 238, 214)
    text_at(image, board.center, title, rng.choice(SIGN), round(unit * 1.3), ink, round(board.width * 0.9))
    _awning(draw, rng, Box(board.left, board.bottom, board.right, board.bottom + sign_h // 2))
    floor = board.bottom + sign_h // 2
    door_w = max(round(house.width * 0.17), unit * 2)
    side = rng.random() < 0.5
    door_left = board.left + margin if side else board.right - margin - door_w
    door_box = Box(door_left, floor + max(2, unit // 3), door_left + door_w, house.bottom)
    line = max(2, door_w // 24)
    draw.rectangle(
        (door_box.left - 2 * line, door_box.top - 2 * line, door_box.right + 2 * line, house.bottom),
        fill=(226, 220, 208),
    )
    draw.rectangle(
        (door_box.left, door_box.top, door_box.right, door_box.bottom), fill=door, outline=shade(door, 0.6), width=line
    )
    draw.rectangle(
        (
            door_box.left + door_w // 5,
            door_box.top + door_box.height // 8,
            door_box.right - door_w // 5,
            door_box.top + door_box.height // 2,
        ),
        fill=(150, 176, 190),
    )
    knob = max(2, door_w // 16)
    knob_x = door_box.right - 3 * knob if side else door_box.left + 3 * knob
    knob_y = (door_box.top + door_box.bottom * 2) // 3
    draw.ellipse((knob_x - knob, knob_y - knob, knob_x + knob, knob_y + knob), fill=(228, 196, 96))
    if side:
        rest = Box(door_box.right + 4 * line, floor, board.right, house.bottom)
    else:
        rest = Box(board.left, floor, door_box.left - 4 * line, house.bottom)
    half_w, half_h = round(unit * 4.6), round(unit * 1.5)
    x = min(rest.left + half_w, rest.center[0]) if side else max(rest.right - half_w, rest.center[0])
    y = rest.bottom - rest.height // 4
    notice = Box(x - half_w, y - half_h, x + half_w, y + half_h)
    _window(draw, rng, Box(rest.left, rest.top + rest.height // 12, rest.right, notice.top - unit // 2))
    return board, door_box, notice


def _awning(draw: ImageDraw.ImageDraw, rng: random.Random, box: Box) -> None:
    color = PALETTE[rng.choice(VIVID)]
    stripes = 12
    for i, (left, right) in enumerate(spread(rng, box.width, stripes, 0)):
        fill = color if i % 2 else (244, 242, 236)
        points = [
            (box.left + left, box.top),
            (box.left + right, box.top),
            (box.left + right + 2, box.bottom),
            (box.left + left + 2, box.bottom),
        ]
        draw.polygon(points, fill=fill)
    draw.line((box.left, box.bottom, box.right, box.bottom), fill=shade(color, 0.7), width=max(2, box.height // 10))


def _window(draw: ImageDraw.ImageDraw, rng: random.Random, box: Box) -> None:
    if box.height < 24 or box.width < 24:
        return
    draw.rectangle((box.left, box.top, box.right, box.bottom), fill=(226, 220, 208))
    inner = box.grown(-max(2, min(box.width, box.height) // 12))
    draw.rectangle((inner.left, inner.top, inner.right, inner.bottom), fill=(108, 130, 142))
    shelf = inner.top + round(inner.height * 0.72)
    for left, right in spread(rng, inner.width, max(3, inner.width // max(12, inner.height // 2)), 0.3):
        top = shelf - round(inner.height * rng.uniform(0.15, 0.5))
        gap = max(1, (right - left) // 6)
        draw.rectangle((inner.left + left + gap, top, inner.left + right - gap, shelf), fill=rng.choice(_FACADES))
    draw.rectangle((inner.left, shelf, inner.right, shelf + max(2, inner.height // 24)), fill=(84, 62, 46))


def _wire(image: Image.Image, house: Box, unit: int) -> Box:
    area_h, area_w = 5 * unit, min(house.width - 2 * unit, 15 * unit)
    bottom = house.top - unit
    area = Box(
        house.center[0] - area_w // 2,
        max(unit, bottom - area_h),
        house.center[0] + area_w // 2,
        max(unit + area_h, bottom),
    )
    draw = ImageDraw.Draw(image)
    for y in (area.top + area.height // 2, area.bottom):
        draw.line((house.left, y, house.right, y), fill=(44, 46, 52), width=max(1, unit // 8))
    draw.rectangle((house.left + 2, area.top, house.left + 2 + max(3, unit // 3), house.top), fill=(58, 52, 48))
    return area


def _cars(image: Image.Image, brief: Brief, ground: int) -> list[Slot]:
    rng, unit = brief.rng, brief.level.cap_px
    road = image.height - ground
    car_h = round(road * 0.62)
    car_w = max(round(car_h * 1.25), round(unit * 11))
    count = clamp(brief.level.anchors // 4 + 1, 1, min(len(VIVID), image.width // round(car_w * 1.2)))
    colors = rng.sample(VIVID, count)
    slots = []
    for (left, right), color in zip(spread(rng, image.width, count), colors, strict=True):
        x = left + rng.randint(0, max(0, right - left - car_w))
        top = image.height - car_h - max(4, road // 7)
        box = Box(x, top, x + car_w, top + car_h)
        shadow(image, Box(x, top + car_h - car_h // 8, x + car_w, top + car_h), car_h // 14, 0.6)
        stamp(image, _car(car_w, car_h, PALETTE[color]), (x, top))
        noun = f'the licence plate of the {color} car'
        style = LabelStyle('dejavu-mono-bold', unit, (246, 246, 238), brief.level.contrast, rim=(40, 40, 44))
        slots.append(
            Slot(
                f'on {noun}',
                noun,
                ValueKind.PLATE,
                (box.center[0], top + round(car_h * 0.68)),
                box.clipped(*image.size),
                style,
            )
        )
    return slots


def _car(width: int, height: int, color: Color) -> Image.Image:
    def paint(draw: ImageDraw.ImageDraw, scale: int) -> None:
        w, h = width * scale / 100, height * scale / 100
        for x in (8, 78):
            draw.rounded_rectangle((x * w, 78 * h, (x + 14) * w, 99 * h), radius=4 * w, fill=(26, 26, 28))
        draw.polygon([(24 * w, 2 * h), (76 * w, 2 * h), (88 * w, 38 * h), (12 * w, 38 * h)], fill=shade(color, 0.82))
        draw.polygon([(28 * w, 7 * h), (72 * w, 7 * h), (81 * w, 34 * h), (19 * w, 34 * h)], fill=(64, 82, 98))
        draw.polygon([(28 * w, 7 * h), (46 * w, 7 * h), (34 * w, 34 * h), (19 * w, 34 * h)], fill=(98, 118, 134))
        draw.rounded_rectangle(
            (4 * w, 34 * h, 96 * w, 86 * h), radius=7 * w, fill=color, outline=shade(color, 0.6), width=round(w)
        )
        draw.rectangle((4 * w, 80 * h, 96 * w, 86 * h), fill=shade(color, 0.55))
        draw.line((10 * w, 42 * h, 90 * w, 42 * h), fill=shade(color, 1.3), width=round(1.2 * w))
        for x in (7, 81):
            draw.rounded_rectangle(
                (x * w, 47 * h, (x + 12) * w, 57 * h), radius=2 * w, fill=(206, 34, 30), outline=(110, 16, 16)
            )

    return sprite((width, height), paint)
