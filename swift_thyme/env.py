"""Reading environment variables: one variable, its kinds of value, and those of a job. The only reader of `os.environ`.

Owns how a variable becomes a value, and the error that names it; which variables there are is `config`'s and others'.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, field, fields
from enum import Enum
from pathlib import Path
from typing import TypeVar

from .errors import ConfigError

T = TypeVar('T')
S = TypeVar('S', bound='FromEnv')
_USERS = re.compile(r'[^/,\s\'"]+@')
"""Users and passwords that addresses name; no message shows them."""
_LOOPBACK = ('localhost', '127.0.0.1', '::1')


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
        what = _USERS.sub('***@', f'got {raw!r}: {error}')
        raise ConfigError(f'{name} cannot be read: {what}; set it to a value like {default!r}') from error


def setting(default: T, name: str, parse: Callable[[str], T]) -> T:
    """A field of a `FromEnv` dataclass that the variable `name` sets."""
    made: T = field(default=default, metadata={'env': (name, parse)})
    return made


class FromEnv:
    """A dataclass whose `setting` fields are read from environment variables."""

    @classmethod
    def from_env(cls: type[S], env: Mapping[str, str] | None = None) -> S:
        """Reads the variables named at the fields; the process's own by default.

        Raises:
            ConfigError: a variable has a value that cannot be used.
        """
        values = {}
        for one in fields(cls):  # type: ignore[arg-type]
            if 'env' in one.metadata:
                name, parse = one.metadata['env']
                values[one.name] = read_env(name, parse, {} if one.default is MISSING else one.default, env)
        return cls(**values)


def parse_bool(text: str) -> bool:
    """Reads `1/true/yes/on` and `0/false/no/off`, in any case."""
    value = text.lower()
    if value in ('1', 'true', 'yes', 'on'):
        return True
    if value in ('0', 'false', 'no', 'off'):
        return False
    raise ValueError('expected true or false')


def parse_words(text: str) -> tuple[str, ...]:
    """Reads a comma list; empty items are left out."""
    return tuple(item.strip() for item in text.split(',') if item.strip())


def number(low: float, high: float = float('inf')) -> Callable[[str], float]:
    """Makes a reader of numbers within bounds, both included."""
    return _within(float, low, high, 'a number')


def count(low: int, high: int = 1 << 30) -> Callable[[str], int]:
    """Makes a reader of whole numbers within bounds, both included."""
    return _within(int, low, high, 'a whole number')


N = TypeVar('N', int, float)


def _within(kind: Callable[[str], N], low: N, high: N, what: str) -> Callable[[str], N]:
    def parse(text: str) -> N:
        value = kind(text)
        if not low <= value <= high:
            raise ValueError(f'expected {what} from {low} to {high}')
        return value

    return parse


E = TypeVar('E', bound=Enum)


def argument(parse: Callable[[str], T]) -> Callable[[str], T]:
    """A reader for `argparse`, which shows what the reader expected only of errors of its own kind."""

    def read(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f'got {text!r}: {error}') from error

    return read


port = argument(count(0, 65535))
"""A port on the command line; 0 stands for a free one."""


def member(kind: type[E]) -> Callable[[str], E]:
    """Makes a reader of an enum's values, in any case."""

    def parse(text: str) -> E:
        try:
            return kind(text.lower())
        except ValueError:
            raise ValueError(f'expected one of {", ".join(m.value for m in kind)}') from None

    return parse


def job_env(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment with the lines of a `.deepspeed_env` file beneath it; variables that are set win.

    The file is DeepSpeed's way to hand variables to every node: `NAME=value` lines in `$DS_ENV_FILE`, or in
    `.deepspeed_env` of the working directory or the home directory. The launcher exports them on other nodes; reading
    the file here as well makes them hold for a job that was started without it.

    Raises:
        ConfigError: `DS_ENV_FILE` names a file that cannot be read, or a line has no `=`.
    """
    base = dict(os.environ if env is None else env)
    named = base.get('DS_ENV_FILE', '').strip()
    candidates = [Path(named).expanduser()] if named else [Path('.deepspeed_env'), Path.home() / '.deepspeed_env']
    path = next((p for p in candidates if p.is_file()), None)
    if path is None:
        if named:
            raise ConfigError(
                f'DS_ENV_FILE names no file: got {named!r}; expected a file of NAME=value lines; unset it'
            )
        return base
    found: dict[str, str] = {}
    for line_number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
        line = line.strip().removeprefix('export ').strip()
        if not line or line.startswith('#'):
            continue
        name, sign, value = line.partition('=')
        if not sign or not name.strip():
            raise ConfigError(
                f'{path}:{line_number} cannot be read: got {line!r}; expected NAME=value; correct the line'
            )
        found[name.strip()] = value.strip().strip('"\'')
    return found | base


def child_env(**more: str) -> dict[str, str]:
    """The environment of a process that this package starts: its own, with further variables."""
    return {**os.environ, **more}


def reach_loopback_directly() -> None:
    """Sees to it that no client of this process or of its children goes to this machine's own servers by a proxy."""
    if any(os.environ.get(name) for name in ('http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY')):
        given = os.environ.get('no_proxy') or os.environ.get('NO_PROXY') or ''
        names = [*filter(None, given.split(',')), *_LOOPBACK]
        os.environ['no_proxy'] = os.environ['NO_PROXY'] = '*' if '*' in names else ','.join(dict.fromkeys(names))
