"""How a sentence of the reasoning is said.

Owns the choice of a wording: what is said when is decided by `script`, the wordings are in `phrases` and `looks`.
"""

from __future__ import annotations

import random

from ..types import Box
from .looks import LOOKS
from .phrases import PHRASES


def say(rng: random.Random, key: str, **words: object) -> str:
    """One sentence, in one of its wordings, beginning with a capital letter."""
    text = rng.choice(PHRASES[key]).format(**words)
    return text[0].upper() + text[1:]


def look(rng: random.Random, scene: str) -> str:
    """What a glance at a scene gives, as a sentence, or nothing: half of all trajectories begin with it."""
    return rng.choice(LOOKS[scene]) if rng.random() < 0.5 else ''


def place_in(box: Box, width: int, height: int) -> str:
    """Where a box is, in words: `upper left`, `middle`, `lower part`."""
    x, y = box.center
    across = ('left', '', 'right')[min(2, 3 * x // width)]
    down = ('upper', '', 'lower')[min(2, 3 * y // height)]
    if across and down:
        return f'{down} {across}'
    if across:
        return f'{across} part'
    return f'{down} part' if down else 'middle'
