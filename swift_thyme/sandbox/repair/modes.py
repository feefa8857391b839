"""Names and modes of the repairs, which of them one snippet met, and what it would have come to without them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

from ...errors import ConfigError
from ...types import Outcome


class Repair(str, Enum):
    """Every repair by the name under which results report it.

    By default a repair touches only what would fail or give a picture that is of no use; the mode `paper` does more.
    """

    INDENTATION = 'indentation'
    """A snippet that does not parse for its indentation is re-indented."""
    IMAGE_PATH = 'image_path'
    """A path to nothing becomes the input picture: where it has that picture's file name, or `image_path` is set to it.

    `paper`: any picture path that cannot be read.
    """
    CLAMP = 'clamp'
    """A crop of which most lies outside of the picture, or whose negative start leaves nothing, ends at the edge.

    `paper`: every crop over the edge, and four numbers in a variable named like a box or coordinates.
    """
    MIN_CROP = 'min_crop'
    """A crop too small to be returned is widened to 64 px around its centre in the file that is returned.

    `paper`: every crop under 64 px a side, when it is cut.
    """
    CV_ALIAS = 'cv_alias'
    """`cv`, `cv3`, `cv4` become `cv2` where nothing else has that name."""
    FLOAT_FORMAT = 'float_format'
    """`:.Nf` becomes `:.8f`. Release only."""


class Mode(str, Enum):
    """What is done about one repair."""

    OFF = 'off'
    REPORT = 'report'
    """The result says that it would have applied; the snippet runs as written."""
    ON = 'on'
    PAPER = 'paper'
    """As the paper does it, also where the code is right as it is."""


DEFAULT_MODES: Mapping[Repair, Mode] = {
    repair: Mode.OFF if repair is Repair.FLOAT_FORMAT else Mode.ON for repair in Repair
}
LIKE_PAPER = (Repair.IMAGE_PATH, Repair.CLAMP, Repair.MIN_CROP)
"""Repairs that have the mode `paper`; `THYME_REPAIRS=paper` puts them all into it."""

_WITHOUT = {
    Repair.INDENTATION: Outcome.CODE_ERROR,
    Repair.IMAGE_PATH: Outcome.CODE_ERROR,
    Repair.CV_ALIAS: Outcome.CODE_ERROR,
    Repair.CLAMP: Outcome.BAD_IMAGE,
    Repair.MIN_CROP: Outcome.BAD_IMAGE,
}


class Log:
    """Answers whether a repair is to be made, and remembers that it was asked for. At first, none is."""

    def __init__(self) -> None:
        self._modes = dict.fromkeys(Repair, Mode.OFF)
        self.begin()

    def choose(self, modes: Mapping[str, str]) -> None:
        """Sets what is done.

        Args:
            modes: repair → mode, complete (`resolve`).
        """
        self._modes = {Repair(name): Mode(mode) for name, mode in modes.items()}

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


def resolve(modes: Mapping[str, str]) -> dict[str, str]:
    """Fills defaults in.

    Args:
        modes: repair → mode, by name.

    Raises:
        ConfigError: a repair or mode does not exist.
    """
    result = {repair.value: mode.value for repair, mode in DEFAULT_MODES.items()}
    for name, mode in modes.items():
        known = name in result and mode in [m.value for m in Mode]
        if not known or (mode == Mode.PAPER.value and Repair(name) not in LIKE_PAPER):
            raise ConfigError(
                f'repair {name}={mode} is not known; expected one of {", ".join(result)} with off, report or on '
                f'(or paper, for {", ".join(repair.value for repair in LIKE_PAPER)}); set THYME_REPAIRS'
            )
        result[name] = mode
    return result


def known_repairs(names: str) -> tuple[str, ...]:
    """The repairs in a space-separated list that a session's process sent; anything else in it is dropped."""
    known = {repair.value for repair in Repair}
    return tuple(name for name in dict.fromkeys(names.split()[:64]) if name in known)


def outcome_without(repairs: Iterable[str], outcome: Outcome, modes: Mapping[str, str]) -> Outcome | None:
    """What a snippet would have come to without its repairs, where that is known to differ from `outcome`.

    Args:
        repairs: that were made.
        outcome: with them.
        modes: repair → mode; of one made as the paper makes it, it is not known whether it was needed.
    """
    if outcome is not Outcome.OK:
        return None
    needed = [Repair(name) for name in repairs if modes.get(name) != Mode.PAPER.value]
    without = [_WITHOUT[repair] for repair in needed if repair in _WITHOUT]
    return Outcome.CODE_ERROR if Outcome.CODE_ERROR in without else without[0] if without else None
