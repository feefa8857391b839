"""What is written on things: codes, plates, prices, times; names of shops, brands and places; colours with names.

Owns the pools and how a tempting wrong value is made. Characters that look alike in print (O and 0, I and 1, S and 5,
B and 8, Z and 2) never differ between two values, so that the truth can be told from the picture.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from enum import Enum

from .types import Color

LETTERS = 'ACEFHJKLMNPRTUVWXY'
DIGITS = '0123456789'

PALETTE: dict[str, Color] = {
    'red': (196, 38, 36),
    'orange': (238, 132, 26),
    'yellow': (244, 208, 48),
    'green': (42, 140, 66),
    'blue': (36, 84, 178),
    'purple': (122, 56, 150),
    'pink': (236, 128, 172),
    'brown': (116, 74, 44),
    'black': (34, 34, 38),
    'white': (244, 244, 240),
    'grey': (138, 140, 144),
}
"""Colours that a question may ask for: far enough apart to be named without doubt."""
VIVID = ('red', 'orange', 'yellow', 'green', 'blue', 'purple', 'pink', 'brown')


class ValueKind(str, Enum):
    """What sort of text a label carries; the value is the noun a question uses for it."""

    CODE = 'code'
    PLATE = 'registration number'
    PRICE = 'price'
    TIME = 'time'
    NUMBER = 'number'
    SERIAL = 'serial number'


def _letters(rng: random.Random, n: int) -> str:
    return ''.join(rng.choice(LETTERS) for _ in range(n))


def _digits(rng: random.Random, n: int) -> str:
    return rng.choice(DIGITS[1:]) + ''.join(rng.choice(DIGITS) for _ in range(n - 1))


_DRAW: dict[ValueKind, Callable[[random.Random], str]] = {
    ValueKind.CODE: lambda r: f'{_letters(r, 1)}{_digits(r, 1)}-{_digits(r, 4)}',
    ValueKind.PLATE: lambda r: f'{_letters(r, 3)} {_digits(r, 4)}',
    ValueKind.PRICE: lambda r: f'{r.randint(1, 89)}.{r.randint(0, 9)}{r.choice("059")}',
    ValueKind.TIME: lambda r: f'{r.randint(5, 23):02d}:{r.randint(0, 59):02d}',
    ValueKind.NUMBER: lambda r: _digits(r, 4),
    ValueKind.SERIAL: lambda r: f'{_letters(r, 2)}{_digits(r, 3)}-{_letters(r, 1)}{_digits(r, 3)}',
}


def value(kind: ValueKind, rng: random.Random, taken: Collection[str] = ()) -> str:
    """A value of a kind that is not among those taken."""
    while True:
        text = _DRAW[kind](rng)
        if text not in taken:
            return text


def near(kind: ValueKind, true: str, rng: random.Random, taken: Collection[str] = ()) -> str:
    """A wrong value, well formed, that differs from a true one in one or two characters of the same class."""
    while True:
        text = list(true)
        changeable = [i for i, c in enumerate(text) if c in LETTERS or c in DIGITS]
        for i in rng.sample(changeable, rng.choice((1, 1, 2))):
            pool = LETTERS if text[i] in LETTERS else DIGITS
            text[i] = rng.choice([c for c in pool if c != text[i]])
        wrong = ''.join(text)
        if wrong != true and wrong not in taken and _well_formed(kind, wrong):
            return wrong


def _well_formed(kind: ValueKind, text: str) -> bool:
    if kind is ValueKind.TIME:
        return int(text[:2]) < 24 and int(text[3:]) < 60
    if kind is ValueKind.PRICE:
        return not text.startswith('0') and text[-1] in '059'
    return not text.startswith('0')


_SYLLABLES = (
    'ba', 'ben', 'bor', 'cal', 'cor', 'da', 'del', 'dor', 'el', 'fa', 'fen', 'ga', 'gar', 'hal', 'ho', 'jo', 'ka',
    'kel', 'la', 'len', 'lo', 'ma', 'mar', 'mel', 'mi', 'mo', 'na', 'nel', 'no', 'or', 'pa', 'pel', 'ra', 'ren', 'ri',
    'ro', 'sa', 'sel', 'so', 'ta', 'tel', 'ti', 'to', 'va', 'ven', 'vi', 'za', 'zel',
)  # fmt: skip


def name(rng: random.Random, taken: Collection[str] = (), syllables: int = 2) -> str:
    """A made-up proper name of 4 to 8 letters, not among those taken: `Lomar`, `Benvia`."""
    while True:
        text = ''.join(rng.choice(_SYLLABLES) for _ in range(syllables)).capitalize()
        if 4 <= len(text) <= 8 and text not in taken:
            return text


def names(rng: random.Random, n: int) -> list[str]:
    """Several different names, all with different first three letters where the pool allows it."""
    found: list[str] = []
    starts: set[str] = set()
    for attempt in range(n * 40):
        text = name(rng, found, 2 if attempt % 3 else 3)
        if text[:3] in starts and attempt < n * 30:
            continue
        starts.add(text[:3])
        found.append(text)
        if len(found) == n:
            return found
    raise AssertionError(f'the syllables give fewer than {n} names')
