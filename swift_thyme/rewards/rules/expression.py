r"""One expression, LaTeX or typed, read whole into a tree, and whether two trees have the same value.

Owns the grammar and the comparison by value. Every token must be in the grammar, otherwise `Unreadable`: math-verify
and sympy's LaTeX reader read `2 3` as 5, `3 (or 4)` as 4 and `Y=1+X` as `y=1+x`, so neither can tell what it did not
understand. `values` compares: exact fractions while they can be, else mpmath's; sizes are bounded before anything is
computed, therefore a comparison takes milliseconds whatever the text, in any thread, and its verdict does not depend
on the machine's load.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from math import gcd
from typing import Any

from ...errors import ThymeError
from .reading import listed

MOST_TOKENS = 160
_GREEK = listed(
    'alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho sigma '
    'tau phi varphi chi psi omega Gamma Delta Theta Lambda Xi Sigma Phi Psi Omega'
)
_FUNCTIONS = listed('sin cos tan cot sec csc arcsin arccos arctan asin acos atan sinh cosh tanh ln log exp sqrt abs')
_APPLIED = frozenset('fghFGHPE')
"""Names that a bracket behind them is an argument of."""
_IGNORED = re.compile(r'\\(?:left|right|displaystyle|[,;:! ])(?![A-Za-z])|\s+')
_TOKEN = re.compile(r'\\[A-Za-z]+|\*\*|\d+(?:\.\d+)?|\.\d+|[A-Za-z]+|\S')
_SPELLINGS = {
    '\\dfrac': '\\frac', '\\tfrac': '\\frac', '\\cfrac': '\\frac',
    '\\cdot': '*', '\\times': '*', '·': '*', '×': '*', '\\div': '/', '÷': '/',
    '**': '^', '√': '\\sqrt', 'π': '\\pi', 'pi': '\\pi', '\\ast': '*',
    **{letter: f'\\{name}' for letter, name in zip(
        'αβγδεζηθικλμνξρστφχψωΓΔΘΛΞΣΦΨΩ', (n for n in _GREEK if not n.startswith('var')), strict=True)},
}  # fmt: skip
_UNCLEAR = re.compile(r'[\d.]\s+[\d.]|\d[eE][+-]?\d')
"""Two numbers side by side, and a power of ten that may be a multiple of Euler's number (`1e-3`)."""


class Unreadable(ThymeError):
    """A text is no expression of the grammar, or too large to be computed."""


Node = tuple[Any, ...]
"""Operator first, operands after: `('num', Fraction)`, `('var', name)`, `('+', a, b)`, `('fn', name, a)`, …"""


@lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """Reads an expression.

    Raises:
        Unreadable: a token is unknown, or something is left over.
    """
    if _UNCLEAR.search(text):
        raise Unreadable('two numbers side by side, or one with an exponent')
    tokens = list(_tokens(text))
    if not tokens or len(tokens) > MOST_TOKENS:
        raise Unreadable(f'got {len(tokens)} tokens; expected 1 to {MOST_TOKENS}')
    parser = _Parser(tokens)
    tree = parser.sum()
    if parser.next is not None:
        raise Unreadable(f'left over: {parser.next!r}')
    return tree


def _tokens(text: str) -> Iterator[str]:
    """The tokens; letters side by side are factors, each with a power of its own: `mc^2` is m·c²."""
    for token in _TOKEN.findall(_IGNORED.sub(' ', text)):
        spelled = _SPELLINGS.get(token, token)
        together = spelled.isascii() and spelled.isalpha() and spelled not in _FUNCTIONS and len(spelled) <= 3
        yield from spelled if together else [spelled]


