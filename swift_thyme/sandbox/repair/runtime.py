"""Repairs that need values: crops over the edge, and crops that are too small."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import cv2
import numpy as np
from PIL import Image

from .modes import Log, Repair

MIN_CROP_PX = 64
"""Paper: crops have at least this many pixels a side."""
_ORIGIN = '_thyme_origin'
"""Attribute of a small Pillow crop: the picture it was cut from, and the box."""


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


class Crops:
    """Clamps and widens crops; snippets call these methods through names that `transform` puts in."""

    def __init__(self, log: Log) -> None:
        """
        Args:
            log: where repairs are noted.
        """
        self._log = log
        self._least_px = 0
        self._wider: dict[str, Callable[[], Any]] = {}
        """Path of a file that holds a crop too small to be returned → writes a wider one in its place."""

    def begin(self, least_px: int) -> None:
        """Makes it one session's.

        Args:
            least_px: smallest side of a picture that may be returned.
        """
        self._least_px = least_px

    def begin_snippet(self) -> None:
        """Forgets what the snippet before saved."""
        self._wider.clear()

    # -- cutting ------------------------------------------------------------------------------------------------

    def cut_array(self, value: Any, index: tuple[Any, ...], is_crop: bool) -> Any:
        """`value[index]`, where the first two parts of the index are slices.

        Args:
            value: anything that can be indexed; only pictures (uint8 arrays) are looked at.
            index: the whole index.
            is_crop: the result is used as a crop, so the paper's minimum size makes sense.
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
        paper = self._log.as_paper(Repair.CLAMP)
        if (from_edge and (end <= begin or (paper and stop > size))) or (paper and start is not None and start >= size):
            begin, end = min(max(int(start), 0), size), end
            if self._log.wants(Repair.CLAMP):
                part = slice(begin, end)
            elif part.indices(size)[:2] != (begin, end):
                return part
        small = is_crop and self._log.as_paper(Repair.MIN_CROP) and end - begin < min(MIN_CROP_PX, size)
        if small and self._log.wants(Repair.MIN_CROP):
            return slice(*widen(begin, end, size))
        return part

    def cut_picture(self, picture: Any, *args: Any, **kwargs: Any) -> Any:
        """`picture.crop(box)`; only Pillow's pictures are looked at."""
        box = args[0] if args else kwargs.get('box')
        is_box = isinstance(box, (tuple, list)) and len(box) == 4 and all(_is_number(side) for side in box)
        if not (is_box and isinstance(picture, Image.Image)):
            return picture.crop(*args, **kwargs)
        box = self._box(box, picture.size)
        cut = picture.crop(box)
        if min(cut.size) < self._least_px:
            setattr(cut, _ORIGIN, (picture, box))
        return cut

    def _box(self, box: Any, size: tuple[int, int]) -> Any:
        clamped = clamp_box(box, size)
        if clamped != tuple(box) and (self._log.as_paper(Repair.CLAMP) or _lies_mostly_outside(box, clamped)):
            if not self._log.wants(Repair.CLAMP):
                return box
            box = clamped
        if not self._log.as_paper(Repair.MIN_CROP):
            return box
        spans = [(int(box[axis]), int(box[axis + 2]), size[axis]) for axis in (0, 1)]
        small = any(begin <= end and end - begin < min(MIN_CROP_PX, full) for begin, end, full in spans)
        return _widened(box, size) if small and self._log.wants(Repair.MIN_CROP) else box

    def box_variable(self, value: Any, size: tuple[int, int] | None) -> Any:
        """Paper: the value of a variable named like a box, with four numbers in pixels clamped to the input picture."""
        if size is None or not isinstance(value, (tuple, list)) or len(value) != 4:
            return value
        if not all(_is_number(side) for side in value) or max(value) <= 1:
            return value
        clamped = clamp_box(value, size)
        if clamped == tuple(value) or not self._log.wants(Repair.CLAMP):
            return value
        return list(clamped) if isinstance(value, list) else clamped

    # -- returning ----------------------------------------------------------------------------------------------

    def watch_saves(self) -> None:
        """Has every picture that is saved looked at (`returned` needs to know where a small one was cut from)."""
        save, write = Image.Image.save, cv2.imwrite

        def save_picture(self_: Any, fp: Any, *args: Any, **kwargs: Any) -> None:
            save(self_, fp, *args, **kwargs)
            origin = getattr(self_, _ORIGIN, None)
            if origin is not None and isinstance(fp, (str, os.PathLike)):
                picture, box = origin
                self._wider[os.fspath(fp)] = lambda: save(
                    picture.crop(_widened(box, picture.size)), fp, *args, **kwargs
                )

        def write_array(filename: Any, img: Any, *args: Any, **kwargs: Any) -> Any:
            done = write(filename, img, *args, **kwargs)
            if isinstance(img, np.ndarray) and 0 < min(img.shape[:2], default=0) < self._least_px:
                wider = wider_view(img)
                if wider is not None:
                    self._wider[os.fspath(filename)] = lambda: write(filename, wider, *args, **kwargs)
            return done

        Image.Image.save = save_picture  # type: ignore[method-assign,assignment]
        cv2.imwrite = write_array

    def returned(self, text: str, paths: Iterable[str]) -> None:
        """Widens the crops that are too small in the files that a snippet is about to return.

        Args:
            text: what it printed.
            paths: what else it returns.
        """
        paths = frozenset(paths)
        for path, write in self._wider.items():
            if (path in paths or os.path.basename(path) in text) and self._log.wants(Repair.MIN_CROP):
                with suppress(OSError, ValueError, cv2.error):
                    write()


