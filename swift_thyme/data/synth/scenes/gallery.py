"""A museum wall: the real pictures of scikit-image in frames, each with a small plaque below.

Owns this scene only.
"""

from __future__ import annotations

from PIL import Image, ImageDraw

from ..draw import LabelStyle, mottled, shade, shadow
from ..photos import PHOTOS, photo
from ..types import Box, Color
from ..values import PALETTE, ValueKind
from .base import Brief, Missing, Neighbours, Scene, Slot, Thing, Yard, clamp, paper

_WALLS: dict[str, Color] = {
    'green': (92, 118, 104),
    'red': (132, 52, 50),
    'blue': (74, 98, 128),
    'grey': (176, 176, 172),
}
_FRAMES = ('black', 'white', 'brown', 'red', 'blue', 'green', 'yellow')


def build(brief: Brief) -> Scene:
    """Draws the wall."""
    rng, (width, height), unit = brief.rng, brief.size, brief.level.cap_px
    wall = rng.choice(sorted(_WALLS))
    floor = round(height * 0.92)
    image = mottled(brief.size, _WALLS[wall], rng, 5, 32)
    _floor(image, floor)
    rows = 3 if brief.level.anchors > 12 and unit * 30 < floor else 2
    columns = clamp(round(brief.level.anchors / rows), 2, min(len(PHOTOS) // rows, width // (13 * unit)))
    chosen = rng.sample(PHOTOS, rows * columns)
    cell_w, cell_h = width // columns, floor // rows
    slots, things, yards, lines = [], [], [], []
    for row in range(rows):
        boxes = []
        for column in range(columns):
            picture = chosen[row * columns + column]
            cell = Box(column * cell_w, row * cell_h, (column + 1) * cell_w, (row + 1) * cell_h)
            frame_color = rng.choice(_FRAMES)
            frame = _hang(image, brief, cell, picture.file, frame_color)
            boxes.append(frame)
            y = frame.bottom + round(unit * 2.2)
            noun = f'the plaque under the picture of {picture.noun}'
            surface = rng.choice(((214, 186, 108), (206, 208, 212), paper(rng)))
            style = LabelStyle('caladea-bold', unit, surface, brief.level.contrast, rim=shade(surface, 0.6))
            context = Box(frame.left, frame.top, frame.right, y + 2 * unit)
            slots.append(Slot(f'on {noun}', noun, ValueKind.CODE, (frame.center[0], y), context, style))
            bar = Box(frame.left, frame.bottom - max(4, frame.width // 22), frame.right, frame.bottom)
            things.append(Thing(f'the frame around the picture of {picture.noun}', frame_color, bar, frame, _FRAMES))
            yards.append(_yard(picture.noun, frame, unit))
        nouns = tuple(chosen[row * columns + column].noun for column in range(columns))
        lines.append(Neighbours('picture', nouns, tuple(boxes), 2 * unit))
    missing = tuple(
        Missing(f'on the plaque under the picture of {p.noun}', ValueKind.CODE) for p in PHOTOS if p not in chosen
    )
    gist = {'What colour is the wall behind the pictures?': (wall, tuple(c for c in sorted(_WALLS) if c != wall))}
    return Scene(
        'gallery',
        image,
        'a museum wall with framed pictures',
        tuple(slots),
        tuple(things),
        tuple(yards),
        tuple(lines),
        gist,
        missing,
    )


def _floor(image: Image.Image, top: int) -> None:
    draw = ImageDraw.Draw(image)
    width, height = image.size
    draw.rectangle((0, top, width, height), fill=(120, 86, 58))
    step = max(12, width // 18)
    for x in range(-step, width + step, step):
        draw.line((x, height, x + step // 2, top), fill=(96, 66, 42), width=max(2, width // 1200))
    draw.rectangle((0, top - max(4, height // 60), width, top), fill=(236, 232, 222))


def _hang(image: Image.Image, brief: Brief, cell: Box, file: str, color: str) -> Box:
    rng, unit = brief.rng, brief.level.cap_px
    room_w = round(cell.width * rng.uniform(0.66, 0.8))
    room_h = round((cell.height - 9 * unit) * rng.uniform(0.84, 0.94))
    side = min(room_w, round(room_h * rng.uniform(1.0, 1.4)))
    size = side, min(room_h, round(side * rng.uniform(0.74, 1.0)))
    top = cell.top + (cell.height - 6 * unit - size[1]) // 2
    frame = Box(cell.center[0] - size[0] // 2, top, cell.center[0] - size[0] // 2 + size[0], top + size[1])
    shadow(image, frame, max(4, size[0] // 30))
    line = max(4, size[0] // 22)
    draw = ImageDraw.Draw(image)
    draw.rectangle(
        (frame.left, frame.top, frame.right, frame.bottom),
        fill=PALETTE[color],
        outline=shade(PALETTE[color], 0.7),
        width=max(2, line // 5),
    )
    mat = frame.grown(-line)
    draw.rectangle((mat.left, mat.top, mat.right, mat.bottom), fill=(240, 238, 230))
    inner = mat.grown(-max(3, line // 2))
    image.paste(photo(file, (max(16, inner.width), max(16, inner.height))), (inner.left, inner.top))
    return frame


def _yard(noun: str, frame: Box, unit: int) -> Yard:
    area_w, area_h = min(frame.width - 2 * unit, 14 * unit), 4 * unit
    corner = frame.left + (frame.width - area_w) // 2, frame.bottom - area_h - max(unit, frame.height // 12)
    area = Box(corner[0], corner[1], corner[0] + area_w, corner[1] + area_h)
    return Yard(f'stuck on the picture of {noun}', area, frame, ('star',))
