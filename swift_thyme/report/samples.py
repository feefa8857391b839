"""A few trajectories from the begin, the middle and the end of a run. Owns which ones, and their static form."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..picture import data_url
from ..trajectories import Fate, Record, read_records
from ..view.blocks import shown
from ..view.pictures import PagePictures, Shown
from .tally import RunTally

PICTURE_PX = 420
PICTURE_BYTES = 4_000_000
"""Of all pictures of a run together."""
_EXPECTED = 24


def choose(path: Path, tally: RunTally) -> list[dict[str, Any]]:
    """The best and the worst trajectory of the first, the middle and the last step.

    Args:
        path: the run's trajectories.
        tally: of the same.

    Returns:
        Of each `when` (`begin`, `middle` or `end`), `step`, and `value`: `view.blocks.shown`, pictures as data URLs.
    """
    steps = list(tally.steps)
    wanted: dict[int, str] = {}
    for when, at in (('begin', 0), ('end', len(steps) - 1), ('middle', len(steps) // 2)):
        if steps:
            wanted.setdefault(steps[at], when)
    extremes: dict[int, list[Record]] = {}
    for record in read_records(path, on_problem=lambda problem: None):
        step = record.logged_step or 0
        if step in wanted and record.fate is not Fate.THROWN_AWAY:
            extremes[step] = _best_and_worst([*extremes.get(step, []), record])
    store = PagePictures(PICTURE_PX, PICTURE_BYTES, _EXPECTED)
    try:
        return [
            {'when': wanted[step], 'step': step, 'value': _static(record, store)}
            for step in sorted(extremes)
            for record in extremes[step]
        ]
    finally:
        store.close()


def _best_and_worst(records: list[Record]) -> list[Record]:
    best = max(records, key=_reward)
    worst = min(records, key=_reward)
    return [best] if worst is best or len(records) == 1 else [best, worst]


def _reward(record: Record) -> tuple[float, int]:
    values = [value for value in record.rewards.values() if value is not None and math.isfinite(value)]
    return sum(values), record.code_ok


def _static(record: Record, store: PagePictures) -> dict[str, Any]:
    value = shown(record)
    value['images'] = list(_pictures(record.images, record.folder, store))
    for turn, recorded in zip(value['turns'], record.turns, strict=True):
        turn['images'] = list(_pictures(recorded.images, record.folder, store))
        turn['blocks'] = [_block(block) for block in turn['blocks']]
    return value


def _pictures(references: tuple[str, ...], folder: Path, store: PagePictures) -> Iterator[dict[str, Any]]:
    for future in [store.ask(reference, folder) for reference in references]:
        found: Shown = future.result()
        url = data_url(found.jpeg) if found.jpeg else ''
        yield {'url': url, 'message': found.message, 'size': f'{found.width_px}×{found.height_px}'}


def _block(block: list[Any]) -> dict[str, Any]:
    kind = {'w': 'words', 'g': 'tag', 'a': 'answer', 'm': 'forged', 'c': 'code'}[block[0]]
    if kind != 'code':
        return {'kind': kind, 'text': block[1]}
    _, before, runs, after = block
    return {'kind': kind, 'before': before, 'after': after, 'runs': list(zip(runs[::2], runs[1::2], strict=True))}
