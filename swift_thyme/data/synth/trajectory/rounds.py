"""The vocabulary of a planned trajectory: views, rounds, scripts.

Owns data only: `script` plans it, `run` plays it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ....types import Outcome
from ..types import Box


@dataclass(frozen=True)
class View:
    """The picture a round is to return."""

    region: Box
    """Of the original, pixels."""
    zoom: int = 1
    turn_deg: int = 0
    """By how much the code turned it, counterclockwise."""
    enhanced: bool = False
    slack_px: int = 0
    """How far the code may find the region's edges from where they were drawn, pixels of the original."""


@dataclass(frozen=True)
class Round:
    """One piece of reasoning with the code at its end, and what the sandbox must make of it."""

    thought: str
    code: str
    view: View | None = None
    prints: str | None = None
    """Text the code prints instead of a picture; None with a view, or where any text will do."""
    outcome: Outcome = Outcome.OK


@dataclass(frozen=True)
class Script:
    """A planned trajectory."""

    rounds: tuple[Round, ...]
    closing: str
    """Last reasoning, after the last output."""
    answer: str
