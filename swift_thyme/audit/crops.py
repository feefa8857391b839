"""Did the crops show the target? Overlap of returned pictures with the target's box, where both are known.

Owns the overlap. `crops.locate` finds where a returned picture comes from; a place that only the code states does not
count here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..crops.locate import FoundBy, Locator, read_pixels
from ..crops.regions import Region
from ..evaluate.items import Box
from ..trajectories import Record

WHOLE = 0.99
"""From this share of the target's area on, a crop shows the whole target."""


@dataclass(frozen=True)
class Crop:
    """One returned picture."""

    picture: str
    """As the record names it."""
    region: Region | None
    """On the question's picture; None where it was not found."""
    by: FoundBy | None
    coverage: float | None
    """Share of the target's area that it shows, 0 to 1; None without a box or a place."""
    iou: float | None
    """Intersection over union with the target."""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        region = [round(side, 1) for side in self.region] if self.region else None
        by = self.by.value if self.by else None
        return {'picture': self.picture, 'region': region, 'by': by, 'coverage': self.coverage, 'iou': self.iou}


def crops_of(record: Record) -> list[Crop]:
    """The returned pictures of a trajectory, in order, with their places and overlaps.

    Args:
        record: a saved trajectory of an evaluation.
    """
    if not record.images or not any(turn.images for turn in record.turns):
        return []
    return list(_located(record, Locator(read_pixels(record.folder / record.images[0]))))


def _located(record: Record, locator: Locator) -> Iterator[Crop]:
    box = record.box
    for turn in record.turns:
        pictures = turn.images
        places = locator.locate(turn.code or '', [read_pixels(record.folder / picture) for picture in pictures])
        for picture, found in zip(pictures, places, strict=True):
            place = found if found is not None and found.by is not FoundBy.STATED else None
            known = place is not None and box is not None
            yield Crop(
                picture,
                place.region if place else None,
                place.by if place else None,
                coverage(place.region, box) if known else None,  # type: ignore[union-attr, arg-type]
                iou(place.region, box) if known else None,  # type: ignore[union-attr, arg-type]
            )


def coverage(region: Region, box: Box) -> float:
    """Share of the box's area inside the region."""
    return _shared(region, box) / _area(box)


def iou(region: Region, box: Box) -> float:
    """Area of the intersection over that of the union."""
    shared = _shared(region, box)
    return shared / (_area(region) + _area(box) - shared)


def best(crops: list[Crop]) -> Crop | None:
    """The crop that shows most of the target, of several the tightest; None where no overlap is known."""
    known = [crop for crop in crops if crop.coverage is not None]
    return max(known, key=lambda crop: (round(crop.coverage or 0, 2), crop.iou or 0), default=None)


def _shared(region: Region, box: Box) -> float:
    width = min(region[2], box[2]) - max(region[0], box[0])
    height = min(region[3], box[3]) - max(region[1], box[1])
    return max(0.0, width) * max(0.0, height)


def _area(region: Region) -> float:
    return (region[2] - region[0]) * (region[3] - region[1])
