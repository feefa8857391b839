"""Names and modes of the repairs, and what a snippet would have come to without them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

from ...errors import ConfigError
from ...types import Outcome


class Repair(str, Enum):
    """Every repair by the name under which results report it."""

    INDENTATION = 'indentation'
    """A snippet that does not parse for its indentation is re-indented."""
    IMAGE_PATH = 'image_path'
    """A picture path that does not exist becomes the input picture."""
    CLAMP = 'clamp'
    """Boxes and slices that reach over the picture's edge end at it."""
    MIN_CROP = 'min_crop'
    """A crop with a side under 64 px is widened around its centre."""
    CV_ALIAS = 'cv_alias'
    """`cv`, `cv3`, `cv4` become `cv2` where nothing else has that name."""
    TEMP_DIR = 'temp_dir'
    """The directory that released data saves to becomes the session's."""
    FLOAT_FORMAT = 'float_format'
    """`:.Nf` becomes `:.8f`. Release only."""


class Mode(str, Enum):
    """What is done about one repair."""

    OFF = 'off'
    REPORT = 'report'
    """The result says that it would have applied; the snippet runs as written."""
    ON = 'on'


DEFAULT_MODES: Mapping[Repair, Mode] = {
    repair: Mode.OFF if repair is Repair.FLOAT_FORMAT else Mode.ON for repair in Repair
}

_WITHOUT = {
    Repair.INDENTATION: Outcome.CODE_ERROR,
    Repair.IMAGE_PATH: Outcome.CODE_ERROR,
    Repair.CV_ALIAS: Outcome.CODE_ERROR,
    Repair.TEMP_DIR: Outcome.BAD_IMAGE,
}


def resolve(modes: Mapping[str, str]) -> dict[str, str]:
    """Fills defaults in.

    Args:
        modes: repair → mode, by name.

    Raises:
        ConfigError: a repair or mode does not exist.
    """
    result = {repair.value: mode.value for repair, mode in DEFAULT_MODES.items()}
    for name, mode in modes.items():
        if name not in result or mode not in [m.value for m in Mode]:
            raise ConfigError(
                f'repair {name}={mode} is not known; expected one of {", ".join(result)} with off, report or on; '
                'set THYME_REPAIRS'
            )
        result[name] = mode
    return result


def known_repairs(names: str) -> list[str]:
    """The repairs in a space-separated list that a session's process sent; anything else in it is dropped."""
    known = {repair.value for repair in Repair}
    return [name for name in dict.fromkeys(names.split()[:64]) if name in known]


def outcome_without(repairs: Iterable[str], outcome: Outcome) -> Outcome | None:
    """What a snippet would have come to without its repairs, where that is known to differ from `outcome`."""
    if outcome is not Outcome.OK:
        return None
    without = [_WITHOUT[Repair(name)] for name in repairs if Repair(name) in _WITHOUT]
    return Outcome.CODE_ERROR if Outcome.CODE_ERROR in without else without[0] if without else None
