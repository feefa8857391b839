"""Computation without a picture: questions that a few lines of Python settle exactly."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import date, timedelta

from ..types import Item, Plan, Step
from .base import Demand, Order, task
from .reading import numbers_around

_Made = tuple[str, int, tuple[str, ...]]
"""Question, answer, ways of computing it in Python (each prints the answer)."""


def _multiples(rng: random.Random, size: int) -> _Made:
    one, other = sorted(rng.sample(range(3, 12), 2))
    limit = rng.randint(20, 90) * size
    answer = sum(n for n in range(1, limit) if n % one == 0 or n % other == 0)
    question = f'What is the sum of all positive integers below {limit} divisible by {one} or by {other}?'
    test = f'n % {one} == 0 or n % {other} == 0'
    short = _lines(f'total = sum(n for n in range(1, {limit}) if {test})', 'print(total)')
    long = _lines('total = 0', f'for n in range(1, {limit}):', f'    if {test}:', '        total += n', 'print(total)')
    return question, answer, (short, long)


def _primes(rng: random.Random, size: int) -> _Made:
    low = rng.randint(10, 60) * size
    high = low + rng.randint(20, 80) * size
    answer = sum(n > 1 and all(n % d for d in range(2, math.isqrt(n) + 1)) for n in range(low, high + 1))
    question = f'How many prime numbers are there from {low} to {high}, both included?'
    short = _lines(
        'def is_prime(n):',
        '    return n > 1 and all(n % d for d in range(2, int(n ** 0.5) + 1))',
        '',
        f'print(sum(is_prime(n) for n in range({low}, {high} + 1)))',
    )
    long = _lines(
        'count = 0',
        f'for n in range({low}, {high} + 1):',
        '    if n > 1 and all(n % d for d in range(2, math.isqrt(n) + 1)):',
        '        count += 1',
        'print(count)',
    )
    return question, answer, (short, long)


def _digits(rng: random.Random, size: int) -> _Made:
    base, power = rng.randint(2, 9), rng.randint(15, 30) + 4 * size
    answer = sum(int(d) for d in str(base**power))
    question = f'What is the sum of the decimal digits of {base} to the power of {power}?'
    short = f'print(sum(int(d) for d in str({base} ** {power})))'
    loop = ('total = 0', 'while number:', '    total += number % 10', '    number //= 10', 'print(total)')
    return question, answer, (short, _lines(f'number = {base} ** {power}', *loop))


def _choose(rng: random.Random, size: int) -> _Made:
    people, seats = rng.randint(9, 14) + size, rng.randint(3, 6)
    answer = math.comb(people, seats) * seats
    question = (
        f'A club of {people} members elects a board of {seats}, and one of the board as its chair. In how many ways '
        'can that end?'
    )
    short = _lines('import math', f'print(math.comb({people}, {seats}) * {seats})')
    long = _lines(
        f'ways = {people}',
        f'for i in range({seats} - 1):',
        f'    ways = ways * ({people} - 1 - i) // (i + 1)',
        'print(ways)',
    )
    return question, answer, (short, long)


def _days(rng: random.Random, size: int) -> _Made:
    begin = date(2001, 1, 1) + timedelta(days=rng.randint(0, 8000))
    end = begin + timedelta(days=rng.randint(60, 500) * size)
    question = f'How many days are there from {begin.isoformat()} to {end.isoformat()}?'
    first, last = (f'date({d.year}, {d.month}, {d.day})' for d in (begin, end))
    short = _lines('from datetime import date', f'print(({last} - {first}).days)')
    long = _lines(
        'import datetime',
        f'start = datetime.{first}',
        f'stop = datetime.{last}',
        'print(stop.toordinal() - start.toordinal())',
    )
    return question, (end - begin).days, (short, long)


def _common(rng: random.Random, size: int) -> _Made:
    numbers = rng.sample(range(6, 20 + 6 * size), 3)
    one, two, three = numbers
    question = (
        f'Three lamps flash together now, then every {one}, {two} and {three} seconds. After how many seconds do all '
        'three first flash together again?'
    )
    short = _lines('import math', f'print(math.lcm({one}, {two}, {three}))')
    long = _lines('t = 1', f'while any(t % n for n in {numbers}):', '    t += 1', 'print(t)')
    return question, math.lcm(*numbers), (short, long)


def _lines(*lines: str) -> str:
    return '\n'.join(lines)


_MAKERS: tuple[Callable[[random.Random, int], _Made], ...] = (_multiples, _primes, _digits, _choose, _days, _common)


@task('compute', 'a computation without a picture', demands=(Demand.COMPUTING,), pictures=False)
def build(order: Order) -> Item:
    """One of several kinds of exact computation; difficulty makes the numbers larger."""
    rng = order.rng
    size = 1 + round(5 * order.level.difficulty)
    question, answer, programs = rng.choice(_MAKERS)(rng, size)
    steps = {1, 2, 3, 5, 10, 12, max(1, answer // 40), max(1, answer // 20)}
    wrong = tuple(str(n) for n in numbers_around(answer, sorted(steps), rng))
    plan = Plan((Step.COMPUTE,), f'the result is {answer}', program=programs)
    return Item('none', question, str(answer), wrong, plan, absent_option=False)
