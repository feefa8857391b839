"""Two grids of like cells: a wall of lockers and a sheet of picture stamps. Cells have no names, only places.

Owns these scenes. The grid's outline, rows and columns are in `Scene.grid`.
"""

from __future__ import annotations

from PIL import Image, ImageDraw

from ..draw import LabelStyle, gradient, mottled, shade, shadow
from ..fonts import BOLD, MONO
from ..photos import PHOTOS, photo
from ..types import Box, Color
from ..values import ValueKind
from .base import Brief, Grid, Scene, Slot, clamp, paper

_PAINT: dict[str, Color] = {
    'blue': (70, 104, 146),
    'green': (86, 124, 98),
    'grey': (142, 146, 150),
    'red': (150, 66, 60),
}
_TABLES: dict[str, Color] = {
    'brown': (112, 78, 52),
    'blue': (62, 92, 150),
    'green': (62, 122, 84),
    'red': (158, 54, 50),
}


def build_lockers(brief: Brief) -> Scene:
    """Draws a wall of lockers with number plates."""
    rng, (width, height), unit = brief.rng, brief.size, brief.level.cap_px
    name = rng.choice(sorted(_PAINT))
    color = _PAINT[name]
    image = gradient(brief.size, (214, 212, 206), (186, 184, 178))
    floor = round(height * 0.94)
    ImageDraw.Draw(image).rectangle((0, floor, width, height), fill=(112, 104, 98))
    grid = _grid(brief, Box(width // 18, height // 14, width - width // 18, floor), 9 * unit, 6 * unit)
    slots = []
    shadow(image, grid.box, max(4, unit))
    for row in range(grid.rows):
        for column in range(grid.columns):
            cell = grid.cell(row + 1, column + 1)
            _locker(image, cell, shade(color, rng.uniform(0.94, 1.06)))
            style = LabelStyle(rng.choice(MONO), unit, paper(rng), brief.level.contrast, rim=(70, 70, 74))
            center = (cell.center[0], cell.top + max(2 * unit, cell.height // 3))
            slots.append(_slot(row, column, 'locker', ValueKind.CODE, center, cell, style))
    gist = {'What colour are the lockers?': (name, tuple(c for c in sorted(_PAINT) if c != name))}
    return Scene('lockers', image, 'a wall of lockers', tuple(slots), gist=gist, grid=grid)


def build_stamps(brief: Brief) -> Scene:
    """Draws a sheet of stamps made from real pictures, each with a number."""
    rng, (width, height), unit = brief.rng, brief.size, brief.level.cap_px
    table = rng.choice(sorted(_TABLES))
    image = mottled(brief.size, _TABLES[table], rng, 8, 20)
    sheet = Box(width // 20, height // 16, width - width // 20, height - height // 16)
    grid = _grid(brief, sheet, 9 * unit, 8 * unit)
    page = grid.box.grown(max(4, unit))
    shadow(image, page, max(4, unit))
    ImageDraw.Draw(image).rectangle(tuple(page), fill=(252, 250, 244))
    slots = []
    for row in range(grid.rows):
        for column in range(grid.columns):
            cell = grid.cell(row + 1, column + 1)
            inner = cell.grown(-max(3, unit // 2))
            band = 2 * unit + unit // 2
            size = max(8, inner.width), max(8, inner.height - band)
            image.paste(photo(rng.choice(PHOTOS).file, size), (inner.left, inner.top))
            _perforate(image, cell, max(1, unit // 5))
            style = LabelStyle(rng.choice(BOLD), unit, (252, 250, 244), brief.level.contrast, plate=False)
            center = (cell.center[0], inner.bottom - band // 2)
            slots.append(_slot(row, column, 'stamp', ValueKind.NUMBER, center, cell, style))
    gist = {'What colour is the table under the sheet?': (table, tuple(t for t in sorted(_TABLES) if t != table))}
    return Scene('stamps', image, 'a sheet of picture stamps', tuple(slots), gist=gist, grid=grid)


def _grid(brief: Brief, area: Box, least_w: int, least_h: int) -> Grid:
    rng, wanted = brief.rng, brief.level.anchors * 2 + 4
    columns = clamp(round((wanted * area.width / area.height) ** 0.5) + rng.randint(0, 1), 3, area.width // least_w)
    rows = clamp(round(wanted / columns), 3, area.height // least_h)
    width, height = area.width // columns * columns, area.height // rows * rows
    left, top = area.left + (area.width - width) // 2, area.bottom - height
    return Grid(Box(left, top, left + width, top + height), rows, columns)


def _slot(
    row: int, column: int, noun: str, kind: ValueKind, center: tuple[int, int], cell: Box, style: LabelStyle
) -> Slot:
    place = f'the {noun} in row {row + 1}, column {column + 1}'
    return Slot(f'on {place}', place, kind, center, cell, style)


def _locker(image: Image.Image, cell: Box, color: Color) -> None:
    draw = ImageDraw.Draw(image)
    line = max(2, cell.width // 60)
    draw.rectangle(
        (cell.left, cell.top, cell.right - 1, cell.bottom - 1), fill=color, outline=shade(color, 0.6), width=line
    )
    draw.line(
        (cell.left + line, cell.top + line, cell.right - line, cell.top + line), fill=shade(color, 1.25), width=line
    )
    slit = max(2, cell.height // 40)
    for i in range(3):
        y = cell.bottom - cell.height // 5 + i * 2 * slit
        draw.rectangle((cell.left + cell.width // 4, y, cell.right - cell.width // 4, y + slit), fill=shade(color, 0.5))
    x, y = cell.right - cell.width // 8, cell.center[1] + cell.height // 12
    knob = max(2, cell.width // 24)
    draw.ellipse(
        (x - knob, y - knob, x + knob, y + knob), fill=(214, 214, 216), outline=(110, 110, 114), width=max(1, line // 2)
    )


def _perforate(image: Image.Image, cell: Box, radius: int) -> None:
    draw = ImageDraw.Draw(image)
    for x in range(cell.left, cell.right, radius * 5):
        draw.ellipse((x - radius, cell.top - radius, x + radius, cell.top + radius), fill=(206, 200, 188))
    for y in range(cell.top, cell.bottom, radius * 5):
        draw.ellipse((cell.left - radius, y - radius, cell.left + radius, y + radius), fill=(206, 200, 188))
