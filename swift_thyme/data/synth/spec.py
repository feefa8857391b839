"""What a set is made from: the order a user gives, checked once.

Owns names, defaults and checks of the order. A set's rows depend on nothing else.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum

from ...errors import ConfigError
from .difficulty import DEFAULT_MAX_PIXELS, level_for
from .seeds import MAX_ROWS, MAX_SEED, Split
from .tasks import MIXED, task_named


class Kind(str, Enum):
    """What the rows are for."""

    EVAL = 'eval'
    RL = 'rl'
    SFT = 'sft'


class Form(str, Enum):
    """How a question is to be answered."""

    CHOICE = 'choice'
    """By the letter of one of four options."""
    FREE = 'free'
    """In words or numbers."""
    BOTH = 'both'
    """Every row draws one of the two."""


class Encoding(str, Enum):
    """How pictures are stored; the value is the file ending."""

    JPEG = 'jpg'
    PNG = 'png'


NEEDS_THE_TOOL = (0.75, 0.95)
"""Difficulties at which little of a 4k picture can be read without a tool, by `Legibility`, whatever the task."""
LONG_SIDE = {'1k': 1024, '2k': 2048, '4k': 4096, '8k': 8192}
"""Canvas → longer side, pixels."""
_SHAPES = ((3, 2), (16, 9), (4, 3), (2, 3))
MAX_CANVAS_PIXELS = 48_000_000
"""Below the sandbox's limit for one picture, so that a whole picture can be processed too."""


@dataclass(frozen=True)
class SetSpec:
    """One set, completely: equal specs give equal bytes."""

    task: str = MIXED
    n: int = 100
    seed: int = 0
    kind: Kind = Kind.EVAL
    split: Split | None = None
    """By default test for evaluation and train otherwise."""
    difficulty: tuple[float, float] = NEEDS_THE_TOOL
    """Least and greatest; every row draws one between them."""
    canvas: str = '4k'
    form: Form | None = None
    """By default choice for evaluation and both otherwise."""
    max_pixels: int = DEFAULT_MAX_PIXELS
    """The pixel budget, width × height, that difficulty refers to."""
    encoding: Encoding = Encoding.JPEG
    quality: int = 92
    """Of JPEG, 1 to 95."""

    def __post_init__(self) -> None:
        if self.task != MIXED:
            task_named(self.task)
        if not 1 <= self.n <= MAX_ROWS:
            raise ConfigError(f'n must be 1 to {MAX_ROWS}, got {self.n}; use several seeds for more')
        if not 0 <= self.seed <= MAX_SEED:
            raise ConfigError(f'seed must be 0 to {MAX_SEED}, got {self.seed}; choose a smaller one')
        if self.canvas not in LONG_SIDE:
            raise ConfigError(
                f'canvas must be one of {", ".join(LONG_SIDE)}, got {self.canvas!r}; it names the longer side'
            )
        low, high = self.difficulty
        if low > high:
            raise ConfigError(f'difficulty must be LOW or LOW-HIGH, got {low}-{high}; swap them')
        level_for(low, 1024, 1024, self.max_pixels)
        level_for(high, 1024, 1024, self.max_pixels)
        if not 1 <= self.quality <= 95:
            raise ConfigError(f'quality must be 1 to 95, got {self.quality}; 92 keeps small text clean')

    @property
    def effective_split(self) -> Split:
        """The split whose seeds the rows use."""
        return self.split or (Split.TEST if self.kind is Kind.EVAL else Split.TRAIN)

    @property
    def effective_form(self) -> Form:
        """How the questions are to be answered."""
        return self.form or (Form.CHOICE if self.kind is Kind.EVAL else Form.BOTH)


def canvas_size(canvas: str, rng: random.Random) -> tuple[int, int]:
    """Width and height of one picture of a canvas class, pixels; its shape is drawn."""
    long_side = LONG_SIDE[canvas]
    shapes = [s for s in _SHAPES if long_side * (long_side * min(s) // max(s)) <= MAX_CANVAS_PIXELS]
    across, down = rng.choice(shapes)
    short = long_side * min(across, down) // max(across, down)
    return (long_side, short) if across >= down else (short, long_side)
