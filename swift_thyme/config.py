"""Settings: frozen dataclasses, each readable from environment variables. The only reader of `os.environ`.

Every class has a `from_env` that names the variable in its error. Values given in code win over the environment.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
class SandboxSettings:
    """How model-written code is run. Limits of one session are `sandbox.Limits`; these choose between them."""

    timeout_s: float = 10.0
    """Wall clock of one snippet, seconds. `THYME_EXEC_TIMEOUT_S`. Paper: 10."""
    memory_mib: int = 4096
    """`THYME_SANDBOX_MEMORY_MIB`."""
    images: int = 10
    """Pictures accepted over one trajectory. `THYME_SANDBOX_IMAGES`. Release: 10."""
    rollback: bool = True
    """A snippet that fails leaves variables and files as they were. `THYME_SANDBOX_ROLLBACK`."""
    base_dir: str | None = None
    """Where session directories are made. `THYME_SANDBOX_DIR`; a memory file system with room by default."""
    allow_tier_c: bool = False
    """Run without confinement of paths where the machine has none. `THYME_SANDBOX_ALLOW_TIER_C`. Unsafe."""
    repairs: Mapping[str, str] = field(default_factory=dict)
    """Repair → `off`, `report` or `on`; the others keep their default. `THYME_REPAIRS`, as `clamp=off,temp_dir=on`."""

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> SandboxSettings:
        """Reads the variables named under each field.

        Raises:
            ConfigError: a value does not parse.
        """
        default = cls()
        return cls(
            timeout_s=read_env('THYME_EXEC_TIMEOUT_S', _parse_positive, default.timeout_s, env),
            memory_mib=read_env('THYME_SANDBOX_MEMORY_MIB', int, default.memory_mib, env),
            images=read_env('THYME_SANDBOX_IMAGES', int, default.images, env),
            rollback=read_env('THYME_SANDBOX_ROLLBACK', parse_bool, default.rollback, env),
            base_dir=read_env('THYME_SANDBOX_DIR', str, '', env) or None,
            allow_tier_c=read_env('THYME_SANDBOX_ALLOW_TIER_C', parse_bool, default.allow_tier_c, env),
            repairs=read_env('THYME_REPAIRS', _parse_repairs, {}, env),
        )


def _parse_positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float('inf'):
        raise ValueError('expected a number > 0')
    return value


def _parse_repairs(text: str) -> dict[str, str]:
    modes = {}
    for entry in text.split(','):
        name, _, mode = entry.strip().partition('=')
        if mode not in ('off', 'report', 'on'):
            raise ValueError(f'{entry.strip()!r} is not NAME=off|report|on')
        modes[name] = mode
    return modes
