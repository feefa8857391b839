"""Difficulty: one number from 0 to 1, and what it means in pixels, contrast and company.

Owns the scale and the estimate of what a model can read without a tool. The unit behind the number is the height of
a capital letter *after* the model's processor has shrunk the picture to its pixel budget: 24 px at difficulty 0,
halved every 0.4. What the processor leaves is all a model without tools ever sees.

The limits `legible_px`, `legible_contrast` and `legible_turn_deg` are stated assumptions, not measurements of a model:
change them to fit the model at hand and the share that is readable without a tool is computed anew.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...errors import ConfigError
from .types import Target

DEFAULT_MAX_PIXELS = 2408448
"""The pixel budget of the released RL recipe: 3072 × 28 × 28."""
EASY_CAP_PX = 24.0
OCTAVES = 2.5
"""How often the letters' height is halved between difficulty 0 and 1."""
MIN_CAP_PX = 12
"""Smallest capital letter drawn, canvas pixels: below it a crop would not help either."""
LEAST_ROOM = 48
"""Shorter side of a canvas ÷ height of a capital letter, at least: scenes need room for what is around the target."""
TARGET_AREA = 0.05
"""A target never covers more of the picture than this share."""


@dataclass(frozen=True)
class Level:
    """One difficulty on one canvas, in drawing units."""

    difficulty: float
    cap_px: int
    """Height of a capital letter of the target, canvas pixels."""
    anchors: int
    """How many places like the target's a scene should have, at least 2; the scene may hold fewer."""
    contrast: float
    """WCAG contrast ratio of an ordinary target."""
    faint_contrast: float
    """WCAG contrast ratio where low contrast is the point."""
    objects: int
    """Most objects to count."""
    max_pixels: int = DEFAULT_MAX_PIXELS
    """The model's pixel budget for one picture, width × height."""


def level_for(difficulty: float, width: int, height: int, max_pixels: int = DEFAULT_MAX_PIXELS) -> Level:
    """Turns a difficulty into drawing units.

    Args:
        difficulty: 0 (large, few, strong) to 1 (small, many, faint).
        width: canvas, pixels.
        height: canvas, pixels.
        max_pixels: the model's pixel budget for one picture, width × height.

    Raises:
        ConfigError: difficulty or budget is out of range.
    """
    if not 0 <= difficulty <= 1:
        raise ConfigError(f'difficulty must be 0 to 1, got {difficulty}; 0 is easy')
    wanted = EASY_CAP_PX * 2 ** (-OCTAVES * difficulty) / budget_scale(width, height, max_pixels)
    largest = min(math.isqrt(width * height // 1200), min(width, height) // LEAST_ROOM)
    return Level(
        difficulty=difficulty,
        cap_px=max(MIN_CAP_PX, min(round(wanted), largest)),
        anchors=round(4 + 20 * difficulty),
        contrast=round(9.0 - 5.0 * difficulty, 2),
        faint_contrast=round(1.7 - 0.5 * difficulty, 3),
        objects=round(5 + 7 * difficulty),
        max_pixels=max_pixels,
    )


def budget_scale(width: int, height: int, max_pixels: int) -> float:
    """How much a picture is shrunk (side ÷ side, at most 1) to fit a budget of width × height pixels."""
    if max_pixels < 1:
        raise ConfigError(
            f"max_pixels must be > 0, got {max_pixels}; use the model's own, such as {DEFAULT_MAX_PIXELS}"
        )
    return min(1.0, math.sqrt(max_pixels / (width * height)))


@dataclass(frozen=True)
class Legibility:
    """When a target counts as readable without a tool. Assumptions to be fitted to a model."""

    max_pixels: int = DEFAULT_MAX_PIXELS
    legible_px: float = 10.0
    """Smallest height of a capital letter or object at the budget."""
    legible_contrast: float = 2.0
    legible_turn_deg: int = 25
    """Largest turn of a text, either way."""

    def readable(self, target: Target | None, width: int, height: int) -> bool:
        """Whether the target can be read in the picture as the model first gets it; True where there is no target."""
        if target is None:
            return True
        turn = min(target.rotation_deg % 360, -target.rotation_deg % 360)
        return (
            self.detail_px(target, width, height) >= self.legible_px
            and target.contrast >= self.legible_contrast
            and turn <= self.legible_turn_deg
        )

    def detail_px(self, target: Target, width: int, height: int) -> float:
        """The target's smallest detail at the budget, pixels."""
        return target.detail_px * budget_scale(width, height, self.max_pixels)
