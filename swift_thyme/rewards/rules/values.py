"""Whether two expressions have the same value, in bounded time. `expression` reads them.

Values are mpmath's, to 220 digits, of which 100 must agree. Sizes are bounded before anything is computed.
"""

from __future__ import annotations

import operator
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

import mpmath

from .expression import Node, Unreadable, names_in, walk

Value = Any
"""mpmath's real or complex number."""
LARGEST = mpmath.mpf(10) ** 98
"""Larger values are not compared, so that none is equal for want of digits."""
_DIGITS = 220
_AGREEING_DIGITS = 100
_TRIGONOMETRIC = frozenset({'sin', 'cos', 'tan', 'cot', 'sec', 'csc'})
_MPMATH = {'arcsin': 'asin', 'arccos': 'acos', 'arctan': 'atan', 'ln': 'log', 'abs': 'fabs'}
_OPERATORS: dict[str, Callable[..., Value]] = {
    '+': operator.add,
    '-': operator.sub,
    '*': operator.mul,
    '/': operator.truediv,
    'neg': operator.neg,
}


@dataclass(frozen=True)
class Reading:
    """How the signs are taken that mean different things to different writers."""

    imaginary: bool = False
    """`i` is the imaginary unit; where it is not, nothing has a value that is not real on the way."""
    natural_log: bool = False
    """`log` is to the base e, not 10."""
    degrees: bool = False
    """A plain number under a trigonometric function is in degrees."""


_context = mpmath.mp.clone()
_context.dps = _DIGITS
_lock = threading.Lock()


class _Evaluator:
    """Computes a tree at one point, in bounded time."""

    def __init__(self, reading: Reading, point: dict[str, Fraction]) -> None:
        self._reading, self._point = reading, point

    def value(self, tree: Node) -> Value:
        """The value of a tree.

        Raises:
            Unreadable: it is too large.
        """
        kind = tree[0]
        if kind == 'num':
            found = _rounded(tree[1])
        elif kind == 'pi':
            found = +_context.pi
        elif kind == 'var':
            found = self._variable(tree[1])
        elif kind == 'fn':
            found = self._apply(tree[1], self.value(tree[2]), _is_plain(tree[2]))
        else:
            found = self._operate(kind, [self.value(part) for part in tree[1:]])
        size = abs(found)
        if not self._reading.imaginary and _context.im(found):
            raise ArithmeticError('no real number')
        if size > LARGEST**2 or 0 < size < 1 / LARGEST**2:
            raise Unreadable('too large or too small a number')
        return found

    def _variable(self, name: str) -> Value:
        if name == 'e':
            return +_context.e
        return _context.mpc(0, 1) if name == 'i' and self._reading.imaginary else _rounded(self._point[name])

    @staticmethod
    def _operate(kind: str, operands: list[Value]) -> Value:
        operate = _OPERATORS.get(kind)
        if operate is not None:
            return operate(*operands)
        if kind == 'log':
            return _context.log(operands[0]) / _context.log(operands[1])
        if kind == '!':
            if abs(operands[0]) > 50:
                raise Unreadable('too large a factorial')
            return _context.gamma(operands[0] + 1)
        base, exponent = operands
        if abs(exponent) * abs(_context.log(abs(base) or 1)) > 450 or abs(exponent) > 1000:
            raise Unreadable('too large a power')
        return _context.power(base, exponent)

    def _apply(self, name: str, value: Value, plain: bool) -> Value:
        if abs(value) > 10**6 and name not in ('ln', 'log', 'sqrt', 'abs'):
            raise Unreadable('too large an argument')
        if name in _TRIGONOMETRIC and self._reading.degrees and plain:
            value = value * _context.pi / 180
        if name == 'log' and not self._reading.natural_log:
            return _context.log(value) / _context.log(10)
        return getattr(_context, _MPMATH.get(name, name))(value)


def _is_plain(argument: Node) -> bool:
    """Whether an argument may be in degrees: a number without a name or π."""
    return not names_in(argument) and ('pi',) not in walk(argument)


