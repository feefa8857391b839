"""Two scenes seen from above in which everything lies turned: parcels on a floor, picture cards on a desk.

Owns these scenes. Their slots carry the turn of what they are on, 30 to 335 degrees counterclockwise.
"""

from __future__ import annotations

import math
import random

from PIL import Image, ImageDraw

from ..blank import canvas
from ..draw import LabelStyle, mottled, shade
from ..fonts import BOLD, MONO
from ..photos import PHOTOS, photo
from ..types import Box, Color
from ..values import VIVID, ValueKind
from .base import Brief, Missing, Scene, Slot, clamp
from .objects import PAINTERS, object_sprite

LEAST_TURN, GREATEST_TURN = 30, 335
_CARDBOARD: tuple[Color, ...] = ((198, 158, 108), (184, 144, 96), (210, 174, 128), (170, 132, 88))
_FLOORS: dict[str, Color] = {
    'grey concrete': (138, 140, 142),
    'green carpet': (84, 112, 92),
    'dark wood': (96, 72, 54),
    'yellow sand': (204, 182, 128),
}


def build_parcels(brief: Brief) -> Scene:
    """Draws parcels on a floor, each with a symbol and a label."""
    rng, unit = brief.rng, brief.level.cap_px
    floor, image = _ground(brief)
    marks = [(shape, color) for shape in sorted(PAINTERS) for color in VIVID if color != 'brown']
    rng.shuffle(marks)
    slots = []
    for cell, (shape, color) in zip(_cells(brief, 13 * unit), marks, strict=False):
        side = round(min(cell.width, cell.height) * rng.uniform(0.62, 0.7))
        turn, board = rng.randint(LEAST_TURN, GREATEST_TURN), rng.choice(_CARDBOARD)
        tile = _parcel(rng, side, board, shape, color)
        box = _lay(image, tile, cell.center, turn)
        center = _turned(cell.center, (0, side // 5), turn)
        noun = f'the label of the parcel with the {color} {shape}'
        style = LabelStyle(rng.choice(MONO), unit, (250, 250, 246), brief.level.contrast, turn, (120, 120, 116))
        slots.append(Slot(f'on {noun}', noun, ValueKind.SERIAL, center, box, style))
    shape, color = marks[-1]
    missing = (Missing(f'on the label of the parcel with the {color} {shape}', ValueKind.SERIAL),)
    gist = {'What do the parcels lie on?': (floor, tuple(f for f in sorted(_FLOORS) if f != floor))}
    return Scene('parcels', image, 'parcels on a floor, seen from above', tuple(slots), gist=gist, missing=missing)


def build_desk(brief: Brief) -> Scene:
    """Draws cards with real pictures on a desk, each with a number below its picture."""
    rng, unit = brief.rng, brief.level.cap_px
    floor, image = _ground(brief)
    chosen = rng.sample(PHOTOS, len(PHOTOS))
    used, slots = set(), []
    for cell, picture in zip(_cells(brief, 13 * unit), chosen, strict=False):
        side = round(min(cell.width, cell.height) * rng.uniform(0.66, 0.74))
        turn = rng.randint(LEAST_TURN, GREATEST_TURN)
        paper = rng.choice(((250, 250, 246), (246, 240, 226), (238, 242, 246)))
        band = max(3 * unit, side // 6)
        tile = _card(side, band, paper, picture.file)
        box = _lay(image, tile, cell.center, turn)
        center = _turned(cell.center, (0, side // 2 - band // 2), turn)
        noun = f'the card with the picture of {picture.noun}'
        style = LabelStyle(rng.choice((*BOLD, *MONO)), unit, paper, brief.level.contrast, turn, plate=False)
        slots.append(Slot(f'on {noun}', noun, ValueKind.CODE, center, box, style))
        used.add(picture)
    missing = tuple(
        Missing(f'on the card with the picture of {p.noun}', ValueKind.CODE) for p in PHOTOS if p not in used
    )
    gist = {'What do the cards lie on?': (floor, tuple(f for f in sorted(_FLOORS) if f != floor))}
    return Scene('desk', image, 'picture cards lying about, seen from above', tuple(slots), gist=gist, missing=missing)


def _ground(brief: Brief) -> tuple[str, Image.Image]:
    rng, (width, height) = brief.rng, brief.size
    floor = rng.choice(sorted(_FLOORS))
    color = _FLOORS[floor]
    image = mottled(brief.size, color, rng, 8, 16)
    draw = ImageDraw.Draw(image)
    step = max(40, height // 7)
    if floor != 'green carpet':
        for y in range(step // 2, height, step):
            draw.line((0, y, width, y), fill=shade(color, 0.82), width=max(2, height // 900))
            for x in range(rng.randint(0, step), width, step * 4):
                draw.line((x, y, x, y + step), fill=shade(color, 0.82), width=max(2, height // 900))
    return floor, image


def _cells(brief: Brief, least_px: int) -> list[Box]:
    rng, (width, height) = brief.rng, brief.size
    wanted = max(3, min(brief.level.anchors, 16))
    columns = clamp(math.ceil((wanted * width / height) ** 0.5), 2, max(2, width // least_px))
    rows = clamp(math.ceil(wanted / columns), 1, max(1, height // least_px))
    whole = Box(0, 0, width, height)
    cells = [whole.cell(y, rows, x, columns) for y in range(rows) for x in range(columns)]
    rng.shuffle(cells)
    return cells[:wanted]


def _parcel(rng: random.Random, side: int, board: Color, shape: str, color: str) -> Image.Image:
    tile = mottled((side, side), board, rng, 6, 20).convert('RGBA')
    draw = ImageDraw.Draw(tile)
    line = max(2, side // 90)
    draw.rectangle((0, 0, side - 1, side - 1), outline=shade(board, 0.6), width=line)
    tape = side // 9
    draw.rectangle((side // 2 - tape // 2, 0, side // 2 + tape // 2, side), fill=(222, 196, 146))
    for x in (side // 2 - tape // 2, side // 2 + tape // 2):
        draw.line((x, 0, x, side), fill=shade(board, 0.8), width=max(1, line // 2))
    mark = side // 4
    corner = side // 14
    draw.rectangle((corner, corner, corner + mark, corner + mark), fill=(244, 240, 230))
    picture = object_sprite(shape, color, round(mark * 0.84))
    tile.paste(picture, (corner + mark // 12, corner + mark // 12), picture)
    for i in range(3):
        y = side - side // 10 - i * side // 24
        draw.line((side - side // 3, y, side - side // 12, y), fill=shade(board, 0.66), width=line)
    return tile


def _card(side: int, band: int, paper: Color, file: str) -> Image.Image:
    tile = canvas((side, side), (*paper, 255), 'RGBA')
    rim = max(3, side // 24)
    tile.paste(photo(file, (side - 2 * rim, side - rim - band)), (rim, rim))
    ImageDraw.Draw(tile).rectangle((0, 0, side - 1, side - 1), outline=shade(paper, 0.8), width=max(1, side // 200))
    return tile


def _lay(image: Image.Image, tile: Image.Image, center: tuple[int, int], turn: int) -> Box:
    turned = tile.rotate(turn, resample=Image.Resampling.BILINEAR, expand=True)
    left, top = center[0] - turned.width // 2, center[1] - turned.height // 2
    offset = max(3, tile.width // 60)
    shape = turned.getchannel('A')
    image.paste((16, 16, 18), (left + offset, top + offset), shape.point([v * 2 // 5 for v in range(256)]))
    image.paste(turned, (left, top), shape)
    return Box(left, top, left + turned.width, top + turned.height).clipped(*image.size)


def _turned(center: tuple[int, int], offset: tuple[int, int], turn: int) -> tuple[int, int]:
    angle = math.radians(turn)
    x = offset[0] * math.cos(angle) + offset[1] * math.sin(angle)
    y = -offset[0] * math.sin(angle) + offset[1] * math.cos(angle)
    return center[0] + round(x), center[1] + round(y)
