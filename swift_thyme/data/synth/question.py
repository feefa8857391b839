"""Questions as a row poses them: with shuffled options or free form.

Owns the options. What is asked comes from the task.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from .types import Item

LETTERS = 'ABCD'
ABSENT = 'Not in the image'
_ASK_LETTER = (
    'Answer with the letter of the right option.',
    'Choose one option and answer with its letter.',
    'Which option is right? Answer with its letter only.',
)


@dataclass(frozen=True)
class Posed:
    """A question as it is put."""

    text: str
    solution: str
    """What a right answer says: the letter, or the answer itself."""
    options: tuple[str, ...] = ()
    """In the order of their letters; empty for free form."""


def pose(item: Item, choice: bool, rng: random.Random) -> Posed:
    """Puts an item's question.

    Args:
        item: question, answer and wrong answers.
        choice: with four options, one of them right, shuffled; `ABSENT` is one of them now and then.
        rng: the row's.
    """
    if not choice:
        return Posed(item.question, item.answer)
    wrong = list(item.wrong)
    if item.answer != ABSENT and rng.random() < 0.3:
        wrong = [ABSENT, *wrong]
    options = [item.answer, *wrong[: len(LETTERS) - 1]]
    rng.shuffle(options)
    lines = [f'{letter}. {text}' for letter, text in zip(LETTERS, options, strict=True)]
    text = '\n'.join([item.question, *lines, rng.choice(_ASK_LETTER)])
    return Posed(text, LETTERS[options.index(item.answer)], tuple(options))
