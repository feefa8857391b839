"""The contact sheet: one HTML page to look a set over by eye.

Owns the page. Every row shows its picture with the target's box, the target cut out, the question and the truth; an SFT
row also its returned pictures. Thumbnails are inside the file, so it can be sent by itself.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from PIL import Image, ImageDraw

from ...picture import data_url
from ...trajectories.lines import replace_file
from .rows import Row

SHEET = 'contact_sheet.html'
MOST_ROWS = 60
THUMB_PX = 460
CUT_PX = 260

_STYLE = """
:root { --ink: #222; --soft: #6a6a6a; --line: #ccc; --paper: #fff; --wash: #f4f4f2; --good: #0a6b2c; }
@media (prefers-color-scheme: dark) {
:root { --ink: #dfe4ea; --soft: #98a3b0; --line: #2c343e; --paper: #191f26; --wash: #12161b; --good: #5bc58c; } }
body { font: 14px/1.4 sans-serif; margin: 20px; background: var(--wash); color: var(--ink); }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(480px, 100%), 1fr)); gap: 16px; }
article { background: var(--paper); border: 1px solid var(--line); border-radius: 6px; padding: 10px; min-width: 0; }
img { max-width: 100%; border: 1px solid var(--line); display: block; margin: 4px 0; }
h1 { font-size: 20px; } h2 { font-size: 14px; margin: 0 0 6px; }
p { margin: 6px 0 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.truth { color: var(--good); font-weight: bold; } .meta { color: var(--soft); font-size: 12px; }
"""


def write_sheet(rows: Iterable[Row], out: Path, title: str) -> Path:
    """Writes the page for the first `MOST_ROWS` rows.

    Args:
        rows: canonical rows.
        out: the set's folder, with its pictures.
        title: heading of the page.
    """
    cards = ''.join(_card(row, out) for row in islice(rows, MOST_ROWS))
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" '
        f'content="light dark"><title>{html.escape(title)}</title>'
        f'<style>{_STYLE}</style><h1>{html.escape(title)}</h1><main>{cards}</main></html>\n'
    )
    replace_file(out / SHEET, [page.encode()], durable=False)
    return out / SHEET


def _card(row: Row, out: Path) -> str:
    images = row['images']
    assert isinstance(images, list)
    pictures = ''
    if images:
        pictures = ''.join(_tag(picture) for picture in _thumbnails(out / images[0], row))
        pictures += ''.join(_tag(_small(out / name, CUT_PX)) for name in images[1:])
    solution, answer = str(row['solution']), str(row['answer'])
    truth = solution if solution == answer else f'{solution} ({answer})'
    return (
        f'<article><h2>{row["index"]} {row["task"]} / {row["scene"]} · {row["width"]}×{row["height"]}</h2>{pictures}'
        f'<p>{html.escape(str(row["question"]))}</p><p class="truth">{html.escape(truth)}</p>'
        f'<p class="meta">{_meta(row)}</p></article>'
    )


def _meta(row: Row) -> str:
    """What is known of the row; what it has not, such as the size of a detail in a calculation, is left out."""
    known = (
        ('difficulty {}', 'difficulty'),
        ('detail {} px', 'detail_px'),
        ('{} px at the budget', 'detail_px_at_budget'),
        ('turned by {}°', 'rotation_deg'),
        ('contrast {}', 'contrast'),
        ('readable without a tool: {}', 'readable_without_tool'),
    )
    words = {'True': 'yes', 'False': 'no'}
    values = ((text, str(row[name])) for text, name in known if row[name] is not None)
    return ' · '.join(text.format(words.get(value, value)) for text, value in values)


def _thumbnails(path: Path, row: Row) -> list[Image.Image]:
    with Image.open(path) as picture:
        whole = picture.convert('RGB')
    scale = THUMB_PX / max(whole.size)
    thumb = whole.resize((round(whole.width * scale), round(whole.height * scale)), Image.Resampling.BOX)
    box = row['box']
    if not isinstance(box, list):
        return [thumb]
    left, top, right, bottom = box
    margin = max(right - left, bottom - top) // 2
    area = (
        max(0, left - margin),
        max(0, top - margin),
        min(whole.width, right + margin),
        min(whole.height, bottom + margin),
    )
    cut = whole.crop(area)
    cut.thumbnail((CUT_PX, CUT_PX), Image.Resampling.LANCZOS)
    frame = [round(edge * scale) for edge in box]
    frame = [frame[0] - 3, frame[1] - 3, frame[2] + 3, frame[3] + 3]
    ImageDraw.Draw(thumb).rectangle(frame, outline=(255, 0, 80), width=2)
    return [thumb, cut]


def _small(path: Path, side_px: int) -> Image.Image:
    with Image.open(path) as picture:
        small: Image.Image = picture.convert('RGB')
    small.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    return small


def _tag(picture: Image.Image) -> str:
    return f'<img alt="" src="{data_url(picture)}">'
