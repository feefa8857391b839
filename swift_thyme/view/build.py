"""Building the page from records, one chunk at a time, in bounded memory.

Owns the order of work: count pictures, then read records, locate crops, write chunks with the pictures they are the
first to show, and the index at the end. What the file looks like inside is `page`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from ..crops.locate import CropPlace, Locator, Pixels
from ..errors import DataError
from ..trajectories import Problem, Record, read_records
from .blocks import Decode, shown
from .index import Index
from .page import PageWriter
from .pictures import PagePictures, Shown, reference_key

CHUNK = 50
"""Trajectories that are compressed together and decoded together."""
_MAX_PROBLEMS = 50
"""Problems that the page lists."""


@dataclass(frozen=True)
class ViewOptions:
    """What the page shows and how large it may be."""

    title: str = 'Trajectories'
    max_image_px: int = 1280
    """Longest side of an embedded picture."""
    max_mb: float = 200.0
    """Size of all embedded pictures together, MB of the file."""
    limit: int | None = None
    """Trajectories, from the first; None: all."""
    searches: int = 2000
    """Crops that are searched for in the picture where the code does not state a box."""
    decode: Decode | None = None
    """For token views: ids → the text of each."""


@dataclass(frozen=True)
class Built:
    """What was written."""

    path: Path
    trajectories: int
    pictures: int
    pictures_left_out: int
    """Over the budget."""
    problems: tuple[Problem, ...]
    """Lines that could not be read."""

    @property
    def size_bytes(self) -> int:
        """Of the file."""
        return self.path.stat().st_size


def build_page(paths: Sequence[Path], out: Path, options: ViewOptions = ViewOptions()) -> Built:
    """Writes the page.

    Args:
        paths: files and folders with trajectories of any kind that `trajectories.read_records` reads.
        out: the HTML file.
        options: see there.

    Raises:
        DataError: a path does not exist, or nothing below the paths is a trajectory.
    """
    problems: list[Problem] = []
    expected = _count_pictures(_records(paths, options, []))
    store = PagePictures(
        options.max_image_px, int(options.max_mb * 1e6 * 3 / 4), expected, workers=max(2, os.cpu_count() or 2)
    )
    builder = _Builder(store, options)
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        with PageWriter(out, title=options.title) as page:
            records = _records(paths, options, problems)
            while batch := list(islice(records, CHUNK)):
                page.chunk(*builder.chunk(batch))
            if not builder.index.size:
                raise DataError(_nothing(paths, problems))
            page.finish(builder.index.as_json(CHUNK), [[p.where, p.message] for p in problems[:_MAX_PROBLEMS]])
    finally:
        store.close()
    return Built(out, builder.index.size, page.pictures, store.left_out, tuple(problems))


def _records(paths: Sequence[Path], options: ViewOptions, problems: list[Problem]) -> Iterator[Record]:
    found = (record for path in paths for record in read_records(path, problems.append))
    return islice(found, options.limit)


def _count_pictures(records: Iterator[Record]) -> int:
    names: set[int] = set()
    for record in records:
        for reference in (*record.images, *(image for turn in record.turns for image in turn.images)):
            names.add(hash(reference_key(reference, record.folder)))
    return len(names)


def _nothing(paths: Sequence[Path], problems: Sequence[Problem]) -> str:
    shown_paths = ', '.join(map(str, paths))
    why = f' ({len(problems)} lines could not be read; the first: {problems[0].message})' if problems else ''
    return (
        f'no trajectory found: got {shown_paths}{why}; expected saved trajectories (OUTPUT_DIR/trajectories, '
        f"trajectory.json), the host's completions.jsonl, or the release's vis.json; check the path"
    )


@dataclass
class _Builder:
    """Turns batches of records into chunks."""

    store: PagePictures
    options: ViewOptions
    index: Index = field(default_factory=Index)
    _searches: int = 0
    _shown: set[str] = field(default_factory=set)

    def chunk(self, batch: Sequence[Record]) -> tuple[list[dict[str, Any]], dict[str, bytes]]:
        """The JSON of a batch and the pictures that no earlier chunk held."""
        asked = [self._ask(record) for record in batch]
        placing = [
            self.store.pool.submit(self._locate, record, *pictures)
            for record, pictures in zip(batch, asked, strict=True)
        ]
        values, new = [], {}
        for record, (originals, returned), places in zip(batch, asked, placing, strict=True):
            value = shown(record, decode=self.options.decode)
            value['images'] = [_picture(f.result()) for f in originals]
            for turn, futures, where in zip(value['turns'], returned, places.result(), strict=True):
                turn['images'] = [_picture(f.result(), w) for f, w in zip(futures, where, strict=True)]
            for future in (*originals, *(f for futures in returned for f in futures)):
                picture = future.result()
                if picture.jpeg and picture.key not in self._shown:
                    self._shown.add(picture.key)
                    new[picture.key] = picture.jpeg
            values.append(value)
            self.index.add(record, value)
        self.store.forget()
        return values, new

    def _ask(self, record: Record) -> tuple[list[Future[Shown]], list[list[Future[Shown]]]]:
        originals = [self.store.ask(image, record.folder) for image in record.images]
        return originals, [[self.store.ask(image, record.folder) for image in turn.images] for turn in record.turns]

    def _locate(
        self, record: Record, originals: list[Future[Shown]], returned: list[list[Future[Shown]]]
    ) -> list[list[tuple[int, CropPlace] | None]]:
        """For each returned picture of each turn: which of the question's pictures, and where on it."""
        grays = [self._gray(future) for future in originals]
        locators = [(i, Locator(gray)) for i, gray in enumerate(grays) if gray is not None]
        out: list[list[tuple[int, CropPlace] | None]] = []
        for turn, futures in zip(record.turns, returned, strict=True):
            pictures = [self._gray(future) for future in futures]
            known = [(n, picture) for n, picture in enumerate(pictures) if picture is not None]
            found: list[tuple[int, CropPlace] | None] = [None] * len(futures)
            for i, locator in locators:
                self._searches += len(known)
                search = self._searches <= self.options.searches
                places = locator.locate(turn.code or '', [picture for _, picture in known], search=search)
                for (n, _), place in zip(known, places, strict=True):
                    found[n] = found[n] or (None if place is None else (i, place))
            out.append(found)
        return out

    def _gray(self, future: Future[Shown]) -> Pixels | None:
        key = future.result().key
        return self.store.gray(key) if key else None


def _picture(shown_picture: Shown, place: tuple[int, CropPlace] | None = None) -> dict[str, Any]:
    value: dict[str, Any] = {'w': shown_picture.width_px, 'h': shown_picture.height_px}
    if shown_picture.key:
        value['key'] = shown_picture.key
    if shown_picture.message:
        value['message'] = shown_picture.message
    if place is not None:
        value['place'] = {'of': place[0], 'box': place[1].box, 'how': place[1].by.value}
    return value
