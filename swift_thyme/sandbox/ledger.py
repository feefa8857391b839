"""Counts what repairs are worth: success as written, success after repair, and which repair helped."""

from __future__ import annotations

import copy
import threading
from collections import Counter
from dataclasses import dataclass, field

from ..types import Outcome, SandboxResult


@dataclass
class LedgerState:
    """The counts at one moment."""

    snippets: int = 0
    succeeded_raw: int = 0
    """Would have succeeded as the model wrote them (where a repair's effect on success is known)."""
    succeeded: int = 0
    """Succeeded after repair."""
    repairs: Counter[str] = field(default_factory=Counter)
    """Repair → snippets it changed."""
    seen: Counter[str] = field(default_factory=Counter)
    """Repair → snippets it would have changed, in mode `report`."""
    helped: Counter[str] = field(default_factory=Counter)
    """Repair → snippets that succeeded with it and would not have without."""


class Ledger:
    """Counts results; usable from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = LedgerState()

    def add(self, result: SandboxResult) -> None:
        """Counts one result."""
        succeeded, needed = result.outcome is Outcome.OK, result.raw_outcome is not None
        with self._lock:
            self._state.snippets += 1
            self._state.succeeded += succeeded
            self._state.succeeded_raw += succeeded and not needed
            self._state.repairs.update(result.repairs)
            self._state.seen.update(result.repairs_seen)
            self._state.helped.update(result.repairs if succeeded and needed else ())

    def state(self) -> LedgerState:
        """A copy of the counts."""
        with self._lock:
            return copy.deepcopy(self._state)
