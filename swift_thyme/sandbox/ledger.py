"""Counts what repairs are worth: success as written, success after repair, and which repair helped."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass

from ..types import Outcome, SandboxResult


@dataclass(frozen=True)
class LedgerState:
    """The counts at one moment."""

    snippets: int
    succeeded_raw: int
    """Would have succeeded as the model wrote them (where a repair's effect on success is known)."""
    succeeded: int
    """Succeeded after repair."""
    repairs: dict[str, int]
    """Repair → snippets it changed."""
    seen: dict[str, int]
    """Repair → snippets it would have changed, in mode `report`."""
    helped: dict[str, int]
    """Repair → snippets that succeeded with it and would not have without."""


class Ledger:
    """Counts results; usable from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._repairs: Counter[str] = Counter()
        self._seen: Counter[str] = Counter()
        self._helped: Counter[str] = Counter()

    def add(self, result: SandboxResult) -> None:
        """Counts one result."""
        succeeded = result.outcome is Outcome.OK
        with self._lock:
            self._counts['snippets'] += 1
            self._counts['succeeded'] += succeeded
            self._counts['raw'] += succeeded and result.raw_outcome is None
            self._repairs.update(result.repairs)
            self._seen.update(result.repairs_seen)
            if succeeded and result.raw_outcome is not None:
                self._helped.update(result.repairs)

    def state(self) -> LedgerState:
        """A copy of the counts."""
        with self._lock:
            return LedgerState(
                self._counts['snippets'],
                self._counts['raw'],
                self._counts['succeeded'],
                dict(self._repairs),
                dict(self._seen),
                dict(self._helped),
            )
