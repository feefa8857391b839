"""Settings: frozen dataclasses, each readable from environment variables. The only reader of `os.environ`.

Every class has a `from_env` that names the variable in its error. Values given in code win over the environment.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
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
