r"""Mathematical answers: expressions, equations, solutions, sets, points, intervals and matrices.

Owns the structure around expressions: what is ordered, what is a set, which bracket is closed. `expression` reads and
compares each expression. Sums and quotients of plain numbers (`3-1`, `120/80`, `12 × 7`) are no formula here: they
are printed, or the task itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from .expression import Node, Unreadable, is_number, names_in, parse
from .quantity import parse_quantity
from .question import Question
from .reading import Row, listed, read, row
from .text import normal, tokens
from .values import compare, nearly, proportional
from .verdict import RuleVerdict, match, mismatch, undecided

LONGEST_CHARS = 400
"""Longer texts are left to the judge."""
_INFINITE: Node = ('infinity',)


@dataclass(frozen=True)
class Values:
    """One value, or several: solutions, a set, a list."""

    items: tuple[Node, ...]
    is_set: bool = False
    """Their order says nothing (braces, "or", ±)."""
    variable: str = ''
    """The name on the left of `x = 5`."""


@dataclass(frozen=True)
class Bracketed:
    """A point, an interval or a list. Order and brackets count."""

    items: tuple[Node, ...]
    brackets: str
    variable: str = ''
    """The letter of the inequality it was."""


@dataclass(frozen=True)
class Union:
    """Several intervals."""

    parts: tuple[Bracketed, ...]


@dataclass(frozen=True)
class Equation:
    """An equation that is more than a name and its value."""

    left: Node
    right: Node


@dataclass(frozen=True)
class Matrix:
    """Rows of entries."""

    rows: tuple[tuple[Node, ...], ...]


Formula = Values | Bracketed | Union | Equation | Matrix

_SIGNS = tuple(
    (re.compile(pattern), new)
    for pattern, new in (
        (r'\\left(?![A-Za-z])|\\right(?![A-Za-z])|\\displaystyle', ''),
        (r'\\text ?\{ ?(or|and) ?\}', r' \1 '),
        (r'≤|<=|⩽|\\leq(?:slant)?(?![A-Za-z])', r'\\le '),
        (r'≥|>=|⩾|\\geq(?:slant)?(?![A-Za-z])', r'\\ge '),
        (r'\\lt(?![A-Za-z])', '<'),
        (r'\\gt(?![A-Za-z])', '>'),
        (r'±|\+/-', r'\\pm '),
        (r'∞|(?<![A-Za-z\\])(?:infinity|inf|oo)(?![A-Za-z])|\\infin(?![A-Za-z])', r'\\infty '),
        (r'∪|(?<=[)\]]) ?U ?(?=[(\[])', r'\\cup '),
        (r'∈', r'\\in '),
        (r'(?<=[)\]]) union (?=[(\[])', r'\\cup '),
    )
)
_WORD = re.compile(r'(?<!\\)[A-Za-z]{2,}')
_KNOWN_WORDS = frozenset(listed('sin cos tan cot sec csc log ln exp sqrt pi abs arcsin arccos arctan or and'))
_ARITHMETIC = re.compile(r'[\d\s.+\-*/×÷·:()]+|(?:[\d\s.+\-*/:()]|\\cdot|\\times|\\div)+')
_ONE_NUMBER = re.compile(r'[+-]? ?\d*\.?\d+(?: ?/ ?\d+)?')
_NAME = r'[A-Za-z](?:_\{?\w+\}?)?'
_GROUPED = re.compile(r'(?<![\d,])(\d{1,3}(?:,\d{3})+)(?![\d,])')


@lru_cache(maxsize=8192)
def read_formula(text: str) -> Formula | None:
    """Reads a text that is one formula as a whole; None when it is anything else."""
    text = normal(text)
    if not text or len(text) > LONGEST_CHARS or _is_wording(text):
        return None
    for pattern, new in _SIGNS:
        text = pattern.sub(new, text)
    if not re.search(r'[()\[\]{}]', text):
        text = _GROUPED.sub(lambda m: m[1].replace(',', ''), text)
    try:
        return read(_TABLE, text.strip())
    except Unreadable:
        return None


def _is_wording(text: str) -> bool:
    """Whether letters stand together that are no name of mathematics; a few small ones may be a product (`2ab`)."""
    marked = re.search(r'[\d\\^=]', text) is not None
    for word in _WORD.findall(re.sub(r'\\(?:begin|end)\{\w+\}|\\[A-Za-z]+', ' ', text)):
        if word.casefold() in _KNOWN_WORDS or word in ('infinity', 'inf', 'oo', 'union'):
            continue
        if not (marked and word.islower() and len(word) <= 3):
            return True
    return False


def _expression(text: str) -> Node:
    text = text.strip()
    if re.fullmatch(r'[+-]? ?\\infty ?', text):
        return ('neg', _INFINITE) if text.startswith('-') else _INFINITE
    if _ARITHMETIC.fullmatch(text) and not _ONE_NUMBER.fullmatch(text):
        raise Unreadable('arithmetic of plain numbers')
    return parse(text)


def split(text: str, pattern: str) -> list[str]:
    """The parts between separators that stand outside every bracket."""
    parts, depth, start = [], 0, 0
    for mark in re.finditer(rf'(?P<open>\\?[{{(\[])|(?P<close>\\?[}})\]])|(?P<by>{pattern})', text):
        if mark['by'] is None:
            depth += 1 if mark['open'] else -1
        elif depth == 0:
            parts.append(text[start : mark.start()])
            start = mark.end()
    return [p.strip() for p in (*parts, text[start:])]


_NAMED = re.compile(r'\s*\$?\s*([A-Za-z])\s*(?:=|∈|\\in(?![a-z]))')
_OR = re.compile(r'\bor\b')
_LISTED = r',|;|\bor\b|\band\b'


def _items(text: str) -> tuple[Node, ...]:
    return tuple(_expression(p) for p in split(text, '[,;]'))


def _set(found: re.Match[str]) -> Values:
    return _spread(split(found['body'], '[,;]'), is_set=True)


def _spread(parts: list[str], is_set: bool, variable: str = '') -> Values:
    """The parts as values; `±a` is two of them."""
    values: list[Node] = []
    for part in parts:
        if '\\pm' in part:
            is_set = True
            values += [_expression(part.replace('\\pm', sign, 1).strip().removeprefix('+')) for sign in '+-']
        else:
            values.append(_expression(part))
    return Values(tuple(values), is_set, variable)


def _bracketed(found: re.Match[str]) -> Bracketed | None:
    items = _items(found['body'])
    return Bracketed(items, found['open'] + found['close']) if len(items) > 1 else None


def _union(found: re.Match[str]) -> Union | None:
    parts = [read(_TABLE[:1], p) for p in split(found[0], r'\\cup')]
    known = tuple(p for p in parts if isinstance(p, Bracketed))
    return Union(known) if len(parts) > 1 and len(known) == len(parts) else None


def _matrix(found: re.Match[str]) -> Matrix:
    rows = [r for r in re.split(r'\\\\', found['body']) if r.strip()]
    return Matrix(tuple(tuple(_expression(cell) for cell in r.split('&')) for r in rows))


def _two_sided(found: re.Match[str]) -> Bracketed:
    low, high = found['low'], found['high']
    first, second = found['first'].strip(), found['second'].strip()
    if first[0] == '>' or first == '\\ge':
        low, high, first, second = high, low, second, first
    brackets = ('[' if 'e' in first else '(') + (']' if 'e' in second else ')')
    return Bracketed((_expression(low), _expression(high)), brackets, found['name'])


def _one_sided(found: re.Match[str]) -> Bracketed | None:
    left, right, sign = found['left'].strip(), found['right'].strip(), found['sign'].strip()
    letter_first = re.fullmatch('[A-Za-z]', left) is not None
    if letter_first == (re.fullmatch('[A-Za-z]', right) is not None):
        return None
    closed, less = 'e' in sign, sign in ('<', '\\le')
    name, bound = (left, right) if letter_first else (right, left)
    if less is letter_first:
        return Bracketed((('neg', _INFINITE), _expression(bound)), '(' + (']' if closed else ')'), name)
    return Bracketed((_expression(bound), _INFINITE), ('[' if closed else '(') + ')', name)


def _values(found: re.Match[str]) -> Values | Equation | None:
    parts = split(found[0], _LISTED)
    is_set = re.search(r'\bor\b', found[0]) is not None
    names, bodies = set(), []
    for part in parts:
        sides = part.split('=')
        if len(sides) > 2 or re.search(r'[<>]|\\(?:le|ge|ne|in|cup)(?![A-Za-z])', part):
            return None
        named = len(sides) == 2 and re.fullmatch(_NAME, sides[0].strip())
        names.add(sides[0].strip() if named else '')
        if len(sides) == 2 and (not named or names_in(parse(sides[1].replace('\\pm', '+')))):
            return Equation(_expression(sides[0]), _expression(sides[1])) if len(parts) == 1 else None
        bodies.append(sides[-1])
    names.discard('')
    if len(names) > 1:
        return None
    return _spread(bodies, is_set or bool(names and len(parts) > 1), ''.join(names))


_LESS_OR_MORE = r'(?P<{}>[<>]|\\le(?![A-Za-z])|\\ge(?![A-Za-z]))'
_IN = rf'(?:{_NAME} ?(?:=|\\in) ?)?'
_TABLE: tuple[Row[Formula], ...] = (
    row('brackets', rf'{_IN}(?P<open>[(\[])(?P<body>[^\[\]]+)(?P<close>[)\]])', _bracketed),
    row('braces', rf'{_IN}\\\{{(?P<body>.*)\\\}}', _set),
    row('bare braces', rf'{_IN}\{{(?P<body>[^{{}}]*)\}}', _set),
    row('matrix', r'\\begin\{(?P<kind>[bp]?matrix)\}(?P<body>.*)\\end\{(?P=kind)\}', _matrix, re.DOTALL),
    row('union', r'[(\[].*\\cup.*[)\]]', _union),
    row('two-sided inequality', rf'(?P<low>[^<>=]+){_LESS_OR_MORE.format("first")}\s*(?P<name>[A-Za-z])\s*'
        rf'{_LESS_OR_MORE.format("second")}(?P<high>[^<>=]+)', _two_sided),
    row('inequality', rf'(?P<left>[^<>=]+?){_LESS_OR_MORE.format("sign")}(?P<right>[^<>=]+)', _one_sided),
    row('values', r'.+', _values),
)  # fmt: skip


def decide_formula(question: Question, reference: str, answer: str) -> RuleVerdict | None:
    """Two formulas; None when one side is none. A plain number on one side may meet a formula on the other."""
    if any(q is not None and not q.is_plain for q in (parse_quantity(reference), parse_quantity(answer))):
        return None
    wanted = read_formula(reference)
    given = read_formula(answer) if wanted is not None else None
    if wanted is None or given is None or not (_has_signs(reference) or _has_signs(answer)):
        return None
    try:
        verdict = _compare(question, wanted, given)
    except Unreadable:
        return undecided('too large to compute')
    if verdict.verdict.value == 'mismatch' and re.fullmatch(r'\d+ ?!+', answer):
        return undecided('exclaimed or a factorial')
    if verdict.verdict.value != 'match' or _layout(reference) == _layout(answer):
        return verdict
    if question.asks_form:
        return undecided('form asked for')
    names = [found[1] for found in map(_NAMED.match, (reference, answer)) if found]
    if len(set(names)) == 2:
        return undecided('other variable')
    several = max(len(getattr(side, 'items', ())) for side in (wanted, given)) > 1
    if several and not (names or question.unknown) and len({bool(_OR.search(t)) for t in (reference, answer)}) == 2:
        return undecided('alternatives or a list')
    number = parse_quantity(reference)
    if number is not None and number.is_plain and not all(is_number(i) for i in getattr(given, 'items', ())):
        return undecided('not computed')
    copied = (
        len(_layout(answer)) > 3 and _layout(answer) in question.compact and _layout(reference) not in question.compact
    )
    return undecided('copied') if copied else verdict


def _has_signs(text: str) -> bool:
    return (
        re.search(r'[\\^=<>√π±∞∪²³!|(\[{]|sqrt|\d ?[A-Za-z]|[A-Za-z] ?[-+*/]|[-+*/] ?[A-Za-z]', normal(text))
        is not None
    )


def _layout(text: str) -> str:
    return ''.join(
        tokens(re.sub(r'\\(?:left|right|[,;:! ])|\$', '', normal(text)).replace('\\dfrac', '\\frac').casefold())
    )


def _compare(question: Question, wanted: Formula, given: Formula) -> RuleVerdict:
    if isinstance(wanted, Values) and isinstance(given, Values):
        return _compare_values(question, wanted, given)
    if isinstance(wanted, Bracketed) and isinstance(given, Bracketed):
        return _compare_bracketed(question, wanted, given)
    if isinstance(wanted, Union) and isinstance(given, Union):
        return _compare_unions(question, wanted, given)
    if isinstance(wanted, Equation) and isinstance(given, Equation):
        return _compare_equations(wanted, given)
    if isinstance(wanted, Matrix) and isinstance(given, Matrix):
        if [len(r) for r in wanted.rows] != [len(r) for r in given.rows]:
            return mismatch('shape')
        return _all(
            _same(a, b) for r, s in zip(wanted.rows, given.rows, strict=True) for a, b in zip(r, s, strict=True)
        )
    return undecided('formulas of different kinds')


def _same(left: Node, right: Node) -> bool | None:
    unbounded = [_INFINITE in (side, *side[1:]) for side in (left, right)]
    if any(unbounded):
        return left == right if all(unbounded) else False
    same = compare(left, right)
    return None if same is False and nearly(left, right) else same


def _all(found: Iterable[bool | None]) -> RuleVerdict:
    verdicts = list(found)
    if False in verdicts:
        return mismatch('formula')
    return undecided('formula') if None in verdicts else match('formula')


def _compare_values(question: Question, wanted: Values, given: Values) -> RuleVerdict:
    if wanted.variable and given.variable and wanted.variable != given.variable:
        return undecided('other variable')
    if given.variable and question.unknown not in ('', given.variable):
        return undecided('other variable')
    if len(wanted.items) == len(given.items):
        in_order = _all([_same(a, b) for a, b in zip(wanted.items, given.items, strict=True)])
        if len(wanted.items) == 1 or in_order.verdict.value == 'match':
            return in_order
    if not (wanted.is_set or given.is_set):
        return undecided('order')
    table = [[_same(a, b) for b in given.items] for a in wanted.items]
    if any(None in cells for cells in table):
        return undecided('solutions')
    covered = all(map(any, table)) and all(any(column) for column in zip(*table, strict=True))
    return match('solutions') if covered else mismatch('solutions')


def _compare_bracketed(question: Question, wanted: Bracketed, given: Bracketed) -> RuleVerdict:
    if wanted.variable and given.variable and wanted.variable != given.variable:
        return undecided('other variable')
    if len(wanted.items) != len(given.items):
        return mismatch('items')
    verdict = _all([_same(a, b) for a, b in zip(wanted.items, given.items, strict=True)])
    if verdict.verdict.value != 'match':
        return verdict
    point = len(wanted.items) != 2 or question.asks_point
    if wanted.brackets == given.brackets:
        return undecided('point or interval') if point and (wanted.variable or given.variable) else verdict
    unbounded = any(i in (_INFINITE, ('neg', _INFINITE)) for i in wanted.items)
    mixed = {'[)', '(]'} & {wanted.brackets, given.brackets}
    interval = question.asks_interval or unbounded or mixed or wanted.variable
    return mismatch('brackets') if interval and not point else undecided('brackets')


def _compare_unions(question: Question, wanted: Union, given: Union) -> RuleVerdict:
    if len(wanted.parts) != len(given.parts):
        return undecided('union')
    left, right = (sorted(side.parts, key=lambda p: str(p.items)) for side in (wanted, given))
    found = [_compare_bracketed(question, a, b).verdict.value for a, b in zip(left, right, strict=True)]
    return match('union') if set(found) == {'match'} else undecided('union')


def _compare_equations(wanted: Equation, given: Equation) -> RuleVerdict:
    """Two equations are the same when the differences of their sides are, up to a constant factor."""
    names = names_in(wanted.left) | names_in(wanted.right)
    if names != names_in(given.left) | names_in(given.right):
        return undecided('other variable')
    first, second = ('-', wanted.left, wanted.right), ('-', given.left, given.right)
    if proportional(first, second):
        return match('equation')
    solved = wanted.left == given.left and wanted.left[0] == 'var' and wanted.left[1] not in names_in(wanted.right)
    if solved and given.left[1] not in names_in(given.right) and _same(wanted.right, given.right) is False:
        return mismatch('equation')
    return undecided('equation')
