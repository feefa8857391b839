"""How much the tool caused: shares of items by what they need to be solved.

Owns the definitions. An item counts once, whatever its number of repeats; see `evaluate.statistics` for the intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from ..evaluate.conditions import Condition
from ..evaluate.figures import ALL_TASKS, tasks_of
from ..evaluate.grading import Mark
from ..evaluate.statistics import Estimate, share
from ..trajectories import Record
from .crops import WHOLE, Crop, best

Cell = Mapping[Condition, float]
"""One item and repeat: condition → 1 right, 0 not."""
ON, OFF, BLANK, WRONG = Condition.TOOLS, Condition.NO_TOOLS, Condition.BLANK, Condition.WRONG


class _Shares:
    """Figures of an audit, most of them estimates."""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: v.as_json() if isinstance(v, Estimate) else v for name, v in vars(self).items()}


@dataclass(frozen=True)
class Effects(_Shares):
    """Shares of items, of one task or of all."""

    task: str
    only_with: Estimate | None
    """Solved with tools, not without."""
    harmed: Estimate | None
    """Solved without tools, not with."""
    either_way: Estimate | None
    """Solved both with and without."""
    neither: Estimate | None
    also_without: Estimate | None
    """Of those solved with tools: also solved without. arXiv 2606.02357 reports 96 % for the released model."""
    needs_picture: Estimate | None
    """Solved with tools, not when the returned pictures are blanked."""
    misled: Estimate | None
    """Solved with tools, not when the returned pictures show something else."""
    caused: Estimate | None
    """Solved with tools, and under none of the three other conditions: what the pictures showed caused the answer."""


@dataclass(frozen=True)
class Aim(_Shares):
    """Whether the crops showed the target, over items whose target's box is known."""

    pictures: int
    """Returned by code, with tools on."""
    placed: Mapping[str, int]
    """How their places were found → pictures."""
    not_placed: int
    no_picture: Estimate | None
    """Share of items with a box for which code returned no picture."""
    whole_target: Estimate | None
    """Share of items whose best crop shows the whole target; of those with a placed picture."""
    coverage: Estimate | None
    """Mean share of the target that the best crop shows."""
    iou: Estimate | None
    right_when_seen: Estimate | None
    """Accuracy where the whole target was shown."""
    right_when_missed: Estimate | None
    """Accuracy where it was not."""


def effects(records: Sequence[Record], level: float) -> list[Effects]:
    """The shares over all items, then by task."""
    return [_effects(cells(records, task), task, level) for task in [ALL_TASKS, *tasks_of(records)]]


def cells(records: Sequence[Record], task: str = ALL_TASKS) -> dict[str, list[Cell]]:
    """Item → one cell a repeat, with the conditions that were graded."""
    found: dict[str, dict[int, dict[Condition, float]]] = {}
    for record in records:
        score = Mark(record.verdict).score
        if score is not None and task in (ALL_TASKS, record.task):
            repeats = found.setdefault(record.item_id, {})
            repeats.setdefault(record.repeat or 0, {})[Condition(record.condition)] = score
    return {item: list(repeats.values()) for item, repeats in found.items()}


def _effects(found: Mapping[str, Sequence[Cell]], task: str, level: float) -> Effects:
    def of(holds: Callable[[Cell], bool], *needed: Condition) -> Estimate | None:
        return share_of(found, holds, needed, level)

    solved = {item: [cell for cell in cells if cell.get(ON)] for item, cells in found.items()}
    return Effects(
        task=task,
        only_with=of(lambda c: c[ON] > c[OFF], ON, OFF),
        harmed=of(lambda c: c[ON] < c[OFF], ON, OFF),
        either_way=of(lambda c: bool(c[ON] and c[OFF]), ON, OFF),
        neither=of(lambda c: not (c[ON] or c[OFF]), ON, OFF),
        also_without=share_of(solved, lambda c: bool(c[OFF]), (OFF,), level),
        needs_picture=of(lambda c: c[ON] > c[BLANK], ON, BLANK),
        misled=of(lambda c: c[ON] > c[WRONG], ON, WRONG),
        caused=of(lambda c: c[ON] > max(c[OFF], c[BLANK], c[WRONG]), ON, OFF, BLANK, WRONG),
    )


def share_of(
    found: Mapping[str, Sequence[Cell]], holds: Callable[[Cell], bool], needed: Sequence[Condition], level: float
) -> Estimate | None:
    """The share of items for which something holds, of those that have all needed conditions."""
    complete = {i: [cell for cell in cells if all(c in cell for c in needed)] for i, cells in found.items()}
    return share({item: [float(holds(cell)) for cell in cells] for item, cells in complete.items()}, level)


def chance_of_change(records: Sequence[Record]) -> float | None:
    """How often an item solved in one repeat with tools is not solved in another: what "only with" shows by chance.

    Returns:
        A share of items; None with one repeat.
    """
    found = []
    for repeats in cells(records).values():
        scores = [cell[ON] for cell in repeats if ON in cell]
        if len(scores) > 1:
            p = fmean(scores)
            found.append(p * (1 - p) * len(scores) / (len(scores) - 1))
    return fmean(found) if found else None


def aim(records: Sequence[Record], crops: Sequence[Sequence[Crop]], level: float) -> Aim:
    """Whether the crops showed the target.

    Args:
        records: trajectories with tools on.
        crops: of each record.
        level: of confidence.
    """
    placed: dict[str, int] = {}
    for crop in (crop for some in crops for crop in some if crop.by is not None):
        placed[crop.by.value] = placed.get(crop.by.value, 0) + 1  # type: ignore[union-attr]
    boxed = [(record, list(some)) for record, some in zip(records, crops, strict=True) if record.box]
    best_ones = [(record, one) for record, some in boxed if (one := best(some)) is not None]

    def mean(values: Sequence[tuple[Record, float | None]]) -> Estimate | None:
        found: dict[str, list[float]] = {}
        for record, value in values:
            if value is not None:
                found.setdefault(record.item_id, []).append(value)
        return share(found, level)

    seen = [(record, (crop.coverage or 0) >= WHOLE) for record, crop in best_ones]
    return Aim(
        pictures=sum(len(some) for some in crops),
        placed=placed,
        not_placed=sum(crop.region is None for some in crops for crop in some),
        no_picture=mean([(record, float(not some)) for record, some in boxed]),
        whole_target=mean([(record, float(whole)) for record, whole in seen]),
        coverage=mean([(record, crop.coverage) for record, crop in best_ones]),
        iou=mean([(record, crop.iou) for record, crop in best_ones]),
        right_when_seen=mean([(record, Mark(record.verdict).score) for record, whole in seen if whole]),
        right_when_missed=mean([(record, Mark(record.verdict).score) for record, whole in seen if not whole]),
    )
