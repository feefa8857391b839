"""Real pictures: those that the scikit-image wheel itself carries, with a name a question can use.

Owns the list. Nothing is downloaded: only files inside the installed package are read.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageOps

from ...errors import ConfigError
from .blank import Blank, is_drawing_off


@dataclass(frozen=True)
class Photo:
    """One real picture."""

    file: str
    noun: str
    """What it shows, with its article: `a cat`."""


PHOTOS = (
    Photo('astronaut.png', 'an astronaut'),
    Photo('brick.png', 'a brick wall'),
    Photo('camera.png', 'a man with a camera'),
    Photo('cell.png', 'a single cell'),
    Photo('chelsea.png', 'a cat'),
    Photo('coffee.png', 'a cup of coffee'),
    Photo('coins.png', 'old coins'),
    Photo('grass.png', 'grass'),
    Photo('gravel.png', 'gravel'),
    Photo('horse.png', 'the outline of a horse'),
    Photo('hubble_deep_field.jpg', 'distant galaxies'),
    Photo('ihc.png', 'stained tissue'),
    Photo('moon.png', 'the surface of the moon'),
    Photo('motorcycle_left.png', 'a motorcycle in a garage'),
    Photo('page.png', 'a printed page'),
    Photo('retina.jpg', 'a retina'),
    Photo('rocket.jpg', 'a rocket at its launch pad'),
)


_TEXTURES = ('grass.png', 'gravel.png')
"""Grey all over: at 35 px, as the museum hangs them on the smallest canvas, blades and stones are the same noise."""
_CLOSER = 3
"""So many times larger they are shown."""


@lru_cache(maxsize=1)
def _folder() -> Path:
    spec = importlib.util.find_spec('skimage')
    if spec is None or not spec.origin:
        raise ConfigError(
            'real pictures come from the package scikit-image, which is not installed; pip install scikit-image'
        )
    return Path(spec.origin).parent / 'data'


@lru_cache(maxsize=32)
def _original(file: str) -> Image.Image:
    with Image.open(_folder() / file) as picture:
        loaded: Image.Image = picture.convert('RGB')
    if file in _TEXTURES:
        return loaded.crop((0, 0, loaded.width // _CLOSER, loaded.height // _CLOSER))
    return loaded


def photo(file: str, size: tuple[int, int]) -> Image.Image:
    """A picture scaled and cropped to a size in pixels; treat it as read-only."""
    return Blank(size) if is_drawing_off() else _fitted(file, size)


@lru_cache(maxsize=8)
def _fitted(file: str, size: tuple[int, int]) -> Image.Image:
    fitted: Image.Image = ImageOps.fit(_original(file), size, Image.Resampling.BICUBIC)
    return fitted
