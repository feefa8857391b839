"""Counts and histograms of a set: per shard, added up over shards, and the same whichever order the shards came in."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..rows import Split

EDGES: dict[str, tuple[float, ...]] = {
    'pictures': (0, 1, 2, 3, 4, 6, 11),
    'megapixels': (0, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16),
    'picture_kib': (0, 32, 64, 128, 256, 512, 1024, 2048, 4096),
    'rounds': (0, 1, 2, 3, 4, 6),
    'characters': (0, 1000, 2000, 4000, 8000, 16000, 32000),
}
"""Lower edges of each histogram's bins; the last bin is open. Pictures and rounds count rows, megapixels count
pictures, `picture_kib` is the mean over a row's pictures."""

TITLES = {
    'pictures': 'Pictures in a row',
    'megapixels': 'Size of a picture, megapixels',
    'picture_kib': 'Mean file size of a row’s pictures, KiB',
    'rounds': 'Code blocks in a response',
    'characters': 'Characters of a conversation',
}


@dataclass(frozen=True)
class RowFact:
    """What the report needs of one kept row."""

    id: str
    split: Split
    pictures: tuple[tuple[int, int], ...]
    picture_bytes: int
    chars: int
    rounds: int
    fixes: tuple[str, ...]
    carried: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    def as_json(self) -> list[Any]:
        """Few bytes, for the state's folder."""
        columns = (self.carried, self.ignored)
        return [
            self.id,
            self.split.value,
            self.pictures,
            self.picture_bytes,
            self.chars,
            self.rounds,
            self.fixes,
            *columns,
        ]

    @classmethod
    def from_json(cls, value: list[Any]) -> RowFact:
        """The inverse of `as_json`."""
        key, split, pictures, size_bytes, chars, rounds, *names = value
        sizes = tuple((int(width), int(height)) for width, height in pictures)
        return cls(key, Split(split), sizes, size_bytes, chars, rounds, *map(tuple, names))


@dataclass
class Tally:
    """What a shard, or a set, holds."""

    rows: int = 0
    """Read from the source."""
    kept: Counter[str] = field(default_factory=Counter)
    """Per split."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Per reason."""
    fixes: Counter[str] = field(default_factory=Counter)
    """Kept rows per fix."""
    carried: Counter[str] = field(default_factory=Counter)
    """Kept rows per further column that goes with them, in `extra`."""
    ignored: Counter[str] = field(default_factory=Counter)
    """Kept rows per column that says something and is left out."""
    histograms: dict[str, list[int]] = field(default_factory=lambda: {name: [0] * len(e) for name, e in EDGES.items()})
    pictures: int = 0
    """References to pictures in kept rows; a picture that several rows share counts for each."""
    seconds: float = 0.0
    """Of worker time."""

    def observe(self, name: str, value: float) -> None:
        """Counts one value in a histogram."""
        self.histograms[name][max(0, bisect_right(EDGES[name], value) - 1)] += 1

    def add(self, other: Tally) -> None:
        """Adds another tally to this one."""
        self.rows += other.rows
        self.pictures += other.pictures
        self.seconds += other.seconds
        self.kept.update(other.kept)
        self.rejected.update(other.rejected)
        self.fixes.update(other.fixes)
        self.carried.update(other.carried)
        self.ignored.update(other.ignored)
        for name, counts in other.histograms.items():
            self.histograms[name] = [a + b for a, b in zip(self.histograms[name], counts, strict=True)]

    @property
    def rows_kept(self) -> int:
        """Of all splits."""
        return sum(self.kept.values())

    @property
    def rows_rejected(self) -> int:
        """For all reasons."""
        return sum(self.rejected.values())

    def as_json(self) -> dict[str, Any]:
        """Plain values, for files."""
        return {
            'rows': self.rows,
            'kept': dict(sorted(self.kept.items())),
            'rejected': dict(sorted(self.rejected.items())),
            'fixes': dict(sorted(self.fixes.items())),
            'carried': dict(sorted(self.carried.items())),
            'ignored': dict(sorted(self.ignored.items())),
            'histograms': self.histograms,
            'pictures': self.pictures,
            'seconds': round(self.seconds, 3),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Tally:
        """The inverse of `as_json`."""
        counters = {name: Counter(value[name]) for name in ('kept', 'rejected', 'fixes', 'carried', 'ignored')}
        return cls(
            rows=value['rows'],
            histograms=value['histograms'],
            pictures=value['pictures'],
            seconds=value['seconds'],
            **counters,
        )


def total(tallies: Iterable[Tally]) -> Tally:
    """The sum of tallies."""
    everything = Tally()
    for tally in tallies:
        everything.add(tally)
    return everything


def tally_of(facts: Sequence[RowFact], rows: int, rejected: Counter[str], seconds: float) -> Tally:
    """The tally of a shard, from the facts of the rows it keeps."""
    tally = Tally(rows=rows, rejected=rejected, seconds=seconds)
    for fact in facts:
        tally.kept[fact.split.value] += 1
        tally.fixes.update(fact.fixes)
        tally.carried.update(fact.carried)
        tally.ignored.update(fact.ignored)
        tally.pictures += len(fact.pictures)
        tally.observe('pictures', len(fact.pictures))
        tally.observe('rounds', fact.rounds)
        tally.observe('characters', fact.chars)
        for width_px, height_px in fact.pictures:
            tally.observe('megapixels', width_px * height_px / 1e6)
        if fact.pictures:
            tally.observe('picture_kib', fact.picture_bytes / len(fact.pictures) / 1024)
    return tally
