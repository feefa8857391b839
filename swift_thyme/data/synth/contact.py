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
body { font: 14px/1.4 sans-serif; margin: 24px; background: #f4f4f2; color: #222; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(480px, 1fr)); gap: 16px; }
article { background: #fff; border: 1px solid #ddd; border-radius: 6px; padding: 10px; }
img { max-width: 100%; border: 1px solid #ccc; vertical-align: top; margin: 2px; }
h1 { font-size: 20px; } h2 { font-size: 14px; margin: 0 0 6px; } p { margin: 6px 0 0; white-space: pre-wrap; }
.truth { color: #0a6b2c; font-weight: bold; } .meta { color: #777; font-size: 12px; }
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
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
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
    detail = f'detail {row["detail_px"]} px, {row["detail_px_at_budget"]} px at the budget'
    meta = (
        f'difficulty {row["difficulty"]} · {detail} · turn {row["rotation_deg"]}° · contrast {row["contrast"]} · '
        f'readable without a tool: {row["readable_without_tool"]}'
    )
    return (
        f'<article><h2>{row["index"]} {row["task"]} / {row["scene"]} · {row["width"]}×{row["height"]}</h2>{pictures}'
        f'<p>{html.escape(str(row["question"]))}</p><p class="truth">{html.escape(str(row["solution"]))} '
        f'({html.escape(str(row["answer"]))})</p><p class="meta">{meta}</p></article>'
    )


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
