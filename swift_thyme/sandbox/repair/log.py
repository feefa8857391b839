"""Which repairs one snippet met."""

from __future__ import annotations

from collections.abc import Mapping

from .modes import Mode, Repair

_REPAIRS = {repair.value: repair for repair in Repair}
_MODES = {mode.value: mode for mode in Mode}


class Log:
    """Answers whether a repair is to be made, and remembers that it was asked for. At first, none is."""

    def __init__(self) -> None:
        self._modes = dict.fromkeys(Repair, Mode.OFF)
        self.begin()

    def choose(self, modes: Mapping[str, str]) -> None:
        """Sets what is done.

        Args:
            modes: repair → mode, complete (`modes.resolve`).
        """
        self._modes = {_REPAIRS[name]: _MODES[mode] for name, mode in modes.items()}

    def begin(self) -> None:
        """Forgets the snippet before."""
        self.made: list[str] = []
        self.seen: list[str] = []

    def enabled(self, repair: Repair) -> bool:
        """Whether looking for it is worth the time."""
        return self._modes[repair] is not Mode.OFF

    def wants(self, repair: Repair) -> bool:
        """Notes that a repair applies; True when it is to be made."""
        mode = self._modes[repair]
        noted = self.seen if mode is Mode.REPORT else self.made
        if mode is not Mode.OFF and repair.value not in noted:
            noted.append(repair.value)
        return mode in (Mode.ON, Mode.PAPER)

    def as_paper(self, repair: Repair) -> bool:
        """Whether it is made wherever the paper makes it, not only where a snippet would fail."""
        return self._modes[repair] is Mode.PAPER
