"""Two printed matters: a departure board with a row for every town, and order forms spread over a desk.

Owns these scenes.
"""

from __future__ import annotations

from PIL import Image, ImageDraw

from ..draw import LabelStyle, mixed, mottled, shade, shadow, text_at
from ..fonts import BOLD, MONO, PLAIN
from ..types import Box, Color
from ..values import ValueKind, names
from .base import Brief, Missing, Scene, Slot, clamp

_DAYS = ('Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun')
_TOPICS = {
    'Departures': ValueKind.TIME,
    'Fares': ValueKind.PRICE,
    'Parcels handled': ValueKind.NUMBER,
    'Stock codes': ValueKind.CODE,
}
_FIELDS = {
    'Order': ValueKind.CODE,
    'Serial': ValueKind.SERIAL,
    'Amount': ValueKind.PRICE,
    'Hour': ValueKind.TIME,
    'Client': ValueKind.NUMBER,
}
_DESKS: dict[str, Color] = {
    'wood': (146, 104, 70),
    'blue cloth': (66, 84, 120),
    'green cloth': (70, 104, 84),
    'red leather': (122, 52, 48),
}


def build_table(brief: Brief) -> Scene:
    """Draws a board with a large table."""
    rng, (width, height), unit = brief.rng, brief.size, brief.level.cap_px
    topic = rng.choice(sorted(_TOPICS))
    ground, ink = rng.choice(
        (((24, 30, 44), (244, 244, 238)), ((250, 249, 244), (32, 34, 40)), ((238, 242, 236), (26, 50, 40)))
    )
    image = mottled(brief.size, mixed(ground, (128, 128, 128), 0.2), rng, 4, 40)
    area = Box(width // 24, height // 18, width - width // 24, height - height // 18)
    shadow(image, area, max(4, unit))
    draw = ImageDraw.Draw(image)
    draw.rectangle(tuple(area), fill=ground)
    head = max(3 * unit, area.height // 11)
    text_at(image, (area.center[0], area.top + head // 2), topic, rng.choice(BOLD), head // 3, ink)
    columns = clamp(3 + brief.level.anchors // 5, 3, min(len(_DAYS), area.width // (9 * unit) - 1))
    rows = clamp(4 + brief.level.anchors, 4, (area.height - head) // round(2.6 * unit) - 1)
    towns, first, step = names(rng, rows + 2), area.width * 3 // (columns * 2 + 3), (area.height - head) // (rows + 1)
    pitch = (area.width - first) // columns
    xs = [area.left + first + pitch * c + pitch // 2 for c in range(columns)]
    ys = [area.top + head + step * (r + 1) + step // 2 for r in range(rows)]
    for r, y in enumerate(ys):
        if r % 2 == 0:
            draw.rectangle((area.left, y - step // 2, area.right, y - step // 2 + step), fill=mixed(ground, ink, 0.07))
    face, top = rng.choice(PLAIN), area.top + head + step // 2
    for c, x in enumerate(xs):
        text_at(image, (x, top), _DAYS[c], rng.choice(BOLD), unit, ink)
    sides = [
        text_at(image, (area.left + first // 2, y), towns[r], face, unit, ink, first - unit) for r, y in enumerate(ys)
    ]
    draw.line(
        (area.left, top + step // 2, area.right, top + step // 2), fill=mixed(ground, ink, 0.5), width=max(2, unit // 6)
    )
    kind, slots = _TOPICS[topic], []
    for r, y in enumerate(ys):
        for c, x in enumerate(xs):
            surface = mixed(ground, ink, 0.07) if r % 2 == 0 else ground
            style = LabelStyle(MONO[0], unit, surface, brief.level.contrast, plate=False)
            where = f'in the row "{towns[r]}" under "{_DAYS[c]}"'
            context = sides[r].union(Box(x - pitch // 2, y - step // 2, x + pitch // 2, y + step // 2))
            slots.append(Slot(where, f'the cell {where}', kind, (x, y), context, style))
    missing = tuple(Missing(f'in the row "{t}" under "{rng.choice(_DAYS[:columns])}"', kind) for t in towns[-2:])
    gist = {'What is the heading of this table?': (topic, tuple(t for t in sorted(_TOPICS) if t != topic))}
    return Scene('table', image, 'a board with a large table', tuple(slots), gist=gist, missing=missing)


def build_forms(brief: Brief) -> Scene:
    """Draws order forms on a desk; each has a title and fields."""
    rng, (width, height), unit = brief.rng, brief.size, brief.level.cap_px
    desk = rng.choice(sorted(_DESKS))
    image = mottled(brief.size, _DESKS[desk], rng, 10, 18)
    columns = clamp(round((brief.level.anchors / 3 * width / height) ** 0.5) + 1, 2, width // (16 * unit))
    rows = clamp(round(brief.level.anchors / 3 / columns) + 1, 1, height // (14 * unit))
    titles = names(rng, rows * columns + 2)
    slots: list[Slot] = []
    for index in range(rows * columns):
        row, column = divmod(index, columns)
        cell_w, cell_h = width // columns, height // rows
        sheet = Box(column * cell_w, row * cell_h, (column + 1) * cell_w, (row + 1) * cell_h)
        sheet = sheet.grown(-cell_w // 14, -cell_h // 18)
        slide_x, slide_y = rng.randint(-cell_w // 30, cell_w // 30), rng.randint(-cell_h // 36, cell_h // 36)
        sheet = Box(sheet.left + slide_x, sheet.top + slide_y, sheet.right + slide_x, sheet.bottom + slide_y)
        slots += _form(image, brief, sheet, titles[index])
    missing = tuple(
        Missing(f'in the field "{field}" of the form titled "{t}"', kind)
        for t in titles[-2:]
        for field, kind in _FIELDS.items()
    )
    gist = {'What do the forms lie on?': (desk, tuple(d for d in sorted(_DESKS) if d != desk))}
    return Scene('forms', image, 'order forms on a desk', tuple(slots), gist=gist, missing=missing)


def _form(image: Image.Image, brief: Brief, sheet: Box, title: str) -> list[Slot]:
    rng, unit = brief.rng, brief.level.cap_px
    paper = rng.choice(((252, 251, 247), (248, 244, 232), (244, 248, 250)))
    shadow(image, sheet, max(4, unit))
    draw = ImageDraw.Draw(image)
    draw.rectangle(tuple(sheet), fill=paper, outline=shade(paper, 0.8), width=max(1, unit // 10))
    ink: Color = (44, 46, 60)
    head = text_at(
        image,
        (sheet.center[0], sheet.top + 2 * unit),
        title,
        rng.choice(BOLD),
        round(1.3 * unit),
        ink,
        sheet.width - 2 * unit,
    )
    face, pen = rng.choice(PLAIN), rng.choice(('stix', 'caladea', 'dejavu-mono'))
    fields = rng.sample(sorted(_FIELDS), clamp((sheet.height - 5 * unit) // (3 * unit), 2, len(_FIELDS)))
    slots, y = [], sheet.top + 5 * unit
    for name in fields:
        label = text_at(image, (sheet.left + 4 * unit, y), name, face, unit, ink, 6 * unit)
        line_y = y + round(0.9 * unit)
        draw.line(
            (sheet.left + 8 * unit, line_y, sheet.right - unit, line_y), fill=(168, 168, 172), width=max(1, unit // 10)
        )
        center = ((sheet.left + 7 * unit + sheet.right) // 2, y)
        where = f'in the field "{name}" of the form titled "{title}"'
        style = LabelStyle(pen, unit, paper, brief.level.contrast, plate=False)
        context = head.union(label).union(Box(sheet.left + 8 * unit, y - unit, sheet.right - unit, line_y))
        slots.append(
            Slot(where, f'the field "{name}" of the form titled "{title}"', _FIELDS[name], center, context, style)
        )
        y += 3 * unit
    while y < sheet.bottom - 2 * unit:
        right = sheet.right - unit - rng.randint(0, sheet.width // 3)
        draw.line((sheet.left + unit, y, right, y), fill=shade(paper, 0.84), width=max(2, unit // 3))
        y += 2 * unit
    return slots