def _rounded(number: Fraction) -> Value:
    return _context.mpf(number.numerator) / number.denominator


def value_of(tree: Node, reading: Reading | None = None, point: dict[str, Fraction] | None = None) -> Value | None:
    """The value at a point; None where it has none there.

    Raises:
        Unreadable: it is too large.
    """
    with _lock:
        try:
            value = _Evaluator(reading or Reading(), point or {}).value(tree)
        except (ArithmeticError, ValueError):
            return None
        if _context.isnan(value) or _context.isinf(value):
            return None
        if abs(value) > LARGEST:
            raise Unreadable('too large a number')
        return value.real if abs(_context.im(value)) <= abs(value) * _context.mpf(10) ** -_AGREEING_DIGITS else value


_REGIONS = ((0, 1), (1, 6), (-1, 0), (-6, -1))


def points_for(names: frozenset[str]) -> list[dict[str, Fraction]]:
    """Points at which two expressions are compared: between 0 and 1, above 1, and below 0, always the same ones."""
    if not names:
        return [{}]
    generator = random.Random(0)
    points = []
    for low, high in (*_REGIONS, *_REGIONS):
        points.append({n: low + Fraction(generator.randint(1, 996), 997) * (high - low) for n in sorted(names)})
    return points


def compare(left: Node, right: Node) -> bool | None:
    """Whether two expressions have the same value wherever both have one; None when that cannot be told.

    Raises:
        Unreadable: one of them is too large.
    """
    if left == right:
        return True
    if names_in(left) != names_in(right):
        return None
    verdicts = {_equal_under(left, right, reading) for reading in _readings(left, right)}
    return verdicts.pop() if len(verdicts) == 1 else None


def _readings(left: Node, right: Node) -> list[Reading]:
    nodes = [n for tree in (left, right) for n in walk(tree)]
    imaginary = (False, True) if ('var', 'i') in nodes else (False,)
    natural = (False, True) if any(n[:2] == ('fn', 'log') for n in nodes) else (False,)
    functions = [n[2] for n in nodes if n[0] == 'fn' and n[1] in _TRIGONOMETRIC]
    plain = any(map(_is_plain, functions))
    return [Reading(i, b, d) for i, b, d in product(imaginary, natural, (False, True) if plain else (False,))]


def _equal_under(left: Node, right: Node, reading: Reading) -> bool | None:
    same = different = apart = 0
    for point in points_for(names_in(left) | names_in(right)):
        a, b = value_of(left, reading, point), value_of(right, reading, point)
        if a is None or b is None:
            apart += a is not b
        elif agree(a, b):
            same += 1
        else:
            different += 1
    if different:
        return None if same else False
    return True if same and not apart else None


def agree(a: Value, b: Value) -> bool:
    """Whether two values are the same to 100 digits."""
    return bool(abs(a - b) <= max(abs(a), abs(b)) * _context.mpf(10) ** -_AGREEING_DIGITS)


def proportional(left: Node, right: Node) -> bool:
    """Whether one expression is the other times a constant, wherever both have a value."""
    points = points_for(names_in(left) | names_in(right))
    pairs = [(value_of(left, point=p), value_of(right, point=p)) for p in points]
    known = [(a, b) for a, b in pairs if a and b]
    if len(known) < 4 or len(known) < len([p for p in pairs if None not in p]):
        return False
    (first, second), *others = known
    return all(agree(a * second, b * first) for a, b in others)


def nearly(left: Node, right: Node) -> bool:
    """Whether two expressions are so near wherever both have a value that one may be the other rounded."""
    points = points_for(names_in(left) | names_in(right))
    pairs = [(value_of(left, point=p), value_of(right, point=p)) for p in points]
    known = [(a, b) for a, b in pairs if a is not None and b is not None]
    return bool(known) and all(abs(a - b) <= abs(a) * _context.mpf('0.006') for a, b in known)
