"""A dozen places where things of one kind stand in rows: mailboxes, boats, …; each has a name, a sticker and a tag.

Owns these scenes; what the things look like is in `shapes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from PIL import Image, ImageDraw

from ..draw import LabelStyle, mottled, shade, shadow, stamp, text_at
from ..fonts import BOLD, MONO, PLAIN
from ..types import Box, Color
from ..values import PALETTE, VIVID, ValueKind, names
from .base import Brief, Missing, Neighbours, Scene, SceneBuilder, Slot, Thing, clamp, paper
from .shapes import shape

_ROOM = 0.04
"""A thing never covers more of the picture than this share."""


@dataclass(frozen=True)
class Display:
    """One kind of place."""

    noun: str
    """Of each thing, a name of `shapes.SHAPES`."""
    subject: str
    kind: ValueKind
    """What the tags say."""
    grounds: tuple[Color, ...]


DISPLAYS: dict[str, Display] = {
    'mailboxes': Display('mailbox', 'rows of mailboxes', ValueKind.CODE, ((150, 168, 140), (196, 186, 170))),
    'nursery': Display('pot', 'potted plants for sale', ValueKind.PRICE, ((206, 196, 174), (176, 184, 170))),
    'cellar': Display('barrel', 'barrels in a cellar', ValueKind.NUMBER, ((116, 108, 104), (134, 122, 108))),
    'harbour': Display('boat', 'boats in a harbour', ValueKind.PLATE, ((98, 142, 168), (84, 130, 140))),
    'luggage': Display('suitcase', 'suitcases in a luggage room', ValueKind.CODE, ((188, 190, 194), (170, 162, 152))),
    'keys': Display('key', 'a board of keys', ValueKind.NUMBER, ((196, 170, 132), (208, 204, 196))),
    'jars': Display('jar', 'a rack of jars', ValueKind.SERIAL, ((164, 132, 98), (190, 178, 160))),
    'camp': Display('tent', 'tents on a camp site', ValueKind.NUMBER, ((128, 156, 104), (150, 162, 116))),
    'birdhouses': Display('bird house', 'bird houses for sale', ValueKind.PRICE, ((166, 184, 158), (184, 200, 208))),
    'clocks': Display('clock', 'a wall of clocks', ValueKind.TIME, ((206, 200, 190), (150, 160, 172))),
    'lamps': Display('lamp', 'lamps in a shop', ValueKind.PRICE, ((120, 112, 116), (194, 188, 180))),
    'robots': Display('robot', 'robots in a toy shop', ValueKind.SERIAL, ((172, 182, 196), (202, 192, 202))),
}
"""Scene → what is displayed in it."""


def _build(scene: str, brief: Brief) -> Scene:
    rng, (width, height), unit = brief.rng, brief.size, brief.level.cap_px
    display = DISPLAYS[scene]
    image = mottled(brief.size, rng.choice(display.grounds), rng, 8, 26)
    wanted = brief.level.anchors + 2
    columns = clamp(round((wanted * width / height) ** 0.5), 2, width // (12 * unit))
    rows = clamp(round(wanted / columns), 2, height // (11 * unit))
    marks = names(rng, rows * columns + 2)
    slots, things, lines = [], [], []
    for row in range(rows):
        boxes = []
        for column in range(columns):
            mark = marks[row * columns + column]
            cell = Box(0, 0, width, height).cell(row, rows, column, columns)
            name, (color, sticker), tag = _thing(image, brief, cell, display.noun, mark)
            named = f'the {display.noun} "{mark}"'
            context = Box(cell.left, name.top, cell.right, tag[1] + 2 * unit)
            style = LabelStyle(rng.choice(MONO), unit, paper(rng), brief.level.contrast, rim=(96, 92, 88))
            slots.append(Slot(f'on the tag under {named}', f'the tag under {named}', display.kind, tag, context, style))
            things.append(Thing(f'the round sticker on {named}', color, sticker, context))
            boxes.append(name)
        lines.append(Neighbours(display.noun, tuple(marks[row * columns : (row + 1) * columns]), tuple(boxes), unit))
    missing = tuple(Missing(f'on the tag under the {display.noun} "{mark}"', display.kind) for mark in marks[-2:])
    return Scene(scene, image, display.subject, tuple(slots), tuple(things), rows=tuple(lines), missing=missing)


def _thing(
    image: Image.Image, brief: Brief, cell: Box, noun: str, mark: str
) -> tuple[Box, tuple[str, Box], tuple[int, int]]:
    """Draws a name, the thing below it and a sticker on the thing.

    Returns:
        The name's box; the sticker's colour and box; where the tag's middle belongs.
    """
    rng, unit = brief.rng, brief.level.cap_px
    most = round((_ROOM * image.width * image.height) ** 0.5)
    side = clamp(min(cell.height - 7 * unit, round(cell.width * rng.uniform(0.5, 0.8))), 3 * unit, most)
    free_x, free_y = cell.width - max(side, 10 * unit), cell.height - side - 7 * unit
    x = cell.center[0] + rng.randint(-max(0, free_x) // 3, max(0, free_x) // 3)
    top = cell.top + unit + max(0, free_y) // 2 + rng.randint(0, max(0, min(free_y // 2, unit)))
    plate = Box(x - 5 * unit, top, x + 5 * unit, top + 2 * unit)
    ImageDraw.Draw(image).rectangle(
        tuple(plate), fill=(246, 244, 236), outline=(120, 116, 110), width=max(1, unit // 9)
    )
    name = text_at(image, plate.center, mark, rng.choice((*BOLD, *PLAIN)), unit, (38, 38, 42), 9 * unit)
    painted = rng.choice(VIVID)
    body = PALETTE[painted]
    corner = x - side // 2, plate.bottom + unit // 3
    box = Box(corner[0], corner[1], corner[0] + side, corner[1] + side)
    shadow(image, Box(box.left + side // 5, box.bottom - side // 8, box.right - side // 5, box.bottom), unit // 2)
    stamp(image, shape(noun, side, body), corner)
    color, radius = rng.choice([one for one in VIVID if one != painted]), round(0.7 * unit)
    spot = Box(x - radius, box.center[1] - radius, x + radius, box.center[1] + radius)
    draw = ImageDraw.Draw(image)
    draw.ellipse(tuple(spot.grown(max(2, unit // 4))), fill=(250, 250, 248), outline=shade(body, 0.5))
    draw.ellipse(tuple(spot), fill=PALETTE[color])
    return name, (color, spot), (x, box.bottom + round(1.6 * unit))


BUILDERS: dict[str, SceneBuilder] = {scene: partial(_build, scene) for scene in DISPLAYS}
"""Scene → the function that draws it."""
