r"""Mathematical answers: expressions, equations, solutions, sets, points, intervals and matrices.

Owns the structure around expressions: what is ordered, what is a set, which bracket is closed. `expression` reads and
compares each expression. Sums and quotients of plain numbers (`3-1`, `120/80`, `12 × 7`) are no formula here: they
are printed, or the task itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import combinations
from typing import Any

from .expression import Node, Unreadable, is_number, names_in, parse
from .quantity import parse_quantity
from .question import Question
from .reading import Row, listed, read, row
from .text import layout, normal
from .units import unit_of
from .values import compare, nearly, proportional
from .verdict import RuleVerdict, Verdict, match, mismatch, undecided
from .words import ARTICLES, NEGATION

LONGEST_CHARS = 400
"""Longer texts are left to the judge."""
_INFINITE: Node = ('infinity',)


class Kind(str, Enum):
    """How the parts of a formula stand together."""

    LIST = 'list'
    """One value, or several in an order that may matter."""
    SET = 'set'
    """Values whose order says nothing (braces, "or", ±)."""
    NAMED = 'named'
    """Values of different names, in the order of the names."""
    BRACKETS = 'brackets'
    """A point, an interval or a list. Order and brackets count."""
    UNION = 'union'
    MATRIX = 'matrix'
    EQUATION = 'equation'
    """An equation that is more than a name and its value: its two sides."""
    UNEQUAL = 'unequal'


@dataclass(frozen=True)
class Group:
    """A formula: its parts, and how they stand together."""

    kind: Kind
    items: tuple[Any, ...]
    """Each a `Node` or a `Group`."""
    mark: str = ''
    """The brackets, or the names of the parts."""
    name: str = ''
    """The name on the left of `x = 5`, or the letter of the inequality it was."""


_SIGNS = tuple(
    (re.compile(pattern), new)
    for pattern, new in (
        (r'\\left(?![A-Za-z])|\\right(?![A-Za-z])|\\displaystyle|\\q?quad(?![A-Za-z])', ' '),
        (r'\\(?:text|mathrm|mathbf|operatorname) ?\{ ?([A-Za-z]+) ?\}', r' \1 '),
        (r'≤|<=|⩽|\\leq(?:slant)?(?![A-Za-z])', r'\\le '),
        (r'≥|>=|⩾|\\geq(?:slant)?(?![A-Za-z])', r'\\ge '),
        (r'≠|!=|\\neq(?![A-Za-z])', r'\\ne '),
        (r'\\lt(?![A-Za-z])', '<'),
        (r'\\gt(?![A-Za-z])', '>'),
        (r'±|\+/-', r'\\pm '),
        (r'∞|(?<![A-Za-z\\])(?:infinity|inf|oo)(?![A-Za-z])|\\infin(?![A-Za-z])', r'\\infty '),
        (r'∪|(?<=[)\]]) ?(?:U|union) ?(?=[(\[])', r'\\cup '),
        (r'∈', r'\\in '),
        (r'\A\[ ?\\begin\{array\}\{[clr| ]+\}(.*)\\end\{array\} ?\]\Z', r'\\begin{bmatrix}\1\\end{bmatrix}'),
    )
)
_WORD = re.compile(r'(?<!\\)[A-Za-z]{2,}')
_KNOWN_WORDS = frozenset(listed('sin cos tan cot sec csc log ln exp sqrt pi abs arcsin arccos arctan or and'))
_SHORT_WORDS = NEGATION | ARTICLES | frozenset(listed('is are was to of in on at by if but for all any so as it'))
"""Words of no more letters than a product may have."""
_ARITHMETIC = re.compile(r'[\d\s.+\-*/×÷·:()]+|(?:[\d\s.+\-*/:()]|\\cdot|\\times|\\div)+')
_ONE_NUMBER = re.compile(r'[+-]? *\d*\.?\d+(?: ?/ ?\d+)?')
_NAME = r'[A-Za-z](?:_\w|_\{\w+\})?(?:\([a-z]\))?'
_GROUPED = re.compile(r'(?<![\d,])(\d{1,3}(?:,\d{3})+)(?![\d,])')


@lru_cache(maxsize=8192)
def read_formula(text: str) -> Group | None:
    """Reads a text that is one formula as a whole; None when it is anything else."""
    text = normal(text)
    if not text or len(text) > LONGEST_CHARS:
        return None
    for pattern, new in _SIGNS:
        text = pattern.sub(new, text.strip())
    if _is_wording(text):
        return None
    if not re.search(r'[()\[\]{}]', text):
        text = _GROUPED.sub(lambda m: m[1].replace(',', ''), text)
    try:
        return read(TABLE, text.strip())
    except Unreadable:
        return None


def _is_wording(text: str) -> bool:
    """Whether letters stand together that are no name of mathematics; a few small ones may be a product (`2ab`)."""
    marked = re.search(r'[\d\\^=]', text) is not None
    for word in _WORD.findall(re.sub(r'\\(?:begin|end)\{\w+\}|\\[A-Za-z]+', ' ', text)):
        product = marked and word.islower() and len(word) <= 3 and word not in _SHORT_WORDS
        if not product and word.casefold() not in _KNOWN_WORDS:
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
            if depth < 0:
                raise Unreadable('a bracket closes that was not opened')
        elif depth == 0:
            parts.append(text[start : mark.start()])
            start = mark.end()
    return [p.strip() for p in (*parts, text[start:])]


_TIMES = re.compile(r'cdot|times|[·×*]')
_NAMED = re.compile(r'\s*\$?\s*([A-Za-z])\s*(?:=|∈|\\in(?![a-z]))')
_OR = re.compile(r'\bor\b')
_MEASURED = re.compile(r'(?P<of>.*[\d)}]) ?(?P<unit>[A-Za-zμΩ°/]+)')
_LISTED = r',\s*(?:or|and)\b|,|;|\bor\b|\band\b'


def _item(text: str) -> Node | Group:
    """A part of a list: an expression, or a point."""
    return read(TABLE[:1], text) or _expression(text)


def _spread(parts: list[str], kind: Kind, name: str = '') -> Group:
    """The parts as values; `±a` is two of them."""
    values: list[Node | Group] = []
    for part in parts:
        if '\\pm' in part:
            kind = Kind.SET
            values += [_expression(part.replace('\\pm', sign, 1).strip().removeprefix('+')) for sign in '+-']
        else:
            values.append(_item(part))
    return Group(kind, tuple(values), name=name)


def _bracketed(found: re.Match[str]) -> Group | None:
    try:
        items = tuple(map(_expression, split(found['body'], '[,;]')))
    except Unreadable:
        return None
    return Group(Kind.BRACKETS, items, found['open'] + found['close']) if len(items) > 1 else None


def _union(found: re.Match[str]) -> Group | None:
    parts = tuple(p for p in (read(TABLE[:1], p) for p in split(found['body'], r'\\cup')) if p is not None)
    return Group(Kind.UNION, parts) if len(parts) == len(split(found['body'], r'\\cup')) > 1 else None


def _matrix(found: re.Match[str]) -> Group:
    rows = [r for r in re.split(r'\\\\', found['body']) if r.strip()]
    return Group(Kind.MATRIX, tuple(Group(Kind.LIST, tuple(map(_expression, r.split('&')))) for r in rows))


def _two_sided(found: re.Match[str]) -> Group:
    low, high = found['low'], found['high']
    first, second = found['first'].strip(), found['second'].strip()
    if first[0] == '>' or first == '\\ge':
        low, high, first, second = high, low, second, first
    brackets = ('[' if 'e' in first else '(') + (']' if 'e' in second else ')')
    return Group(Kind.BRACKETS, (_expression(low), _expression(high)), brackets, found['name'])


def _one_sided(found: re.Match[str]) -> Group | None:
    left, right, sign = found['left'].strip(), found['right'].strip(), found['sign'].strip()
    letter_first = re.fullmatch('[A-Za-z]', left) is not None
    if letter_first == (re.fullmatch('[A-Za-z]', right) is not None):
        return None
    closed, less = 'e' in sign, sign in ('<', '\\le')
    name, bound = (left, right) if letter_first else (right, left)
    if less is letter_first:
        ends, brackets = (('neg', _INFINITE), _expression(bound)), '(' + (']' if closed else ')')
    else:
        ends, brackets = (_expression(bound), _INFINITE), ('[' if closed else '(') + ')'
    return Group(Kind.BRACKETS, ends, brackets, name)


def _values(found: re.Match[str]) -> Group | None:
    parts = [p.split('=') for p in split(found[0], _LISTED)]
    if any(len(sides) > 2 or not sides[0].strip() for sides in parts):
        return None
    if re.search(r'[<>]|\\(?:le|ge|ne|in|cup)(?![A-Za-z])', found[0]):
        return None
    if len(parts) == 1 and re.fullmatch(_NAME, parts[0][-1].strip()) and not re.search('[A-Za-z]', parts[0][0]):
        parts[0].reverse()
    names = [sides[0].strip() if len(sides) == 2 else '' for sides in parts]
    bodies = [sides[-1] for sides in parts]
    if len(parts) == 1 and names[0]:
        body = None if '\\pm' in bodies[0] else _item(bodies[0].strip())
        if not re.fullmatch(_NAME, names[0]) or (isinstance(body, tuple) and names_in(body)):
            return Group(Kind.EQUATION, (_expression(names[0]), _expression(bodies[0])))
    known = set(names) - {''}
    if any(not re.fullmatch(_NAME, name) for name in known):
        return None
    if len(known) < 2:
        return _spread(
            bodies, Kind.SET if (known and len(parts) > 1) or _OR.search(found[0]) else Kind.LIST, ''.join(known)
        )
    if len(known) < len(parts):
        return None
    pairs = sorted(zip(names, map(_expression, bodies), strict=True), key=lambda pair: pair[0])
    joined = ','.join(name for name, _ in pairs)
    return Group(Kind.NAMED, tuple(value for _, value in pairs), f'or {joined}' if _OR.search(found[0]) else joined)


_LESS_OR_MORE = r'(?P<{}>[<>]|\\le(?![A-Za-z])|\\ge(?![A-Za-z]))'
_N = r'[+-]?\d*\.?\d+'
_IN = rf'(?:(?:{_NAME}|\({_NAME}(?:, ?{_NAME})*\)) ?(?:=|\\in) ?)?'
TABLE: tuple[Row[Group], ...] = (
    row('brackets', rf'{_IN}(?P<open>[(\[])(?P<body>[^\[\]]+)(?P<close>[)\]])', _bracketed),
    row('empty set', r'\\emptyset|\\varnothing|∅|\\?\{ ?\\?\}', lambda _: Group(Kind.SET, ())),
    row('braces', rf'{_IN}\\\{{(?P<body>.*)\\\}}', lambda m: _spread(split(m['body'], '[,;]'), Kind.SET)),
    row('bare braces', rf'{_IN}\{{(?P<body>[^{{}}]*)\}}', lambda m: _spread(split(m['body'], '[,;]'), Kind.SET)),
    row('matrix', r'\\begin\{(?P<kind>[bp]?matrix)\}(?P<body>.*)\\end\{(?P=kind)\}', _matrix, re.DOTALL),
    row('union', rf'{_IN}(?P<body>[(\[].*\\cup.*[)\]])', _union),
    row('two-sided inequality', rf'(?P<low>[^<>=]+){_LESS_OR_MORE.format("first")}\s*(?P<name>[A-Za-z])\s*'
        rf'{_LESS_OR_MORE.format("second")}(?P<high>[^<>=]+)', _two_sided),
    row('inequality', rf'(?P<left>[^<>=]+?){_LESS_OR_MORE.format("sign")}(?P<right>[^<>=]+)', _one_sided),
    row('unequal', r'([^<>=]+?)\\ne(?![A-Za-z])([^<>=]+)',
        lambda m: Group(Kind.UNEQUAL, (_expression(m[1]), _expression(m[2])))),
    row('tolerance', rf'(?P<open>\( ?)?({_N}) *\\pm *({_N})(?(open) ?\))',
        lambda m: Group(Kind.NAMED, (_expression(m[2]), _expression(m[3])), '±')),
    row('values', r'.+', _values),
)  # fmt: skip


def decide_formula(question: Question, reference: str, answer: str) -> RuleVerdict | None:
    """Two formulas; None when one side is none. A plain number on one side may meet a formula on the other."""
    if any(q is not None and not q.is_plain for q in (parse_quantity(reference), parse_quantity(answer))):
        return None
    reference, answer = _without_one_unit(reference, answer)
    wanted = read_formula(reference)
    given = read_formula(answer) if wanted is not None else None
    if wanted is None or given is None or not (_has_signs(reference) or _has_signs(answer)):
        return None
    try:
        verdict = _compare(question, wanted, given)
    except Unreadable:
        return undecided('too large to compute')
    if verdict.verdict is Verdict.MISMATCH and re.fullmatch(r'\d+ ?!+', answer):
        return undecided('exclaimed or a factorial')
    if verdict.verdict is not Verdict.MATCH or layout(reference) == layout(answer):
        return verdict
    doubt = _doubt(question, (wanted, reference), (given, answer))
    return undecided(doubt) if doubt else verdict


def _without_one_unit(reference: str, answer: str) -> tuple[str, str]:
    """Two formulas without the unit that both end in: its letters are no factors of the last term alone."""
    wanted, given = _MEASURED.fullmatch(reference), _MEASURED.fullmatch(answer)
    unit = unit_of(wanted['unit']) if wanted else None
    same = wanted and given and unit is not None and unit == unit_of(given['unit'])
    return (wanted['of'], given['of']) if wanted and given and same else (reference, answer)


def is_empty_set(text: str) -> bool:
    """Whether a text is a set without members."""
    found = read_formula(text)
    return found is not None and not found.items


def _doubt(question: Question, wanted: tuple[Group, str], given: tuple[Group, str]) -> str:
    """Why two formulas of equal value may still be different answers; empty where nothing speaks for it."""
    texts = (wanted[1], given[1])
    if question.asks_form:
        return 'form asked for'
    names = {found[1] for found in map(_NAMED.match, texts) if found}
    if len(names) == 2 or (names and question.unknown not in ('', *names)):
        return 'other variable'
    several = max(len(side.items) for side, _ in (wanted, given)) > 1
    if several and not (names or question.unknown) and len({bool(_OR.search(t)) for t in texts}) == 2:
        return 'alternatives or a list'
    number = parse_quantity(wanted[1])
    if (
        number is not None
        and number.is_plain
        and not all(isinstance(i, tuple) and is_number(i) for i in given[0].items)
    ):
        return 'not computed'
    layouts = [layout(t) for t in texts]
    wanted_so, given_so, asked = (_TIMES.sub('', one) for one in (*layouts, question.compact))
    copied = len(given_so) > 3 and given_so in asked and wanted_so not in asked
    return 'copied' if copied else ''


def _has_signs(text: str) -> bool:
    return (
        re.search(r'[\\^=<>√π±∞∪²³!|(\[{≠]|sqrt|\d ?[A-Za-z]|[A-Za-z] ?[-+*/]|[-+*/] ?[A-Za-z]', normal(text))
        is not None
    )


def _compare(question: Question, wanted: Group, given: Group) -> RuleVerdict:
    values = (Kind.LIST, Kind.SET)
    if wanted.name and given.name and wanted.name != given.name:
        return undecided('other variable')
    if wanted.kind in values and given.kind in values:
        return _compare_values(question, wanted, given)
    if wanted.kind is not given.kind or (wanted.mark != given.mark and wanted.kind is Kind.NAMED):
        return undecided('formulas of different kinds')
    if wanted.kind is Kind.EQUATION:
        return _compare_equations(wanted.items, given.items)
    if wanted.kind is Kind.UNION:
        return match('union') if _cover(wanted, given) else undecided('union')
    if len(wanted.items) != len(given.items):
        return mismatch('number of items')
    verdict = _all(_same(a, b) for a, b in zip(wanted.items, given.items, strict=True))
    return _brackets(question, wanted, given, verdict) if wanted.kind is Kind.BRACKETS else verdict


def _same(left: Node | Group, right: Node | Group) -> bool | None:
    if isinstance(left, Group) or isinstance(right, Group):
        if not (isinstance(left, Group) and isinstance(right, Group)) or left.mark != right.mark:
            return None
        if len(left.items) != len(right.items):
            return False
        found = {_same(a, b) for a, b in zip(left.items, right.items, strict=True)}
        return False if False in found else None if None in found else True
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


def _cover(wanted: Group, given: Group) -> bool | None:
    """Whether each part of one is a part of the other, in any order; None where that cannot be told."""
    table = [[_same(a, b) for b in given.items] for a in wanted.items]
    if all(map(any, table)) and all(any(column) for column in zip(*table, strict=True)):
        return True
    return None if any(None in cells for cells in table) else False


def _compare_values(question: Question, wanted: Group, given: Group) -> RuleVerdict:
    if given.name and question.unknown not in ('', given.name):
        return undecided('other variable')
    if question.asks_order and wanted.kind is not given.kind:
        return undecided('order')
    if len(wanted.items) == len(given.items):
        in_order = _all([_same(a, b) for a, b in zip(wanted.items, given.items, strict=True)])
        if len(wanted.items) == 1 or in_order.verdict is Verdict.MATCH:
            return in_order
    if Kind.SET not in (wanted.kind, given.kind):
        return undecided('order')
    covered = _cover(wanted, given)
    if covered is None or (covered and _repeats(wanted, given)):
        return undecided('solutions')
    return match('solutions') if covered else mismatch('solutions')


def _repeats(wanted: Group, given: Group) -> bool:
    """Whether a value stands more than once, which in a list may mean something."""
    return len(wanted.items) != len(given.items) or any(
        _same(a, b) is not False for side in (wanted, given) for a, b in combinations(side.items, 2)
    )


def _brackets(question: Question, wanted: Group, given: Group, verdict: RuleVerdict) -> RuleVerdict:
    """The verdict on two points or intervals whose parts have been compared."""
    if verdict.verdict is not Verdict.MATCH:
        return verdict
    point = len(wanted.items) != 2 or question.asks_point
    if wanted.mark == given.mark:
        return undecided('point or interval') if point and (wanted.name or given.name) else verdict
    unbounded = any(i in (_INFINITE, ('neg', _INFINITE)) for i in wanted.items)
    mixed = {'[)', '(]'} & {wanted.mark, given.mark}
    interval = question.asks_interval or unbounded or mixed or wanted.name
    return mismatch('brackets') if interval and not point else undecided('brackets')


def _compare_equations(wanted: tuple[Node, ...], given: tuple[Node, ...]) -> RuleVerdict:
    """Two equations are the same when the differences of their sides are, up to a constant factor."""
    first, second = ('-', *wanted), ('-', *given)
    if names_in(first) != names_in(second):
        return undecided('other variable')
    if proportional(first, second):
        return match('equation')
    left, right = wanted[0], wanted[1]
    solved = left == given[0] and left[0] == 'var' and all(left[1] not in names_in(s) for s in (right, given[1]))
    return mismatch('equation') if solved and _same(right, given[1]) is False else undecided('equation')
