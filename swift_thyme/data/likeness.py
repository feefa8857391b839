"""Whether two pictures show the same, though their files differ: perceptual hash, and mean difference for flat ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

_SIDE_PX = 64
_KEPT = 8
MAX_DISTANCE = 10
"""Bits of 64 in which the hashes of one picture saved twice may differ (JPEG at other qualities stays below)."""
MAX_DIFFERENCE = 6.0
"""Mean absolute grey difference, 0–255, up to which pictures are alike whatever their hashes say: nearly flat ones."""
MAX_STRETCH = 1.1
"""Quotient of the aspect ratios up to which pictures are alike."""


def look(path: Path) -> tuple[NDArray[np.float32], float]:
    """A picture in small: grey, `_SIDE_PX` squared, and its aspect ratio.

    Raises:
        OSError: it cannot be read.
    """
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise OSError(f'{path} is not a picture')
    small = cv2.resize(image, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    return small, image.shape[1] / image.shape[0]


def hash_bits(small: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The perceptual hash: which of the 64 lowest frequencies lie above their median."""
    low = cv2.dct(small)[:_KEPT, :_KEPT].ravel()
    return np.asarray(low > np.median(low[1:]))


def distance(first: Path, second: Path) -> int:
    """How far two pictures are apart, in bits of 64; 0 for alike by mean difference, 64 for another shape.

    Raises:
        OSError: one cannot be read.
    """
    (a, ratio_a), (b, ratio_b) = look(first), look(second)
    if max(ratio_a, ratio_b) > min(ratio_a, ratio_b) * MAX_STRETCH:
        return _KEPT * _KEPT
    if float(np.abs(a - b).mean()) <= MAX_DIFFERENCE:
        return 0
    return int(np.count_nonzero(hash_bits(a) != hash_bits(b)))


def alike(got: Sequence[Path], stored: Sequence[Path]) -> tuple[bool, list[int]]:
    """Compares pictures one by one.

    Returns:
        Whether there are as many and all are alike, and the distance of each pair.

    Raises:
        OSError: one cannot be read.
    """
    distances = [distance(a, b) for a, b in zip(got, stored, strict=False)]
    return len(got) == len(stored) and all(bits <= MAX_DISTANCE for bits in distances), distances