class _Parser:
    """Recursive descent over tokens."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens, self._at, self._depth = tokens, 0, 0

    @property
    def next(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self, expected: str | None = None) -> str:
        token = self.next
        if token is None or (expected is not None and token != expected):
            raise Unreadable(f'got {token!r}; expected {expected or "more"!r}')
        self._at += 1
        return token

    def sum(self) -> Node:
        self._depth += 1
        if self._depth > 40:
            raise Unreadable('nested too deeply')
        tree = self._signed()
        while self.next in ('+', '-'):
            tree = (self._take(), tree, self._product())
        self._depth -= 1
        return tree

    def _signed(self) -> Node:
        if self.next in ('+', '-'):
            sign = self._take()
            inner = self._product()
            return ('neg', inner) if sign == '-' else inner
        return self._product()

    def _product(self) -> Node:
        tree, divided = self._power(), False
        while True:
            if self.next in ('*', '/'):
                operator = self._take()
                divided = operator == '/'
                tree = (operator, tree, ('neg', self._power()) if self._minus() else self._power())
            elif self._starts_factor():
                if divided:
                    raise Unreadable('what a slash divides by is not clear')
                tree = ('*', tree, self._power())
            else:
                return tree

    def _minus(self) -> bool:
        if self.next == '-':
            self._take()
            return True
        return False

    def _starts_factor(self) -> bool:
        token = self.next
        return token is not None and (token[0].isalpha() or token[0] == '\\' or token in ('(', '{'))

    def _power(self) -> Node:
        base = self._atom()
        while self.next in ('^', '!'):
            if self._take() == '!':
                base = ('!', base)
                continue
            base = ('^', base, self._group())
            if self.next == '^':
                raise Unreadable('a power of a power, without brackets')
        return base

    def _group(self) -> Node:
        """What `^`, `\\frac` or `\\sqrt` governs: `{…}`, or one sign."""
        if self.next == '{':
            return self._enclosed('{', '}')
        if self._minus():
            return ('neg', self._group())
        return self._atom()

    def _enclosed(self, opening: str, closing: str) -> Node:
        self._take(opening)
        inner = self.sum()
        self._take(closing)
        return inner

    def _atom(self) -> Node:
        token = self._take()
        if token[0].isdigit() or (token[0] == '.' and len(token) > 1):
            return ('num', Fraction(token))
        closing = {'(': ')', '{': '}', '|': '|'}.get(token)
        if closing:
            inner = self.sum()
            self._take(closing)
            return ('fn', 'abs', inner) if token == '|' else inner
        name = token.lstrip('\\')
        if name == 'pi' and token[0] == '\\':
            return ('pi',)
        if name in _FUNCTIONS:
            return self._function(name)
        if token == '\\frac':
            return self._fraction()
        if token[0] == '\\' and name in _GREEK:
            return ('var', self._named(token))
        if token.isascii() and token.isalpha() and len(token) == 1:
            return ('var', self._named(token))
        raise Unreadable(f'unknown: {token!r}')

    def _named(self, name: str) -> str:
        """A name with its index (`x_1`, `x_{12}`), or with what it is applied to (`f(x)`): one name, no product."""
        if self.next == '_':
            self._take()
            index = self._take()
            if index == '{':
                index = self._take()
                self._take('}')
            name = f'{name}_{index}'
        if name[0] in _APPLIED and self.next == '(':
            opened = self._at
            self._enclosed('(', ')')
            name += ''.join(self._tokens[opened : self._at])
        return name

    def _fraction(self) -> Node:
        packed = self.next
        if packed is not None and len(packed) == 2 and packed.isdigit():
            self._take()
            return ('/', ('num', Fraction(packed[0])), ('num', Fraction(packed[1])))
        return ('/', self._group(), self._group())

    def _function(self, name: str) -> Node:
        if name == 'sqrt' and self.next == '[':
            degree = self._enclosed('[', ']')
            return ('^', self._group(), ('/', ('num', Fraction(1)), degree))
        base = power = None
        if name == 'log' and self.next == '_':
            self._take()
            base = self._group()
        if self.next == '^' and name != 'sqrt':
            self._take()
            power = self._group()
        if power is not None and power[0] == 'neg':
            if power[1] != ('num', Fraction(1)) or f'arc{name}' not in _FUNCTIONS:
                raise Unreadable('whether a negative power of a function is its inverse is not clear')
            name, power = f'arc{name}', None
        argument = self._group() if self.next in ('{', '(') or name == 'sqrt' else self._argument()
        tree: Node = ('fn', name, argument) if base is None else ('log', argument, base)
        return tree if power is None else ('^', tree, power)

    def _argument(self) -> Node:
        """What a function without brackets is applied to: the product up to the next operator or function."""
        tree = self._power()
        while self._starts_factor() and (self.next or '').lstrip('\\') not in _FUNCTIONS:
            tree = ('*', tree, self._power())
        return tree


def walk(tree: Node) -> Iterator[Node]:
    """A tree and everything in it."""
    yield tree
    for part in tree[1:]:
        if isinstance(part, tuple):
            yield from walk(part)


def names_in(tree: Node) -> frozenset[str]:
    """The names that stand for any number; `e` is Euler's number."""
    return frozenset(n[1] for n in walk(tree) if n[0] == 'var' and n[1] != 'e')


def is_number(tree: Node) -> bool:
    """Whether an expression is a plain number or a fraction in lowest terms: nothing is left to compute."""
    if tree[0] == 'neg':
        return is_number(tree[1])
    if tree[0] == '/' and tree[1][0] == tree[2][0] == 'num':
        over, under = tree[1][1], tree[2][1]
        return bool(over.denominator == under.denominator == 1 < under and gcd(int(over), int(under)) == 1)
    return bool(tree[0] == 'num')
