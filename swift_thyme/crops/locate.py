"""Where in the question's picture a returned picture was cut from, by what the code names and the pixels show.

Cheap first. Regions that the code names must look like the returned picture (correlation of either sign, in four
right-angle turns); then the whole picture. Only then a search: local features of the named regions (other turns,
strong contrast), the crop at the zooms that code commonly uses, features of the whole picture. A picture that nothing
of this finds has no place. Works on gray copies: a place that was searched for is right to about a four-hundredth of
the picture's longer side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..sandbox.repair.runtime import widen
from .regions import Region, RegionReader

Gray = NDArray[np.uint8]
"""Shape (height, width)."""

WORK_PX = 400
"""Longer side of the gray copies between which crops are searched for."""
_FINE_PX = 2400
"""Longer side of a gray copy that is read from a file: features of small crops need more than `WORK_PX`."""
_COMPARED_PX = 96
"""Side to which pictures are shrunk to be compared."""
_ALIKE, _FOUND = 0.85, 0.9
"""Least correlation of a named region and a picture that shows it, and of a match that is taken for the place."""
_ZOOMS = (1.0, 2.0, 3.0, 4.0, 1.5, 5.0, 2.5, 6.0, 8.0, 0.5)
_LEAST_PX = 10
_FLAT = 3.0
"""Standard deviation of gray levels below which a picture holds nothing to compare."""
_WHOLE = 0.97
"""From this share of the picture's area on, a match is the picture itself."""
_MIN_MATCHES = 8
"""Features that must agree on one place, scale and turn."""
_RATIO = 0.75
"""Lowe's ratio: a feature must be this much closer to its match than to the next best."""
_MAX_FEATURES = 4000

Features = tuple[Sequence[Any], Any]
"""Key points and their descriptors."""


class FoundBy(str, Enum):
    """How a place is known."""

    CODE = 'code'
    """The code names the region, and its pixels correlate with the returned picture."""
    WHOLE = 'whole'
    """It is the whole picture, resized or changed in colour."""
    FEATURES_NEAR = 'features in the named region'
    """The code names the region, and features of it reappear in the returned picture (turned, stretched)."""
    MATCH = 'match'
    """The crop was found in the picture, at one of the common zooms."""
    FEATURES = 'features in the whole picture'
    STATED = 'stated'
    """The code names the region; the pictures are too small or too plain to tell."""


