"""What an audit found, as one value: made by `run`, told by `report`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from ..evaluate.summary import Summary
from ..trajectories import Record
from .crops import Crop
from .effects import Aim, Effects

AUDIT_SCHEMA = 1


@dataclass(frozen=True)
class Audit:
    """What an audit found."""

    summary: Summary
    """Accuracy by condition and what the policy did: as of an evaluation."""
    effects: tuple[Effects, ...]
    """Over all items, then by task."""
    aim: Aim
    chance: float | None
    """How often "only with" would be seen by chance; None with one repeat."""
    records: Sequence[Record]
    crops: Mapping[tuple[str, int], Sequence[Crop]]
    """Item and repeat → the returned pictures with tools on."""

    def as_json(self) -> dict[str, Any]:
        """Plain values: what `audit.json` holds."""
        return {
            'schema': AUDIT_SCHEMA,
            'effects': msgspec.to_builtins(self.effects),
            'aim': msgspec.to_builtins(self.aim),
            'chance_of_change': self.chance,
            'evaluation': self.summary.as_json(),
        }
