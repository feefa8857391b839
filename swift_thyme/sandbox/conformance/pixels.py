"""Compares every picture that a session returns with the file that its snippet saved, pixel by pixel."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from ...types import SandboxImage
from ..base import Session

_GRID, _TOLERANCE = 9, 2
_READ = """
import json, numpy
from PIL import Image, ImageOps
def _read(name):
    with Image.open(name) as p:
        p.load()
        p = ImageOps.exif_transpose(p)
    if p.mode.startswith(('I', 'F')):
        a = numpy.asarray(p, 'f8')
        top = 257 if a.max() > 255 else 1 / 255 if p.mode == 'F' and a.max() <= 1 else 1
        p = Image.fromarray((a / top).round().astype('u1'))
    if p.mode in ('P', 'PA', 'LA', 'RGBA') or 'transparency' in p.info:
        p = p.convert('RGBA')
        p = Image.alpha_composite(Image.new('RGBA', p.size, 'white'), p)
    p, n = p.convert('RGB'), %d
    return [p.size, [p.getpixel((p.width * x // n, p.height * y // n)) for x in range(n) for y in range(n)]]
"""


async def compare(session: Session, image: SandboxImage) -> list[str]:
    """What is wrong with a returned picture, one line each.

    Args:
        session: that returned it, and in which the file still is as it was.
        image: the picture.
    """
    from PIL import Image

    what = f'picture {image.source!r}'
    data = Path(image.path).read_bytes()
    if hashlib.sha256(data).hexdigest() != image.sha256:
        return [f'{what}: its hash is of something else']
    try:
        with Image.open(image.path) as opened:
            opened.load()
            plain = opened.mode in ('RGB', 'L') and opened.size == (image.width_px, image.height_px)
            picture = opened.convert('RGB')
    except (OSError, SyntaxError, ValueError) as error:
        return [f'{what}: cannot be opened: {error}']
    if not plain:
        return [f'{what}: neither RGB nor gray, or not of {image.width_px}x{image.height_px}']
    reply = await session.run(_READ % _GRID + f'print(json.dumps(_read({image.source!r})))', timeout_s=30)
    try:
        size, wanted = json.loads(reply.text)
    except ValueError:
        return [f'{what}: the saved file cannot be read again: {reply}']
    if tuple(size) != picture.size:
        return [f'{what}: returned as {picture.size}, saved as {size}']
    places = [(picture.width * x // _GRID, picture.height * y // _GRID) for x in range(_GRID) for y in range(_GRID)]
    wrong = [
        place
        for place, colour in zip(places, wanted, strict=True)
        if max(abs(int(a) - b) for a, b in zip(_colour(picture, place), colour, strict=True)) > _TOLERANCE
    ]
    return [f'{what}: other pixels than saved at {wrong[:3]}'] if wrong else []


def _colour(picture: object, place: tuple[int, int]) -> tuple[int, int, int]:
    red, green, blue = picture.getpixel(place)  # type: ignore[attr-defined]
    return red, green, blue
