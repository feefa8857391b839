"""Whether two expressions have the same value, in bounded time. `expression` reads them.

Values are exact fractions while they can be, else mpmath's. Sizes are bounded before anything is computed.
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

import mpmath

from .expression import Node, Unreadable, names_in, parse, walk

LARGEST_EXPONENT = 1000
LARGEST_BITS = 4096
"""Of an exact number, and of the exponent of a rounded one."""
_DIGITS = 40
_TRIGONOMETRIC = frozenset({'sin', 'cos', 'tan', 'cot', 'sec', 'csc'})


@dataclass(frozen=True)
class Reading:
    """How the signs are taken that mean different things to different writers."""

    imaginary: bool = False
    """`i` is the imaginary unit."""
    natural_log: bool = False
    """`log` is to the base e, not 10."""
    degrees: bool = False
    """A plain number under a trigonometric function is in degrees."""


_context = mpmath.mp.clone()
_context.dps = _DIGITS
_lock = threading.Lock()
Value = Any
"""A `Fraction`, or mpmath's real or complex number."""


class _Evaluator:
    """Computes a tree at one point, in bounded time."""

    def __init__(self, reading: Reading, point: dict[str, Fraction]) -> None:
        self._reading, self._point = reading, point

    def value(self, tree: Node) -> Value:
        kind = tree[0]
        if kind == 'num':
            return tree[1]
        if kind == 'pi':
            return +_context.pi
        if kind == 'var':
            return self._variable(tree[1])
        operands = [self.value(part) for part in tree[1:] if isinstance(part, tuple)]
        if kind == 'fn':
            return self._apply(tree[1], operands[0])
        return self._operate(kind, operands)

    def _variable(self, name: str) -> Value:
        if name == 'e':
            return +_context.e
        return _context.mpc(0, 1) if name == 'i' and self._reading.imaginary else self._point[name]

    def _operate(self, kind: str, operands: list[Value]) -> Value:
        if kind == 'neg':
            return -operands[0]
        if kind == '!':
            return self._factorial(operands[0])
        left, right = operands
        if kind == '^':
            return self._power(left, right)
        if kind == 'log':
            return _context.log(_rounded(left)) / _context.log(_rounded(right))
        if not (isinstance(left, Fraction) and isinstance(right, Fraction)):
            left, right = _rounded(left), _rounded(right)
        result = {
            '+': lambda: left + right,
            '-': lambda: left - right,
            '*': lambda: left * right,
            '/': lambda: left / right,
        }
        return _bounded(result[kind]())

    def _power(self, base: Value, exponent: Value) -> Value:
        if not isinstance(exponent, Fraction) or exponent.denominator != 1 or not isinstance(base, Fraction):
            magnitude = abs(_rounded(exponent)) * (1 + abs(_context.log(abs(_rounded(base)) or 1)))
            if magnitude > LARGEST_BITS:
                raise Unreadable('too large a power')
            return _context.power(_rounded(base), _rounded(exponent))
        bits = max(base.numerator.bit_length(), base.denominator.bit_length())
        if abs(exponent) > LARGEST_EXPONENT or abs(exponent) * bits > LARGEST_BITS:
            raise Unreadable('too large a power')
        return base ** int(exponent)

    @staticmethod
    def _factorial(value: Value) -> Value:
        if abs(_rounded(value)) > 200:
            raise Unreadable('too large a factorial')
        if isinstance(value, Fraction) and value.denominator == 1 and value >= 0:
            return Fraction(math.factorial(int(value)))
        return _context.gamma(_rounded(value) + 1)

    def _apply(self, name: str, value: Value) -> Value:
        if name == 'abs':
            return abs(value)
        if name in _TRIGONOMETRIC and self._reading.degrees and isinstance(value, Fraction):
            value = _rounded(value) * _context.pi / 180
        value = _rounded(value)
        if abs(value) > 10**6 and name not in ('ln', 'log', 'sqrt'):
            raise Unreadable('too large an argument')
        if name == 'log':
            return _context.log(value) if self._reading.natural_log else _context.log(value) / _context.log(10)
        known = {'arcsin': 'asin', 'arccos': 'acos', 'arctan': 'atan'}
        function: Callable[[Value], Value] = getattr(_context, known.get(name, name))
        return function(value)


def _rounded(value: Value) -> Value:
    return _context.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else value


def _bounded(value: Value) -> Value:
    if (
        isinstance(value, Fraction)
        and max(value.numerator.bit_length(), value.denominator.bit_length()) > 4 * LARGEST_BITS
    ):
        raise Unreadable('too large a number')
    return value


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
        if isinstance(value, Fraction):
            return value
        if _context.isnan(value) or _context.isinf(value):
            return None
        if isinstance(value, _context.mpc):
            return value.real if abs(value.imag) < abs(value) * _context.mpf(10) ** -30 else value
        return value


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


def equal(left: str, right: str) -> bool | None:
    """Whether two expressions have the same value wherever both have one; None when that cannot be told.

    Raises:
        Unreadable: one of them is no expression.
    """
    return compare(parse(left), parse(right))


def compare(left: Node, right: Node) -> bool | None:
    """As `equal`, for trees."""
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
    plain = any(not names_in(a) and ('pi',) not in walk(a) for a in functions)
    return [Reading(i, b, d) for i, b, d in product(imaginary, natural, (False, True) if plain else (False,))]


def _equal_under(left: Node, right: Node, reading: Reading) -> bool | None:
    same = different = apart = 0
    for point in points_for(names_in(left) | names_in(right)):
        a, b = value_of(left, reading, point), value_of(right, reading, point)
        if a is None or b is None or (not reading.imaginary and (_is_complex(a) or _is_complex(b))):
            apart += (a is None or _is_complex(a)) != (b is None or _is_complex(b))
        elif agree(a, b):
            same += 1
        else:
            different += 1
    if different:
        return None if same else False
    return True if same and not apart else None


def agree(a: Value, b: Value) -> bool:
    """Whether two values are the same, exactly or to 30 digits."""
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return a == b
    x, y = _rounded(a), _rounded(b)
    return bool(abs(x - y) <= max(abs(x), abs(y), _context.mpf(1e-9)) * _context.mpf(10) ** -30)


def proportional(left: Node, right: Node) -> bool:
    """Whether one expression is the other times a constant, wherever both have a value."""
    points = points_for(names_in(left) | names_in(right))
    pairs = [(value_of(left, point=p), value_of(right, point=p)) for p in points]
    known = [(_rounded(a), _rounded(b)) for a, b in pairs if a and b]
    if len(known) < 4 or len(known) < len([p for p in pairs if None not in p]):
        return False
    (first, second), *others = known
    return all(agree(a * second, b * first) for a, b in others)


def _is_complex(value: Value) -> bool:
    return bool(isinstance(value, _context.mpc))


def nearly(left: Node, right: Node) -> bool:
    """Whether two numbers are so near, or are rational and rounded, that one may be the other rounded."""
    if names_in(left) or names_in(right):
        return False
    a, b = value_of(left), value_of(right)
    if a is None or b is None or _is_complex(a) or _is_complex(b):
        return False
    x, y = _rounded(a), _rounded(b)
    return bool(abs(x - y) <= abs(x) * _context.mpf('0.006'))
