"""What share of a finished set can be read without a tool, under any budget and any limits.

Owns the recount. The rows state what was drawn; nothing is rendered again.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from .difficulty import Legibility
from .rows import Row
from .types import Box, Target
from .writers import MANIFEST, read_canonical


def readable_shares(rows: Iterable[Row], legibility: Legibility) -> dict[str, tuple[int, float]]:
    """Counts a set's rows by task.

    Args:
        rows: canonical rows.
        legibility: pixel budget and limits.

    Returns:
        Task → number of rows and the share of them that is readable without a tool, 0 to 1; `all` is the whole set.
    """
    found: dict[str, list[bool]] = defaultdict(list)
    for row in rows:
        readable = legibility.readable(_target(row), _number(row['width']), _number(row['height']))
        found[str(row['task'])].append(readable)
        found['all'].append(readable)
    return {task: (len(each), sum(each) / len(each)) for task, each in sorted(found.items())}


def share_of_set(folder: Path) -> tuple[int, float, int] | None:
    """What of a finished set can be read without a tool at the budget it was made for.

    Args:
        folder: of the set.

    Returns:
        Rows that have a detail to find, the share of them that is readable, 0 to 1, and the budget, pixels; None
        without such rows, or where the set does not say how it was made.
    """
    if not (folder / MANIFEST).is_file():
        return None
    order = json.loads((folder / MANIFEST).read_text(encoding='utf-8'))['order']
    rows = (row for row in read_canonical(folder) if row['detail_px'] is not None)
    counted = readable_shares(rows, Legibility(order['max_pixels'])).get('all')
    return None if counted is None else (*counted, order['max_pixels'])


def _target(row: Row) -> Target | None:
    if row['detail_px'] is None:
        return None
    box = row['box'] if isinstance(row['box'], list) else (0, 0, _number(row['width']), _number(row['height']))
    contrast = row['contrast']
    assert isinstance(contrast, (int, float))
    return Target(Box(*box), _number(row['detail_px']), _number(row['rotation_deg']), float(contrast))


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value
