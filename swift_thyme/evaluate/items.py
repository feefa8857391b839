"""An evaluation item, and how it is posed: options in a seeded order, and the letter that is then right.

Owns the order of options. Where items come from is in `sources`.
"""

from __future__ import annotations

import hashlib
import random
import re
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the first picture; right and bottom outside."""

ASK_LETTER = 'Answer with the letter of the right option.'
_REFERS = re.compile(
    r'(?i:\b(?:all|none|any|both|neither|either|some) of (?:the )?(?:above|below|these|them|others?|options)\b|'
    r'\babove options?\b|\boptions? [a-h]\b)|\b[A-H]\s*(?:and|or|&|,)\s*[A-H]\b|\A\W*[A-H]\W*\Z'
)


@dataclass(frozen=True)
class ItemImage:
    """One picture of an item."""

    path: Path
    name: str = ''
    """What the prompt calls it; empty for its path."""


@dataclass(frozen=True)
class Item:
    """One question with its truth."""

    id: str
    question: str
    """Without options."""
    answer: str
    """Of a multiple-choice item the text of the right option."""
    options: tuple[str, ...] = ()
    """In the order of the source; empty for free form."""
    right: int = -1
    """Index of the right option; -1 for free form."""
    images: tuple[ItemImage, ...] = ()
    task: str = ''
    """Task or category, for the table by task."""
    box: Box | None = None
    """What must be seen to answer, where it is known."""
    worded: str = ''
    """The question as its source words it, options included; used when options are not shuffled."""


@dataclass(frozen=True)
class Posed:
    """An item as it is put."""

    text: str
    solution: str
    """What a right answer says: the letter, or the answer itself."""
    order: tuple[int, ...] = ()
    """Place → index into `Item.options`; empty for free form."""


def pose(item: Item, *, seed: int, repeat: int, shuffle: bool = True) -> Posed:
    """Puts an item's question.

    The order depends on seed, repeat and the item's id alone: all conditions of one repeat see the same order, and a
    set in another order of rows or a longer one gives the same questions.

    Args:
        item: what is asked.
        seed: of the whole evaluation.
        repeat: from 0.
        shuffle: whether options change places; those that refer to others ("all of the above") never do.
    """
    if not item.options:
        return Posed(item.worded or item.question, item.answer)
    order = list(range(len(item.options)))
    if shuffle and can_shuffle(item):
        random.Random(derived(seed, 'order', item.id, repeat)).shuffle(order)
        worded = ''
    else:
        worded = item.worded
    lines = [f'{letter}. {item.options[i]}' for letter, i in zip(ascii_uppercase, order, strict=False)]
    text = worded or '\n'.join([item.question, *lines, ASK_LETTER])
    return Posed(text, ascii_uppercase[order.index(item.right)], tuple(order))


def can_shuffle(item: Item) -> bool:
    """Whether an item's options may change places: none of them refers to another."""
    return len(item.options) > 1 and not any(_REFERS.search(option) for option in item.options)


def derived(*parts: object) -> int:
    """A seed made of parts, the same on every machine: 63 bits, not negative."""
    digest = hashlib.sha256('\0'.join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], 'big') >> 1