def clamp_box(box: Any, size: tuple[int, int]) -> tuple[Any, ...]:
    """Left, top, right, bottom, each within the picture."""
    return tuple(min(max(side, 0), size[i % 2]) for i, side in enumerate(box))


def _lies_mostly_outside(box: Any, clamped: tuple[Any, ...]) -> bool:
    """Whether some, but less than half of a box is inside of the picture: what is cut is mostly black."""
    inside = (clamped[2] - clamped[0]) * (clamped[3] - clamped[1])
    return bool(
        clamped[2] > clamped[0] and clamped[3] > clamped[1] and 2 * inside < (box[2] - box[0]) * (box[3] - box[1])
    )


def _widened(box: Any, size: tuple[int, int]) -> tuple[int, int, int, int]:
    (left, right), (top, bottom) = (widen(int(box[axis]), int(box[axis + 2]), size[axis]) for axis in (0, 1))
    return left, top, right, bottom


def widen(begin: int, end: int, size: int) -> tuple[int, int]:
    """The span of at least `MIN_CROP_PX` (or the whole side) with the same centre, shifted inside."""
    wanted = min(MIN_CROP_PX, size)
    if end - begin >= wanted:
        return begin, end
    start = min(max((begin + end - wanted) // 2, 0), size - wanted)
    return start, start + wanted


def wider_view(cut: np.ndarray[Any, Any]) -> np.ndarray[Any, Any] | None:
    """The array that a small slice of rows and columns was taken from, cut wider; None where that is not known."""
    whole = cut.base
    if not isinstance(whole, np.ndarray) or whole.strides != cut.strides or whole.dtype != cut.dtype:
        return None
    away_bytes = cut.__array_interface__['data'][0] - whole.__array_interface__['data'][0]
    row, rest_bytes = divmod(away_bytes, whole.strides[0])
    column, odd_bytes = divmod(rest_bytes, whole.strides[1])
    if odd_bytes or not (0 <= row < whole.shape[0] and column < whole.shape[1]):
        return None
    rows = widen(row, row + cut.shape[0], whole.shape[0])
    columns = widen(column, column + cut.shape[1], whole.shape[1])
    return whole[slice(*rows), slice(*columns)]
