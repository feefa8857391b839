"""Counts and histograms of a set: per shard, added up over shards, and the same whichever order the shards came in."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from ...types import Outcome
from ..rows import PreparedRow, Verdict


def _labels(edges: Sequence[float], step: int = 0) -> list[str]:
    """Names of bins by their lower edges; `step` 1 for whole numbers. The last bin is open."""
    named = [f'{a:g}' if step and b == a + 1 else f'{a:g} – {b - step:g}' for a, b in pairwise(edges)]
    return [*named, f'{edges[-1]:g} or more']


_COUNTS = (0, 1, 2, 3, 4, 6, 11)
_MEGAPIXELS = (0, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16)
_KIB = (0, 32, 64, 128, 256, 512, 1024, 2048, 4096)
_CHARS = (0, 1000, 2000, 4000, 8000, 16000, 32000)
HISTOGRAMS = {
    'pictures': ('Pictures in a row', _COUNTS, _labels(_COUNTS, 1)),
    'megapixels': ('Size of a picture, megapixels', _MEGAPIXELS, _labels(_MEGAPIXELS)),
    'picture_kib': ('Mean file size of a row’s pictures, KiB', _KIB, _labels(_KIB)),
    'rounds': ('Code blocks in a response', _COUNTS, _labels(_COUNTS, 1)),
    'characters': ('Characters of a conversation', _CHARS, _labels(_CHARS)),
}
"""Name → title, lower edges of the bins, names of the bins."""


@dataclass
class Tally:
    """What a shard, or a set, holds."""

    rows: int = 0
    """Read from the source."""
    pictures: int = 0
    """References to pictures in kept rows; a picture that several rows share counts for each."""
    seconds: float = 0.0
    """Of worker time."""
    sandbox_failures: int = 0
    """Rows without a verdict because the sandbox failed. The next run tries them again."""
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
    verdicts: Counter[str] = field(default_factory=Counter)
    """Rows whose code was run, dropped ones too, per verdict."""
    blocks: Counter[str] = field(default_factory=Counter)
    """Code blocks of these that did what the row says `as_written`, or `repaired`, or `failed`."""
    repairs: Counter[str] = field(default_factory=Counter)
    """Rows per repair that changed one of their blocks."""
    failures: Counter[str] = field(default_factory=Counter)
    """Rows per outcome and error."""
    histograms: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in HISTOGRAMS})

    def observe(self, name: str, value: float) -> None:
        """Counts one value in a histogram."""
        _, edges, labels = HISTOGRAMS[name]
        self.histograms[name][labels[max(0, bisect_right(edges, value) - 1)]] += 1

    def count_row(self, row: PreparedRow) -> None:
        """Adds a row that is kept."""
        self.kept[row.split.value] += 1
        self.fixes.update(fix.value for fix in row.fixes)
        self.carried.update(row.carried)
        self.ignored.update(row.ignored)
        self.pictures += len(row.sizes)
        self.observe('pictures', len(row.sizes))
        self.observe('rounds', row.rounds)
        self.observe('characters', row.chars)
        for width_px, height_px in row.sizes:
            self.observe('megapixels', width_px * height_px / 1e6)
        if row.sizes:
            self.observe('picture_kib', row.picture_bytes / len(row.sizes) / 1024)

    def count_report(self, report: Mapping[str, Any]) -> None:
        """Adds what certification says of a row."""
        self.verdicts[report['verdict']] += 1
        self.blocks.update(_how_it_ran(block) for block in report['blocks'])
        self.repairs.update({name for block in report['blocks'] for name in block['repairs']})
        if report['verdict'] == Verdict.FAILED.value:
            last = report['blocks'][-1]
            self.failures[': '.join(filter(None, (last['outcome'], last['error'].split(' (line')[0][:90])))] += 1

    def add(self, other: Tally) -> None:
        """Adds another tally to this one."""
        for name, its in vars(other).items():
            if name != 'histograms':
                setattr(self, name, getattr(self, name) + its)
        for name, counts in other.histograms.items():
            self.histograms[name].update(counts)

    @property
    def rows_kept(self) -> int:
        """Of all splits."""
        return sum(self.kept.values())

    @property
    def rows_rejected(self) -> int:
        """For all reasons."""
        return sum(self.rejected.values())

    def as_json(self) -> dict[str, Any]:
        """Plain values, for files; counts from the largest."""
        plain = {
            name: dict(sorted(value.items(), key=lambda item: (-item[1], item[0])))
            if isinstance(value, Counter)
            else value
            for name, value in vars(self).items()
        }
        histograms = {
            name: {label: self.histograms[name][label] for label in labels}
            for name, (_, _, labels) in HISTOGRAMS.items()
        }
        return {**plain, 'seconds': round(self.seconds, 3), 'histograms': histograms}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Tally:
        """The inverse of `as_json`."""
        counters = {name: Counter(each) for name, each in value.items() if isinstance(each, dict)}
        histograms = {name: Counter(each) for name, each in value['histograms'].items()}
        return cls(**{**value, **counters, 'histograms': histograms})


def _how_it_ran(block: Mapping[str, Any]) -> str:
    if block['outcome'] != Outcome.OK.value and not block['as_stored']:
        return 'failed'
    return 'repaired' if block['repairs'] else 'as_written'


def total(tallies: Iterable[Tally]) -> Tally:
    """The sum of tallies."""
    everything = Tally()
    for tally in tallies:
        everything.add(tally)
    return everything