@dataclass(frozen=True)
class CropPlace:
    """A returned picture's place on the question's, px of the latter."""

    region: Region
    by: FoundBy

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The region in whole pixels."""
        left, top, right, bottom = (round(side) for side in self.region)
        return left, top, right, bottom


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

    @property
    def plain(self) -> bool:
        """Whether it is too small or too even to be compared."""
        return min(self.gray.shape) < _LEAST_PX or float(self.gray.std()) < _FLAT

    @cached_property
    def features(self) -> Features:
        """Its local features; none in a picture of a few pixels."""
        if min(self.gray.shape) < 8:
            return (), None
        return cv2.SIFT_create(nfeatures=_MAX_FEATURES).detectAndCompute(self.gray, None)  # type: ignore[attr-defined, no-any-return]

    def turned(self, turns: int) -> Pixels:
        """Turned by right angles."""
        sides = (self.width_px, self.height_px) if turns % 2 == 0 else (self.height_px, self.width_px)
        return Pixels(np.rot90(self.gray, turns), *sides)

    def cut(self, region: Region) -> Pixels:
        """A part of it, at least a pixel of the gray copy."""
        left, top, right, bottom = (round(side * self.scale) for side in region)
        part = self.gray[top : max(bottom, top + 1), left : max(right, left + 1)]
        return Pixels(part, max(1, round(region[2] - region[0])), max(1, round(region[3] - region[1])))


def pixels(rgb: Any) -> Pixels:
    """The small gray copy of a decoded picture (a PIL image)."""
    return Pixels(_shrunk(np.asarray(rgb.convert('L'), dtype=np.uint8), WORK_PX), *rgb.size)


def read_pixels(path: Path) -> Pixels:
    """The gray copy of a picture file; one that cannot be read is a black pixel, which is found nowhere."""
    found = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_GRAYSCALE) if path.is_file() else None
    gray = np.zeros((1, 1), np.uint8) if found is None else np.asarray(found, np.uint8)
    return Pixels(_shrunk(gray, _FINE_PX), gray.shape[1], gray.shape[0])


def _shrunk(gray: Gray, longer_px: int) -> Gray:
    scale = longer_px / max(gray.shape)
    if scale >= 1:
        return gray
    size = (max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale)))
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)


@dataclass
class Locator:
    """Finds the returned pictures of one trajectory, in order, on one picture of the question."""

    original: Pixels
    _reader: RegionReader = field(init=False)
    _known: list[tuple[Region, float]] = field(default_factory=list)
    """Places found so far, with the scale of their pictures."""
    _named: list[Region] = field(default_factory=list)
    """Regions named in earlier rounds: a later one may return them turned or enlarged."""

    def __post_init__(self) -> None:
        self._reader = RegionReader(self.original.width_px, self.original.height_px)

    def locate(self, code: str, returned: Sequence[Pixels], *, search: bool = True) -> list[CropPlace | None]:
        """The places of the pictures that one snippet returned.

        Args:
            code: the snippet.
            returned: its pictures, in order.
            search: whether to look for those that neither a named region nor the whole picture explains.

        Returns:
            One entry a picture; None where no place was found.
        """
        regions = self._reader.regions(code)
        candidates = list(self._candidates([*reversed(regions), *reversed(self._named)]))
        self._named += regions
        places = [self._place(picture, candidates, search) for picture in returned]
        for place, picture in zip(places, returned, strict=True):
            if place is not None and place.by is not FoundBy.WHOLE:
                self._known.append((place.region, picture.width_px / (place.region[2] - place.region[0])))
        return places

    def _place(self, picture: Pixels, candidates: Sequence[Region], search: bool) -> CropPlace | None:
        cuts = [(region, self.original.cut(region)) for region in candidates]
        rated = [(alike(cut, picture), region) for region, cut in cuts if not (cut.plain or picture.plain)]
        likeness, region = max(rated, key=lambda pair: pair[0], default=(0.0, None))
        if region is not None and likeness >= _ALIKE:
            return CropPlace(region, FoundBy.CODE)
        whole = (0.0, 0.0, float(self.original.width_px), float(self.original.height_px))
        if not picture.plain and alike(self.original, picture) >= _ALIKE:
            return CropPlace(whole, FoundBy.WHOLE)
        if search and not picture.plain:
            near = (region for region, cut in cuts if agree(cut.features, picture.features) is not None)
            if (region := next(near, None)) is not None:
                return CropPlace(region, FoundBy.FEATURES_NEAR)
            if (region := self._match(picture)) is not None:
                return CropPlace(region, FoundBy.MATCH)
            if (region := self._features(picture)) is not None:
                return CropPlace(region, FoundBy.FEATURES)
        unsure = (region for region, cut in cuts if (cut.plain or picture.plain) and _same_shape(cut, picture))
        region = next(unsure, None)
        return CropPlace(region, FoundBy.STATED) if region is not None else None

    def _candidates(self, regions: Iterable[Region]) -> Iterator[Region]:
        """What the code may mean by its regions: places on the question's picture, or on one returned before."""
        width, height = self.original.width_px, self.original.height_px
        bases = [((0.0, 0.0, float(width), float(height)), 1.0), *reversed(self._known)]
        seen: set[Region] = set()
        named = list(regions)
        for (left, top, _, _), scale in bases:
            for region in [*named, *_nested(named)]:
                moved = (
                    left + region[0] / scale, top + region[1] / scale, left + region[2] / scale, top + region[3] / scale
                )  # fmt: skip
                for variant in (moved, _grown(moved, width, height)):
                    clipped = _clipped(variant, width, height)
                    if clipped is not None and clipped not in seen:
                        seen.add(clipped)
                        yield clipped

    @cached_property
    def _small(self) -> Gray:
        return _shrunk(self.original.gray, WORK_PX)

    def _match(self, picture: Pixels) -> Region | None:
        best, place = _FOUND, None
        height, width = self._small.shape
        scale = width / self.original.width_px
        for zoom in _ZOOMS:
            w, h = (round(side / zoom * scale) for side in (picture.width_px, picture.height_px))
            if min(w, h) < _LEAST_PX or w > width or h > height:
                continue
            small = cv2.resize(picture.gray, (w, h), interpolation=cv2.INTER_AREA)
            if small.std() < _FLAT:
                continue
            _, score, _, (x, y) = cv2.minMaxLoc(cv2.matchTemplate(self._small, small, cv2.TM_CCOEFF_NORMED))
            if score > best:
                best, place = score, (x / scale, y / scale, (x + w) / scale, (y + h) / scale)
        return None if place is None else self._part(place)

    def _features(self, picture: Pixels) -> Region | None:
        corners = agree(self.original.features, picture.features, picture.gray.shape)
        if corners is None:
            return None
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        s = self.original.scale
        return self._part((float(left) / s, float(top) / s, float(right) / s, float(bottom) / s))

    def _part(self, region: Region) -> Region | None:
        """A region that was found, cut at the picture's edges; None where it is the picture itself."""
        part = _clipped(region, self.original.width_px, self.original.height_px)
        area = self.original.width_px * self.original.height_px
        return part if part and (part[2] - part[0]) * (part[3] - part[1]) <= _WHOLE * area else None


