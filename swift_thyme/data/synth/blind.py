"""Blind solvers: how often a choice is answered right without the picture.

Owns the battery: rules that look at the options alone, and a classifier of the question's words and the options,
trained on rows of the training split. Questions are made without drawing. Chance is one in four; a set on which a blind
solver does better than that by more than a few points measures something else than seeing.
"""

from __future__ import annotations

import itertools
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

import numpy as np
from numpy.typing import NDArray

from .question import ABSENT, LETTERS
from .rows import question
from .seeds import Split
from .spec import Form, Kind, SetSpec

TRAIN_ROWS = 5000
TEST_ROWS = 1500
CHANCE = 1 / len(LETTERS)
_BITS = 18
_EPOCHS = 3
_RATE = 0.15


@dataclass(frozen=True)
class Choice:
    """A multiple-choice question as somebody sees it who has no picture, and its truth."""

    stem: str
    options: tuple[str, ...]
    right: int
    """Index of the true option."""


Solver = Callable[[Choice], int]
"""Names the index of an option."""


def choices(spec: SetSpec) -> list[Choice]:
    """A set's questions with options, made without drawing."""
    made = (question(replace(spec, form=Form.CHOICE), i) for i in range(spec.n))
    return [Choice(item.question, posed.options, posed.options.index(item.answer)) for item, posed in made]


def solvers(spec: SetSpec, train_rows: int = TRAIN_ROWS) -> dict[str, Solver]:
    """The battery, with what is learnt from the training split of a set's order."""
    return {**RULES, **classifiers(replace(spec, kind=Kind.EVAL, split=Split.TRAIN, n=train_rows))}


def classifiers(spec: SetSpec) -> dict[str, Solver]:
    """The solvers that learn, from the questions of a set."""
    learnt = choices(spec)
    return {'most often right in training': _frequent(learnt), 'words': Words(learnt)}


def scores(battery: Mapping[str, Solver], asked: Sequence[Choice]) -> dict[str, float]:
    """Solver → share of right answers, 0 to 1."""
    return {name: sum(solve(c) == c.right for c in asked) / len(asked) for name, solve in battery.items()}


# --- rules


def _number(text: str) -> float:
    digits = ''.join(c for c in text if c.isdigit() or c == '.')
    try:
        return float(digits)
    except ValueError:
        return 0.0


def _alike(options: Sequence[str]) -> list[float]:
    """How much each option is like the others, 0 to 1 each, summed."""
    pairs = [[SequenceMatcher(None, a, b, autojunk=False).ratio() if a != b else 0.0 for b in options] for a in options]
    return [sum(row) for row in pairs]


def _first_best(values: Sequence[float]) -> int:
    return max(range(len(values)), key=values.__getitem__)


def _rank(place: int) -> Solver:
    return lambda c: sorted(range(len(c.options)), key=lambda i: (_number(c.options[i]), i))[place]


def _closest_to(number: float) -> Solver:
    return lambda c: _first_best([-abs(_number(o) - number) - 9 * (o == '0') for o in c.options])


RULES: dict[str, Solver] = {
    **{f'always {letter}': (lambda c, i=i: i) for i, letter in enumerate(LETTERS)},  # type: ignore[misc]
    'longest': lambda c: _first_best([len(o) for o in c.options]),
    'shortest': lambda c: _first_best([-len(o) for o in c.options]),
    **{f'number {place + 1} of 4 by size': _rank(place) for place in range(len(LETTERS))},
    'most like the others': lambda c: _first_best(_alike(c.options)),
    'least like the others': lambda c: _first_best([-v for v in _alike(c.options)]),
    'closest to 2, never 0': _closest_to(2),
    'absent where offered': lambda c: _first_best([float(o == ABSENT) for o in c.options]),
    'never absent, most like the others': lambda c: _first_best(
        [v - 9 * (o == ABSENT) for o, v in zip(c.options, _alike(c.options), strict=True)]
    ),
    'shares most letters with the question': lambda c: _first_best(
        [len(set(o.lower()) & set(c.stem.lower())) / (1 + len(set(o.lower()))) for o in c.options]
    ),
}
"""Name → a rule that looks at the options, and at no more of the question than its letters."""


# --- learnt


def _frequent(learnt: Sequence[Choice]) -> Solver:
    offered = Counter(option for c in learnt for option in c.options)
    right = Counter(c.options[c.right] for c in learnt)
    return lambda c: _first_best([(right[o] + 1) / (offered[o] + len(LETTERS)) for o in c.options])


class Words:
    """A linear classifier over pairs of what the question says (words, pairs of words) and what an option is like."""

    def __init__(self, learnt: Sequence[Choice]) -> None:
        self.weights = np.zeros(1 << _BITS)
        rows = [(self._features(c), c.right) for c in learnt]
        for epoch in range(_EPOCHS):
            for features, right in rows:
                error = _softmax(np.array([self.weights[f].sum() for f in features]))
                error[right] -= 1
                for each, amount in zip(features, error, strict=True):
                    np.subtract.at(self.weights, each, _RATE / (1 + epoch) * amount / len(each) ** 0.5)

    def __call__(self, choice: Choice) -> int:
        """The likeliest option."""
        return _first_best([float(self.weights[f].sum()) for f in self._features(choice)])

    def _features(self, choice: Choice) -> list[NDArray[np.int64]]:
        words = choice.stem.lower().split()
        pairs = [' '.join(pair) for pair in itertools.pairwise(words)]
        said = np.array([1, *(zlib.crc32(w.encode()) for w in dict.fromkeys([*words, *pairs]))], dtype=np.int64)
        return [_crossed(said, kinds) for kinds in _kinds(choice.options)]


def _crossed(said: NDArray[np.int64], kinds: Sequence[str]) -> NDArray[np.int64]:
    looks = np.array([zlib.crc32(kind.encode()) for kind in kinds], dtype=np.int64)
    mixed = (said[:, None] * 2654435761) ^ (looks[None, :] * 40503)
    return (mixed ^ (mixed >> 17)).ravel() & ((1 << _BITS) - 1)


def _kinds(options: Sequence[str]) -> list[list[str]]:
    """What can be said of each option by itself and beside the others."""
    alike, numbers = _alike(options), [_number(o) for o in options]
    found = []
    for i, option in enumerate(options):
        found.append(
            [
                f'text {option}',
                f'letter {i}',
                f'likeness {sorted(alike).index(alike[i])}',
                f'size {sorted(numbers).index(numbers[i])}',
                f'ends {option[-1:]}',
                f'begins {option[:2]}',
                f'length {len(option)}',
                f'last word {option.split()[-1]}',
                f'beside absent {ABSENT in options}',
            ]
        )
    return found


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    raised = np.exp(scores - scores.max())
    shares: NDArray[np.float64] = raised / raised.sum()
    return shares
