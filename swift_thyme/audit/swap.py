"""What the model is shown in place of a returned picture: nothing, or something else.

Owns the two interventions. Both keep number and size of the pictures; printed text is never changed. The swapped
picture is kept beside the real one, and its `source` says what it is.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from PIL import Image

from ..evaluate.conditions import Condition
from ..evaluate.items import Box, Item, derived
from ..evaluate.runner import Attempt
from ..infer.thinker import Intervene
from ..types import SandboxImage, SandboxResult

GREY = (127, 127, 127)
_SHRINK = (0.5, 0.35, 0.25, 0.15)
"""Sides of the region shown as a wrong picture, relative to the returned picture's: it is enlarged, as crops are."""
_TRIES = 64
_LEAST_SIDE_PX = 16


@dataclass(frozen=True)
class Swaps:
    """The interventions of one audit."""

    items: Sequence[Item]
    seed: int

    def __call__(self, attempt: Attempt) -> Intervene | None:
        """The intervention of an attempt; None where pictures are shown as they are."""
        if attempt.condition not in (Condition.BLANK, Condition.WRONG):
            return None

        numbers = count()

        def intervene(result: SandboxResult) -> SandboxResult:
            images = tuple(self._swap(attempt, image, next(numbers)) for image in result.images)
            return replace(result, images=images)

        return intervene

    def _swap(self, attempt: Attempt, image: SandboxImage, number: int) -> SandboxImage:
        size = (image.width_px, image.height_px)
        shown, source = None, 'audit: grey'
        if attempt.condition is Condition.WRONG:
            rng = random.Random(derived(self.seed, 'wrong', attempt.item.id, attempt.repeat, number))
            shown, source = self._wrong(attempt.item, size, rng)
        shown = shown or Image.new('RGB', size, GREY)
        path = Path(image.path)
        path = path.with_name(f'{path.stem}.{attempt.condition.value}.png')
        shown.save(path)
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        return SandboxImage(str(path), *size, content, source)

    def _wrong(self, item: Item, size: tuple[int, int], rng: random.Random) -> tuple[Image.Image | None, str]:
        """A region elsewhere in the same picture where the target's place is known; else of another item's picture."""
        own = item.images[0].path if item.images else None
        if own is not None and item.box is not None:
            region = elsewhere(_size_of(own), size, item.box, rng)
            if region is not None:
                return _cut(own, region, size), f'audit: {region} of the same picture, target {item.box}'
        others = sorted({i.images[0].path for i in self.items if i.images and i.images[0].path != own})
        if not others:
            return None, 'audit: grey, no other picture'
        other = rng.choice(others)
        region = elsewhere(_size_of(other), size, None, rng)
        if region is None:
            return None, 'audit: grey, no room in another picture'
        return _cut(other, region, size), f'audit: {region} of {other.name}'


def elsewhere(whole: tuple[int, int], size: tuple[int, int], avoid: Box | None, rng: random.Random) -> Box | None:
    """A region of a picture, in the shape of a returned one.

    Args:
        whole: width and height of the picture, pixels.
        size: of the returned picture.
        avoid: what it must not touch.
        rng: chooses the place.

    Returns:
        The region; None where none fits.
    """
    fit = min(1.0, 2 * whole[0] / size[0], 2 * whole[1] / size[1])
    for shrink in _SHRINK:
        width, height = (max(_LEAST_SIDE_PX, round(side * shrink * fit)) for side in size)
        if width > whole[0] or height > whole[1]:
            continue
        for _ in range(_TRIES):
            left, top = rng.randint(0, whole[0] - width), rng.randint(0, whole[1] - height)
            region = (left, top, left + width, top + height)
            if avoid is None or not overlaps(region, avoid):
                return region
    return None


def overlaps(first: Box, second: Box) -> bool:
    """Whether two boxes share a pixel."""
    return first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]


def _size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        size: tuple[int, int] = image.size
        return size


def _cut(path: Path, region: Box, size: tuple[int, int]) -> Image.Image:
    with Image.open(path) as image:
        cut: Image.Image = image.convert('RGB').crop(region).resize(size, Image.Resampling.BICUBIC)
        return cut