def alike(region: Pixels, picture: Pixels) -> float:
    """The best correlation of two pictures over four right-angle turns, either sign, 0 to 1; 0 where one is plain."""
    return max(_correlation(region.turned(turns), picture) for turns in range(4))


def _correlation(region: Pixels, picture: Pixels) -> float:
    if not _same_shape(region, picture):
        return 0.0
    side = (_COMPARED_PX, _COMPARED_PX)
    a, b = (
        cv2.resize(np.ascontiguousarray(one.gray), side, interpolation=cv2.INTER_AREA).astype(np.float32)
        for one in (region, picture)
    )
    return 0.0 if a.std() < _FLAT or b.std() < _FLAT else abs(float(np.corrcoef(a.ravel(), b.ravel())[0, 1]))


def _same_shape(region: Pixels, picture: Pixels) -> bool:
    return 0.85 < (region.width_px / region.height_px) / (picture.width_px / picture.height_px) < 1.18


def agree(there: Features, here: Features, shape: tuple[int, ...] = (1, 1)) -> NDArray[np.float64] | None:
    """Whether features agree on one place, scale and turn.

    Args:
        there: features of the picture that is searched.
        here: of the one that is looked for.
        shape: height and width of the latter.

    Returns:
        Its four corners on the former, shape (4, 2); None where they do not agree.
    """
    if here[1] is None or there[1] is None or len(here[0]) < _MIN_MATCHES or len(there[0]) < 2:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(here[1], there[1], k=2)
    good = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < _RATIO * pair[1].distance]
    if len(good) < _MIN_MATCHES:
        return None
    source = np.array([here[0][match.queryIdx].pt for match in good])
    target = np.array([there[0][match.trainIdx].pt for match in good])
    matrix, inliers = cv2.estimateAffinePartial2D(source, target, ransacReprojThreshold=4.0)
    if matrix is None or int(inliers.sum()) < max(_MIN_MATCHES, len(good) // 3):
        return None
    height, width = shape[:2]
    corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]], np.float64)
    return np.asarray(corners @ matrix.T, np.float64)


def _nested(regions: Sequence[Region]) -> Iterator[Region]:
    """A region cut out of another one."""
    for outer in regions:
        for inner in regions:
            if inner[2] <= outer[2] - outer[0] and inner[3] <= outer[3] - outer[1] and inner != outer:
                yield outer[0] + inner[0], outer[1] + inner[1], outer[0] + inner[2], outer[1] + inner[3]


def _grown(region: Region, width: int, height: int) -> Region:
    """As the sandbox's repair makes it of a crop below the least side."""
    left, right = widen(int(region[0]), int(region[2]), width)
    top, bottom = widen(int(region[1]), int(region[3]), height)
    return float(left), float(top), float(right), float(bottom)


def _clipped(region: Region, width: float, height: float) -> Region | None:
    left, top, right, bottom = max(0.0, region[0]), max(0.0, region[1]), min(width, region[2]), min(height, region[3])
    return (left, top, right, bottom) if right - left >= 2 and bottom - top >= 2 else None
