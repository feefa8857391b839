"""Settings: frozen dataclasses, each readable from environment variables. The only reader of `os.environ`.

Every class has a `from_env` that names the variable in its error. Values given in code win over the environment.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from .errors import ConfigError

T = TypeVar('T')


def read_env(name: str, parse: Callable[[str], T], default: T, env: Mapping[str, str] | None = None) -> T:
    """Reads one variable.

    Args:
        name: the variable's name.
        parse: turns its text into a value; a ValueError it raises becomes a ConfigError that names the variable.
        default: used when the variable is not set or empty.
        env: where to look; the process's environment by default.

    Raises:
        ConfigError: the text does not parse.
    """
    raw = (os.environ if env is None else env).get(name, '')
    if not raw.strip():
        return default
    try:
        return parse(raw.strip())
    except ValueError as error:
        raise ConfigError(f'{name} cannot be read: got {raw!r}: {error}; set it to a value like {default!r}') from error


def parse_bool(text: str) -> bool:
    """Reads `1/true/yes/on` and `0/false/no/off`, in any case."""
    value = text.lower()
    if value in ('1', 'true', 'yes', 'on'):
        return True
    if value in ('0', 'false', 'no', 'off'):
        return False
    raise ValueError('expected true or false')


@dataclass(frozen=True)
class SamplingSettings:
    """Adaptive temperature sampling."""

    adaptive: bool = True
    """`THYME_ATS`: whether code is sampled at its own temperature at all."""
    code_temperature: float = 0.0
    """`THYME_CODE_TEMPERATURE`: temperature inside code; 0 takes the most likely token. Paper: 0."""

    def __post_init__(self) -> None:
        if not 0 <= self.code_temperature < float('inf'):
            raise ConfigError(
                f'code temperature must be >= 0 and finite, got {self.code_temperature}; set THYME_CODE_TEMPERATURE=0 '
                'for the paper\'s setting'
            )

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> SamplingSettings:
        """Reads `THYME_ATS` and `THYME_CODE_TEMPERATURE`."""
        return cls(
            adaptive=read_env('THYME_ATS', parse_bool, cls.adaptive, env),
            code_temperature=read_env('THYME_CODE_TEMPERATURE', float, cls.code_temperature, env),
        )

    def scale(self, text_temperature: float) -> float:
        """What logits at the text temperature are multiplied by inside code; infinity for a code temperature of 0."""
        return text_temperature / self.code_temperature if self.code_temperature > 0 else float('inf')


@dataclass(frozen=True)
class RolloutSettings:
    """Bounds of a training rollout that the host has no flag for."""

    max_images: int = 10
    """`THYME_MAX_IMAGES`: pictures returned by code over one trajectory. Release: 10."""
    repetition_share: float = 0.5
    """`THYME_REPETITION_SHARE`: a generation that copies of one substring cover beyond this share ends. Paper: 0.5."""
    image_dir: str = ''
    """`THYME_IMAGE_DIR`: where returned pictures are kept; empty: a temporary directory of the process."""

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> RolloutSettings:
        """Reads the variables named at the fields."""
        return cls(
            max_images=read_env('THYME_MAX_IMAGES', int, cls.max_images, env),
            repetition_share=read_env('THYME_REPETITION_SHARE', float, cls.repetition_share, env),
            image_dir=read_env('THYME_IMAGE_DIR', str, cls.image_dir, env),
        )
