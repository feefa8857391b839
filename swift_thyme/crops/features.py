"""Where on the question's picture a returned picture comes from, by its pixels.

Regions that the code names are tried first and must look like the returned picture (correlation, in four right-angle
turns; then local features, for other turns and strong contrast). Where none does, features are searched for in the
whole picture. A picture that nothing of this finds stays without a place and is counted apart, never as a miss.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..sandbox.repair.runtime import widen
from .regions import Region, RegionReader

Gray = NDArray[np.uint8]
"""Shape (height, width)."""

_SAMPLE_PX = 96
"""Side to which pictures are shrunk to be compared."""
_ALIKE = 0.85
"""Least correlation of a region and a picture that shows it; contrast and brightness do not count."""
_MIN_MATCHES = 8
"""Features that must agree on one place, scale and turn."""
_RATIO = 0.75
"""Lowe's ratio: a feature must be this much closer to its match than to the next best."""
_MAX_FEATURES = 4000
_WHOLE_PX = 2400
"""Longer side to which the whole picture is shrunk for the last search."""


class FoundBy(str, Enum):
    """How a place was found."""

    CODE = 'code'
    """The code names the region, and its pixels correlate with the returned picture."""
    FEATURES_NEAR = 'features in the named region'
    """The code names the region, and features of it reappear in the returned picture (turned, stretched)."""
    FEATURES = 'features in the whole picture'


@dataclass(frozen=True)
class Place:
    """A returned picture's place on the question's."""

    region: Region
    by: FoundBy


@dataclass
class Locator:
    """Finds the returned pictures of one trajectory, in order."""

    original: Path
    _whole: Gray = field(init=False)
    _reader: RegionReader = field(init=False)
    _known: list[tuple[Region, float]] = field(default_factory=list)
    """Places found so far, with the scale of their pictures."""
    _named: list[Region] = field(default_factory=list)
    """Regions named in earlier rounds: a later one may return them turned or enlarged."""
    _features: tuple[Sequence[Any], Any] | None = None

    def __post_init__(self) -> None:
        self._whole = read_gray(self.original)
        self._reader = RegionReader(self._whole.shape[1], self._whole.shape[0])

    def locate(self, code: str, returned: Sequence[Path]) -> list[Place | None]:
        """The places of the pictures that one snippet returned.

        Args:
            code: the snippet.
            returned: files, in order.

        Returns:
            One entry a picture; None where no place was found.
        """
        regions = self._reader.regions(code)
        candidates = list(self._candidates([*reversed(regions), *reversed(self._named)]))
        self._named += regions
        places = [self._place(read_gray(path), candidates) for path in returned]
        for place, path in zip(places, returned, strict=True):
            if place is not None:
                self._known.append((place.region, read_gray(path).shape[1] / (place.region[2] - place.region[0])))
        return places

    def _place(self, picture: Gray, candidates: Sequence[Region]) -> Place | None:
        rated = [(alike(self._cut(region), picture), region) for region in candidates]
        good = max(rated, key=lambda pair: pair[0], default=(0.0, None))
        if good[1] is not None and good[0] >= _ALIKE:
            return Place(good[1], FoundBy.CODE)
        for region in candidates:
            if agree(_features(self._cut(region)), _features(picture)) is not None:
                return Place(region, FoundBy.FEATURES_NEAR)
        found = self._search(picture)
        return Place(found, FoundBy.FEATURES) if found is not None else None

    def _candidates(self, regions: Iterable[Region]) -> Iterator[Region]:
        """What the code may mean by its regions: places on the question's picture, or on one returned before."""
        height, width = self._whole.shape
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

    def _cut(self, region: Region) -> Gray:
        left, top, right, bottom = (round(side) for side in region)
        return self._whole[top:bottom, left:right]

    def _search(self, picture: Gray) -> Region | None:
        shrink = min(1.0, _WHOLE_PX / max(self._whole.shape))
        if self._features is None:
            small = cv2.resize(self._whole, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
            self._features = _features(np.asarray(small, np.uint8))
        corners = agree(self._features, _features(picture), picture.shape)
        if corners is None:
            return None
        left, top = corners.min(axis=0) / shrink
        right, bottom = corners.max(axis=0) / shrink
        height, width = self._whole.shape
        return _clipped((float(left), float(top), float(right), float(bottom)), width, height)


def read_gray(path: Path) -> Gray:
    """A picture in grey values; one that cannot be read is a black pixel, which is found nowhere."""
    found = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_GRAYSCALE) if path.is_file() else None
    return np.zeros((1, 1), np.uint8) if found is None else np.asarray(found, np.uint8)


def alike(region: Gray, picture: Gray) -> float:
    """The best correlation of two pictures over four right-angle turns, -1 to 1; 0 where one is plain."""
    return max(_correlation(np.rot90(region, turns), picture) for turns in range(4))


def _correlation(first: NDArray[np.uint8], second: Gray) -> float:
    ratio = (first.shape[1] / first.shape[0]) / (second.shape[1] / second.shape[0])
    if not 0.9 < ratio < 1.1:
        return 0.0
    side = (_SAMPLE_PX, _SAMPLE_PX)
    a, b = (
        cv2.resize(np.ascontiguousarray(p), side, interpolation=cv2.INTER_AREA).astype(np.float64)
        for p in (first, second)
    )
    a -= a.mean()
    b -= b.mean()
    spread = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum() / spread) if spread > 1e-6 else 0.0


def _features(picture: Gray) -> tuple[Sequence[Any], Any]:
    if min(picture.shape) < 8:
        return (), None
    points, descriptors = cv2.SIFT_create(nfeatures=_MAX_FEATURES).detectAndCompute(picture, None)  # type: ignore[attr-defined]
    return points, descriptors


def agree(
    there: tuple[Sequence[Any], Any], here: tuple[Sequence[Any], Any], shape: tuple[int, ...] = (1, 1)
) -> NDArray[np.float64] | None:
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
