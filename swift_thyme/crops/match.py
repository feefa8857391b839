"""Where in the question's picture a returned picture was cut from.

First the boxes that the code states (`boxes`), each believed only when the picture agrees; then a search for the crop
in the picture, at the zooms that code commonly uses. Works on small gray copies: the place is right to about a
four-hundredth of the picture's longer side. Turned, mirrored or redrawn pictures are not found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from .regions import Box

WORK_PX = 400
"""Longer side of the gray copy of a question's picture."""
_ZOOMS = (1.0, 2.0, 3.0, 4.0, 1.5, 5.0, 2.5, 6.0, 8.0, 0.5)
_AGREES, _FOUND = 0.75, 0.9
"""Correlations from which a stated box is believed and a match is taken for the place."""
_COMPARED_PX = 48
_LEAST_PX = 10
_FLAT = 3.0
"""Standard deviation of gray levels below which a picture holds nothing to compare."""
_WHOLE = 0.97

Gray = npt.NDArray[np.uint8]


class How(str, Enum):
    """How a place is known."""

    CODE = 'code'
    """The code states the box and the picture agrees."""
    MATCH = 'match'
    """The crop was found in the picture."""
    STATED = 'stated'
    """The code states the box; the pictures are too small or too plain to tell."""
    WHOLE = 'whole'
    """It is the whole picture, resized or changed in colour."""


@dataclass(frozen=True)
class Place:
    """A box in the question's picture."""

    box: Box
    how: How


@dataclass(frozen=True)
class Pixels:
    """A picture for comparing: a gray copy and the size of the original in pixels."""

    gray: Gray
    width_px: int
    height_px: int

    @property
    def scale(self) -> float:
        """Pixels of the gray copy for one of the original."""
        return float(self.gray.shape[1]) / self.width_px


def pixels(rgb: Any) -> Pixels:
    """The gray copy of a decoded picture (a PIL image)."""
    width_px, height_px = rgb.size
    gray = np.asarray(rgb.convert('L'), dtype=np.uint8)
    scale = WORK_PX / max(width_px, height_px)
    if scale < 1:
        size = (max(1, round(width_px * scale)), max(1, round(height_px * scale)))
        gray = cv2.resize(gray, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    return Pixels(gray, width_px, height_px)


def locate(original: Pixels, crop: Pixels, stated: Sequence[Box], *, search: bool = True) -> Place | None:
    """Finds the place of a crop.

    Args:
        original: the question's picture.
        crop: the returned picture.
        stated: boxes that the code cuts, in order; the last ones are the likelier.
        search: whether to look for it where no stated box agrees.
    """
    unsure: Box | None = None
    for box in reversed(stated):
        likeness = _likeness(original, crop, box)
        if likeness is None:
            unsure = unsure or (box if _same_shape(crop, box) else None)
        elif likeness >= _AGREES:
            return Place(box, How.CODE)
    if _same_shape(crop, (0, 0, original.width_px, original.height_px)):
        likeness = _likeness(original, crop, (0, 0, original.width_px, original.height_px))
        if likeness is not None and likeness >= _AGREES:
            return Place((0, 0, original.width_px, original.height_px), How.WHOLE)
    if search and crop.gray.std() >= _FLAT:
        found = _search(original, crop)
        if found is not None:
            return Place(found, How.MATCH)
    return Place(unsure, How.STATED) if unsure is not None else None


def _likeness(original: Pixels, crop: Pixels, box: Box) -> float | None:
    """Correlation of the crop with what is in the box, either sign; None where there is too little to compare."""
    if not _same_shape(crop, box):
        return 0.0
    s = original.scale
    left, top, right, bottom = (round(edge * s) for edge in box)
    region = original.gray[top : max(bottom, top + 1), left : max(right, left + 1)]
    if min(region.shape) < _LEAST_PX or region.std() < _FLAT or crop.gray.std() < _FLAT:
        return None
    size = (_COMPARED_PX, _COMPARED_PX)
    a = cv2.resize(region, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    b = cv2.resize(crop.gray, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return abs(float(cv2.matchTemplate(a, b, cv2.TM_CCOEFF_NORMED)[0, 0]))


def _same_shape(crop: Pixels, box: Box) -> bool:
    aspect = (box[2] - box[0]) / (box[3] - box[1])
    return 0.8 < aspect / (crop.width_px / crop.height_px) < 1.25


def _search(original: Pixels, crop: Pixels) -> Box | None:
    best, place = _FOUND, None
    height, width = original.gray.shape
    for zoom in _ZOOMS:
        w, h = (round(side / zoom * original.scale) for side in (crop.width_px, crop.height_px))
        if min(w, h) < _LEAST_PX or w > width or h > height:
            continue
        small = cv2.resize(crop.gray, (w, h), interpolation=cv2.INTER_AREA)
        if small.std() < _FLAT:
            continue
        _, score, _, (x, y) = cv2.minMaxLoc(cv2.matchTemplate(original.gray, small, cv2.TM_CCOEFF_NORMED))
        if score > best:
            best, place = score, (x, y, x + w, y + h)
    if place is None:
        return None
    s = original.scale
    left, top, right, bottom = (round(edge / s) for edge in place)
    right, bottom = min(right, original.width_px), min(bottom, original.height_px)
    if (right - left) * (bottom - top) > _WHOLE * original.width_px * original.height_px:
        return None
    return left, top, right, bottom
