"""Pictures without pixels: what a scene is built on when only its question is wanted.

Owns the switch and the stand-in. Everything random is drawn as ever, so a question made without drawing is, word for
word, the question of the drawn row; boxes of texts and charts are rough.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from PIL import Image

_off: ContextVar[bool] = ContextVar('drawing_off', default=False)


@contextmanager
def drawing_off() -> Iterator[None]:
    """Inside, pictures have a size and no pixels."""
    token = _off.set(True)
    try:
        yield
    finally:
        _off.reset(token)


def is_drawing_off() -> bool:
    """Whether pictures have no pixels here."""
    return _off.get()


class Blank(Image.Image):
    """A picture with a size of its own and a single pixel: whatever is drawn on it costs next to nothing."""

    def __init__(self, size: tuple[int, int], mode: str = 'RGB') -> None:
        super().__init__()
        self.im = Image.new(mode, (1, 1)).im
        self._mode, self._size = mode, size

    def paste(self, *args: Any, **kwargs: Any) -> None:
        """Does nothing."""

    def convert(self, mode: str | None = None, *args: Any, **kwargs: Any) -> Blank:
        """A blank of another mode."""
        return Blank(self.size, mode or self.mode)

    def getchannel(self, channel: int | str) -> Blank:
        """A blank of one channel."""
        return Blank(self.size, 'L')

    def point(self, *args: Any, **kwargs: Any) -> Blank:
        """The same blank."""
        return self

    def rotate(self, angle: float, *args: Any, **kwargs: Any) -> Blank:
        """A blank that a turned picture of this size fits into."""
        c, s = abs(math.cos(math.radians(angle))), abs(math.sin(math.radians(angle)))
        return Blank(
            (math.ceil(self.width * c + self.height * s), math.ceil(self.width * s + self.height * c)), self.mode
        )


def canvas(size: tuple[int, int], color: tuple[int, ...], mode: str = 'RGB') -> Image.Image:
    """A picture of one colour, or a blank one."""
    return Blank(size, mode) if is_drawing_off() else Image.new(mode, size, color)
