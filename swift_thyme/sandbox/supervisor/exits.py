"""How processes ended, as their reapers say (the zygote, or the supervisor itself), told to whoever asked."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

_MOST_KEPT = 256


class Exits:
    """Wait statuses by pid."""

    def __init__(self) -> None:
        self._asked: dict[int, Callable[[int], None]] = {}
        self._kept: OrderedDict[int, int] = OrderedDict()

    def born(self, pid: int) -> None:
        """A process was just made: what was noted of this pid is of another, long ago."""
        self._kept.pop(pid, None)

    def note(self, pid: int, status: int) -> None:
        """A process ended."""
        tell = self._asked.pop(pid, None)
        if tell is not None:
            tell(status)
            return
        self._kept[pid] = status
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)

    def ask(self, pid: int, tell: Callable[[int], None]) -> None:
        """Calls `tell` with the status once the process ended; at once when it just did."""
        status = self._kept.pop(pid, None)
        if status is None:
            self._asked[pid] = tell
        else:
            tell(status)

    def forget(self, pid: int) -> None:
        """Nobody asks any more."""
        self._asked.pop(pid, None)
