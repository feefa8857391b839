"""Repairs that need values: crops over the edge, crops that are too small, computed paths."""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

import cv2
import numpy as np
from PIL import Image

from .log import Log
from .modes import Repair
from .paths import PICTURE, Paths

MIN_CROP_PX = 64
"""Paper: crops have at least this many pixels a side."""


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


class Crops:
    """Clamps and widens crops; snippets call these methods through names that `transform` puts in."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def cut_array(self, value: Any, index: tuple[Any, ...], is_crop: bool) -> Any:
        """`value[index]`, where the first two parts of the index are slices.

        Args:
            value: anything that can be indexed; only pictures (uint8 arrays) are looked at.
            index: the whole index.
            is_crop: the result is used as a crop, so a minimum size makes sense.
        """
        if isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim in (2, 3):
            rows = self._span(index[0], value.shape[0], is_crop)
            columns = self._span(index[1], value.shape[1], is_crop)
            index = (rows, columns, *index[2:])
        return value[index]

    def _span(self, part: slice, size: int, is_crop: bool) -> slice:
        start, stop = part.start, part.stop
        if not all(bound is None or isinstance(bound, (int, np.integer)) for bound in (start, stop)):
            return part
        begin, end, _ = part.indices(size)
        from_edge = start is not None and start < 0 and stop is not None and stop > 0
        if (from_edge and (end <= begin or stop > size)) or (start is not None and start >= size):
            begin, end = min(max(int(start), 0), size), end
            if self._log.wants(Repair.CLAMP):
                part = slice(begin, end)
            elif part.indices(size)[:2] != (begin, end):
                return part
        if is_crop and end - begin < min(MIN_CROP_PX, size) and self._log.wants(Repair.MIN_CROP):
            return slice(*widen(begin, end, size))
        return part

    def cut_picture(self, picture: Any, *args: Any, **kwargs: Any) -> Any:
        """`picture.crop(box)`; only Pillow's pictures are looked at."""
        box = args[0] if args else kwargs.get('box')
        is_box = isinstance(box, (tuple, list)) and len(box) == 4 and all(_is_number(side) for side in box)
        if is_box and isinstance(picture, Image.Image):
            return picture.crop(self._box(box, picture.size))
        return picture.crop(*args, **kwargs)

    def _box(self, box: Any, size: tuple[int, int]) -> Any:
        clamped = clamp_box(box, size)
        if clamped != tuple(box):
            if not self._log.wants(Repair.CLAMP):
                return box
            box = clamped
        spans = [(int(box[axis]), int(box[axis + 2]), size[axis]) for axis in (0, 1)]
        small = any(begin <= end and end - begin < min(MIN_CROP_PX, full) for begin, end, full in spans)
        if small and self._log.wants(Repair.MIN_CROP):
            (left, right), (top, bottom) = (widen(*span) for span in spans)
            return left, top, right, bottom
        return box

    def box_variable(self, value: Any, size: tuple[int, int] | None) -> Any:
        """The value of a variable named like a box, with four numbers in pixels clamped to the input picture."""
        if size is None or not isinstance(value, (tuple, list)) or len(value) != 4:
            return value
        if not all(_is_number(side) for side in value) or max(value) <= 1:
            return value
        clamped = clamp_box(value, size)
        if clamped == tuple(value) or not self._log.wants(Repair.CLAMP):
            return value
        return list(clamped) if isinstance(value, list) else clamped


def clamp_box(box: Any, size: tuple[int, int]) -> tuple[Any, ...]:
    """Left, top, right, bottom, each within the picture."""
    return tuple(min(max(side, 0), size[i % 2]) for i, side in enumerate(box))


def widen(begin: int, end: int, size: int) -> tuple[int, int]:
    """The span of at least `MIN_CROP_PX` (or the whole side) with the same centre, shifted inside."""
    wanted = min(MIN_CROP_PX, size)
    if end - begin >= wanted:
        return begin, end
    start = min(max((begin + end - wanted) // 2, 0), size - wanted)
    return start, start + wanted


def wrap_readers(paths: Paths) -> None:
    """Makes the functions that read pictures resolve computed paths as literals are (`Paths.reading`)."""
    cv2.imread = _reading(cv2.imread, paths.reading)
    cv2.imwrite = _reading(cv2.imwrite, paths.saving)
    Image.open = _reading(Image.open, paths.reading)
    Image.Image.save = _saving(Image.Image.save, paths)  # type: ignore[method-assign]
    os.makedirs = _reading(os.makedirs, paths.saving)
    os.mkdir = _reading(os.mkdir, paths.saving)
    os.path.exists = _reading(os.path.exists, lambda text: paths.alias(text) or text)
    os.path.isfile = _reading(os.path.isfile, lambda text: paths.alias(text) or text)
    builtins.open = io.open = _opening(builtins.open, paths)


def _reading(function: Callable[..., Any], resolve: Callable[[str], str]) -> Callable[..., Any]:
    """The same function with its first argument (or the keyword for it) resolved."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if args:
            args = (_resolved(args[0], resolve), *args[1:])
        for name in ('filename', 'fp', 'file', 'path', 'name'):
            if name in kwargs:
                kwargs[name] = _resolved(kwargs[name], resolve)
        return function(*args, **kwargs)

    call.__name__ = getattr(function, '__name__', 'call')
    call.__doc__ = function.__doc__
    return call


def _resolved(path: Any, resolve: Callable[[str], str]) -> Any:
    text = path if isinstance(path, str) else str(path) if isinstance(path, PurePath) else None
    if text is None:
        return path
    found = resolve(text)
    return path if found == text else found


def _saving(function: Callable[..., Any], paths: Paths) -> Callable[..., Any]:
    def save(self: Any, fp: Any, *args: Any, **kwargs: Any) -> Any:
        return function(self, _resolved(fp, paths.saving), *args, **kwargs)

    return save


def _opening(function: Callable[..., Any], paths: Paths) -> Callable[..., Any]:
    def open(file: Any, mode: str = 'r', *args: Any, **kwargs: Any) -> Any:
        def resolve(text: str) -> str:
            is_read = PICTURE.search(text) and 'r' in mode and '+' not in mode
            return paths.reading(text) if is_read or paths.alias(text) is not None else paths.saving(text)

        return function(_resolved(file, resolve), mode, *args, **kwargs)

    return open
