"""How a type reads an answer: a table of rows, each a name, a pattern for the whole text, and what to make of it.

A text is of the type when one row consumes it from its first character to its last; otherwise the type has nothing to
say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar('T')


@dataclass(frozen=True)
class Row(Generic[T]):
    """One way to write a value of a type."""

    name: str
    pattern: re.Pattern[str]
    build: Callable[[re.Match[str]], T | None]
    """The value; None where the pattern fits but the value is impossible (month 13)."""


def row(name: str, pattern: str, build: Callable[[re.Match[str]], T | None], flags: int = 0) -> Row[T]:
    """A row of a table."""
    return Row(name, re.compile(pattern, flags), build)


def read(table: Sequence[Row[T]], text: str) -> T | None:
    """What the first row that consumes the whole text makes of it; None when no row does."""
    for entry in table:
        match = entry.pattern.fullmatch(text)
        if match is not None:
            value = entry.build(match)
            if value is not None:
                return value
    return None


def listed(text: str) -> tuple[str, ...]:
    """The words of a closed list."""
    return tuple(text.split())
