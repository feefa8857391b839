"""What a check of `thyme doctor` gives."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class State(str, Enum):
    """How a check came out."""

    OK = 'ok'
    WARNING = 'warning'
    """It works, but something is worse than it could be."""
    FAILED = 'failed'


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    name: str
    state: State
    text: str
    """One line: what is there."""
    details: tuple[str, ...] = ()
    """Why, and what to do."""
