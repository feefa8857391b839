"""Templates of computations: a question in words, the Python expression that settles it, ranges of its numbers.

Owns the questions of the task `compute`. Every answer is a whole number, 0 or more.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from .seeds import Split, split_of_text

Range = tuple[int, int]
"""Least value, and how much more it may be for each unit of the size wanted, 1 to 6."""


@dataclass(frozen=True)
class Template:
    """One kind of computation."""

    question: str
    """With the names of `numbers` in braces."""
    expression: str
    """Python over these names, `math`, `date` and `timedelta`."""
    numbers: Mapping[str, Range]

    def draw(self, rng: random.Random, size: int) -> dict[str, int]:
        """Numbers for one question."""
        return {name: rng.randint(low, low + more * size) for name, (low, more) in self.numbers.items()}

    def answer(self, numbers: Mapping[str, int]) -> int:
        """What the expression gives."""
        return int(eval(self.expression, {'math': math, 'date': date, 'timedelta': timedelta, **numbers}))

    def neighbours(self, numbers: Mapping[str, int], rng: random.Random) -> tuple[int, ...]:
        """Answers to three questions of this kind in which one number is different; empty where none are found.

        That number forms an even row with the true one, which has any place in it with equal chance. So the answers
        have the size, the parity and the last digits of true answers, and nothing tells which one is asked for.
        """
        name = max(self.numbers, key=lambda n: self.numbers[n][1])
        for _ in range(12):
            step, place = rng.randint(1, 9), rng.randrange(4)
            row = [numbers[name] + step * (i - place) for i in range(4)]
            if min(row) < self.numbers[name][0]:
                continue
            answers = [self.answer({**numbers, name: value}) for value in row]
            if len(set(answers)) == len(answers) and min(answers) >= 0:
                return tuple(a for i, a in enumerate(answers) if i != place)
        return ()

    def programs(self, numbers: Mapping[str, int]) -> tuple[str, ...]:
        """Ways of computing it in Python; each prints the answer."""
        imports = [line for name, line in _IMPORTS.items() if f'{name}' in self.expression]
        named = [f'{name} = {value}' for name, value in numbers.items()]
        direct = self.expression
        for name, value in numbers.items():
            direct = _replaced(direct, name, str(value))
        return (
            '\n'.join([*imports, f'print({direct})']),
            '\n'.join([*imports, *named, f'result = {self.expression}', 'print(result)']),
            '\n'.join([*imports, f'answer = {direct}', 'print(answer)']),
        )


_IMPORTS = {
    'math.': 'import math',
    'date(': 'from datetime import date',
    'timedelta(': 'from datetime import timedelta',
}


def _replaced(expression: str, name: str, value: str) -> str:
    """Puts a value in place of a one-letter name that stands alone."""
    found = []
    for i, char in enumerate(expression):
        before, after = expression[i - 1 : i], expression[i + 1 : i + 2]
        alone = (
            char == name and not (before.isalnum() or before in ('_', '.')) and not (after.isalnum() or after == '_')
        )
        found.append(value if alone else char)
    return ''.join(found)


def question_for(rng: random.Random, size: int, split: Split) -> tuple[str, Template, dict[str, int]]:
    """A question whose text belongs to a split, its template and its numbers.

    Every text belongs to one split by its hash, so no question of one split is asked in another, whatever the seeds.
    """
    template = rng.choice(TEMPLATES)
    while True:
        numbers = template.draw(rng, size)
        text = template.question.format(**numbers)
        if split_of_text(text) is split:
            return text, template, numbers


_SMALL, _MEDIUM, _LARGE = (11, 60), (101, 400), (1001, 9000)
_DIGITS = 'sum(int(d) for d in str({}))'


def _made(question: str, expression: str, **numbers: Range) -> Template:
    return Template(question, expression, numbers)


TEMPLATES: tuple[Template, ...] = (
    _made(
        'What is the sum of all positive integers below {n} divisible by {a} or by {b}?',
        'sum(k for k in range(1, n) if k % a == 0 or k % b == 0)',
        n=_MEDIUM,
        a=(3, 2),
        b=(20, 5),
    ),
    _made(
        'How many integers from 1 to {n} are divisible by {a} but not by {b}?',
        'sum(k % a == 0 and k % b != 0 for k in range(1, n + 1))',
        n=_LARGE,
        a=(3, 2),
        b=(20, 5),
    ),
    _made(
        'How many prime numbers are there from {a} to {b}, both included?',
        'sum(all(k % d for d in range(2, math.isqrt(k) + 1)) for k in range(a, b + 1))',
        a=(11, 80),
        b=(500, 200),
    ),
    _made(
        'What is the sum of the decimal digits of {a} to the power of {b}?',
        _DIGITS.format('a ** b'),
        a=(3, 40),
        b=(12, 12),
    ),
    _made(
        'A club of {n} members elects a board of {k}, and one of the board as its chair. In how many ways '
        'can that end?',
        'math.comb(n, k) * k',
        n=(12, 30),
        k=(3, 1),
    ),
    _made(
        'It is 1 January 2001. Which day of its year is the day {n} days later, 1 to 366?',
        '(date(2001, 1, 1) + timedelta(days=n)).timetuple().tm_yday',
        n=(400, 3000),
    ),
    _made(
        'Three lamps flash together now, then every {a}, {b} and {c} seconds. After how many seconds do all '
        'three first '
        'flash together again?',
        'math.lcm(a, b, c)',
        a=(6, 12),
        b=(14, 20),
        c=(21, 30),
    ),
    _made(
        'A floor measures {a} times {k} cm by {b} times {k} cm. What is the longest side in cm of square '
        'tiles that cover it '
        'without a rest?',
        'math.gcd(a * k, b * k)',
        a=_SMALL,
        b=_SMALL,
        k=(4, 6),
    ),
    _made(
        'What is the remainder of {a} to the power of {b} divided by {m}?',
        'pow(a, b, m)',
        a=_SMALL,
        b=_MEDIUM,
        m=_MEDIUM,
    ),
    _made('How many positive divisors does {n} have?', 'sum(n % d == 0 for d in range(1, n + 1))', n=_LARGE),
    _made(
        'What is the sum of all positive divisors of {n}, itself included?',
        'sum(d for d in range(1, n + 1) if n % d == 0)',
        n=_LARGE,
    ),
    _made('How many ones does the binary form of {n} contain?', 'bin(n).count("1")', n=(10001, 90000)),
    _made(
        'What is the largest prime factor of {n}?',
        'max(p for p in range(2, n + 1) if n % p == 0 and all(p % d for d in range(2, math.isqrt(p) + 1)))',
        n=_LARGE,
    ),
    _made(
        'What is the sum of the squares of the integers from {a} to {b}?',
        'sum(k * k for k in range(a, b + 1))',
        a=_SMALL,
        b=(400, 100),
    ),
    _made(
        'What is the sum of the cubes of the integers from {a} to {b}?',
        'sum(k ** 3 for k in range(a, b + 1))',
        a=(3, 30),
        b=(200, 60),
    ),
    _made(
        'How many square numbers lie between {a} and {b}?',
        'math.isqrt(b - 1) - math.isqrt(a)',
        a=_LARGE,
        b=(60000, 30000),
    ),
    _made(
        'How many of the integers from {a} to {b} contain the digit {d}?',
        'sum(str(d) in str(k) for k in range(a, b + 1))',
        a=(10, 90),
        b=(600, 400),
        d=(1, 1),
    ),
    _made(
        'How many of the integers from {a} to {b} read the same backwards?',
        'sum(str(k) == str(k)[::-1] for k in range(a, b + 1))',
        a=_MEDIUM,
        b=(3000, 3000),
    ),
    _made(
        'A sequence begins with {a} and {b}; every further number is the sum of the two before it. What is '
        'its tenth number?',
        '21 * a + 34 * b',
        a=_SMALL,
        b=_SMALL,
    ),
    _made(
        'A rectangle is {a} cm long and {b} cm wide. A border of {c} cm is added on every side. By how many '
        'square '
        'centimetres does the area grow?',
        '(a + 2 * c) * (b + 2 * c) - a * b',
        a=_MEDIUM,
        b=_SMALL,
        c=(2, 5),
    ),
    _made(
        'A box measures {a} by {b} by {c} cm. What is its surface in square centimetres?',
        '2 * (a * b + b * c + a * c)',
        a=_SMALL,
        b=_SMALL,
        c=_SMALL,
    ),
    _made(
        'How many cubes of {k} cm fit into a chest of {a} by {b} by {c} cm, all laid the same way?',
        '(a // k) * (b // k) * (c // k)',
        k=(3, 2),
        a=_MEDIUM,
        b=_MEDIUM,
        c=_SMALL,
    ),
    _made(
        'A cinema has {r} rows. The first has {a} seats and each row has {d} more than the one before. How '
        'many seats are '
        'there?',
        'sum(a + d * k for k in range(r))',
        r=_SMALL,
        a=_SMALL,
        d=(2, 3),
    ),
    _made(
        'Somebody saves {a} coins in the first week and {d} coins more in every following week. After how '
        'many weeks are '
        'at least {n} coins saved?',
        'next(w for w in range(1, n) if a * w + d * w * (w - 1) // 2 >= n)',
        a=(5, 20),
        d=(2, 4),
        n=(300, 300),
    ),
    _made(
        'A train leaves {a} minutes after midnight and needs {b} minutes. How many minutes after midnight '
        'does it arrive, '
        'if the clock starts again at 0 after 1440?',
        '(a + b) % 1440',
        a=(601, 130),
        b=(101, 500),
    ),
    _made(
        'A wheel with {a} teeth drives one with {b} teeth. After how many turns of the first are both back '
        'in their '
        'starting position?',
        'math.lcm(a, b) // a',
        a=_SMALL,
        b=_MEDIUM,
    ),
    _made(
        '{n} people all shake hands with each other once, but {k} of them do not shake hands among '
        'themselves. How many '
        'handshakes are there?',
        'math.comb(n, 2) - math.comb(k, 2)',
        n=(400, 400),
        k=(11, 40),
    ),
    _made(
        'In how many ways can the first {k} places of a race be taken by {n} runners?',
        'math.perm(n, k)',
        n=(11, 60),
        k=(3, 1),
    ),
    _made(
        'How many shortest ways along the streets lead from one corner of a town of {a} by {b} blocks to the '
        'opposite one?',
        'math.comb(a + b, a)',
        a=(3, 6),
        b=(4, 7),
    ),
    _made(
        'A password has {a} letters out of {m} followed by {b} digits, repetition allowed. How many are possible?',
        'm ** a * 10 ** b',
        a=(2, 1),
        m=_SMALL,
        b=(2, 1),
    ),
    _made(
        'How many numbers from 1 to {n} have no common divisor with {m} except 1?',
        'sum(math.gcd(k, m) == 1 for k in range(1, n + 1))',
        n=_MEDIUM,
        m=_SMALL,
    ),
    _made('How many zeros does the factorial of {n} end in?', 'sum(n // 5 ** k for k in range(1, 9))', n=(200, 3000)),
    _made(
        'A field of {a} by {b} metres is fenced with posts every {k} metres along all sides; how many whole '
        'gaps does the '
        'fence have?',
        '2 * (a + b) // k',
        a=_MEDIUM,
        b=_MEDIUM,
        k=(3, 2),
    ),
    _made(
        'A parcel service packs {n} jars into boxes of {a} and the rest into boxes of {b}. How many jars are '
        'left over?',
        '(n % a) % b',
        n=_LARGE,
        a=(24, 30),
        b=(5, 3),
    ),
    _made('What is {a} × {b} − {c} × {d}?', 'a * b - c * d', a=(401, 400), b=(301, 300), c=(11, 40), d=(11, 30)),
    _made(
        'The digits of {n} are reversed and the result is added to {n}. What is the sum?',
        'n + int(str(n)[::-1])',
        n=(1001, 15000),
    ),
    _made(
        'How many seconds are left of {n} seconds once all whole hours are taken away?',
        'n % 3600',
        n=(4000, 15000),
    ),
    _made(
        'A well is {n} cm deep. A snail climbs {a} cm by day and slips {b} cm by night. On which day does it '
        'reach the top?',
        '1 + max(0, -(-(n - a) // (a - b)))',
        n=(500, 300),
        a=(40, 15),
        b=(3, 3),
    ),
    _made(
        'A library owns {n} books and lends {k} per cent of them, rounded down. How many stay?',
        'n - n * k // 100',
        k=(30, 10),
        n=_LARGE,
    ),
    _made(
        'What is the product of the digits of {n} that are not zero?',
        'math.prod(int(d) for d in str(n) if d != "0")',
        n=(10001, 15000),
    ),
    _made(
        'How many integers from {a} to {b} have an even sum of digits?',
        'sum(sum(map(int, str(k))) % 2 == 0 for k in range(a, b + 1))',
        a=_MEDIUM,
        b=(3000, 1500),
    ),
    _made(
        'On a ruler of {n} mm all multiples of {a} mm and all multiples of {b} mm are marked, 0 is not. How many marks '
        'does it have?',
        'sum(k % a == 0 or k % b == 0 for k in range(1, n + 1))',
        n=_LARGE,
        a=(4, 2),
        b=(14, 5),
    ),
)
"""All kinds of computations."""
