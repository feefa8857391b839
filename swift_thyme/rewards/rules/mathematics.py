"""Mathematical answers: expressions, equations, solutions, sets, points, intervals and matrices.

Owns the structure around expressions (what is ordered, what is a set, which bracket is closed) and which texts are
mathematics at all; `solver` compares single expressions. Plain text such as a phone number or a date never gets there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from .quantity import Bound, Quantity, parse_quantity
from .solver import equal, proportional
from .text import compact, normal, unwrap
from .verdict import RuleVerdict, match, mismatch, undecided
from .words import FORM_ASKED

_POINT_ASKED = re.compile(r'\b(?:point|coordinates?|vertex|position|vector|ordered pair)\b|坐标|点', re.IGNORECASE)
_INTERVAL_ASKED = re.compile(
    r'\b(?:inequalit\w+|intervals?|domain|range|solution set)\b|不等式|区间|定义域', re.IGNORECASE
)
_COMMAND = re.compile(
    r'\\(?:frac|dfrac|tfrac|sqrt|pi|cdot|times|div|pm|mp|infty|cup|cap|in|le|ge|leq|geq|neq|lt|gt|alpha|beta|gamma|theta|phi|lambda|mu|'
    r'sigma|omega|Delta|sin|cos|tan|cot|sec|csc|log|ln|exp|arcsin|arccos|arctan|begin|end|left|right|lfloor|rfloor|overline|'
    r'angle|circ|degree|text|mathbb|quad|emptyset|varnothing|setminus|mid|vec|int|sum|lim|to|infin|operatorname|displaystyle|sin)'
    r'(?![A-Za-z])|\\[{},;!: \\|]'
)
_FUNCTION = re.compile(r'\b(?:sqrt|sin|cos|tan|log|ln|exp|pi|inf|infinity|or|and|union|abs)\b', re.IGNORECASE)
_BRACKETS = re.compile(r'(?P<open>[\[(])(?P<body>[^\[\]]+)(?P<close>[\])])\Z')
_MATRIX = re.compile(r'\\(begin|end)\{[bpvB]?matrix\}')


LONGEST_CHARS = 400
"""Longer texts are left to the judge."""


class Kind(str, Enum):
    """The structure of a mathematical answer."""

    VALUES = 'values'
    """One or more alternatives; their order says nothing (a value, a set, the solutions of an equation)."""
    BRACKETED = 'bracketed'
    """Items in `()` or `[]`: a point, an interval, a list. Order and brackets count."""
    UNION = 'union'
    """Several intervals."""
    RELATION = 'relation'
    """An equation or inequality between expressions."""


@dataclass(frozen=True)
class Structure:
    """A mathematical answer taken apart."""

    kind: Kind
    items: tuple[str, ...]
    """Expressions in LaTeX."""
    brackets: str = ''
    variable: str = ''
    """The name on the left of `x = 5`, where there is one."""


def is_mathematics(text: str) -> bool:
    """Whether a text is mathematics as a whole: signs, numbers, one-letter names, and commands that are known."""
    text = unwrap(text)
    has_sign = bool(re.search(r'\\[A-Za-z]|[\^=√π±≤≥<>∞∪²³]|sqrt|\bpi\b|[\[({].*,.*[\])}]', text))
    operated = bool(
        re.search(r'(?:\d|\b[a-z]|\))\s*[*/×÷·]\s*(?:\d|[a-z]\b|\(|sqrt)|\b\d*[a-z]\s*[+-]\s*\d*[a-z]?\b', text)
    )
    rest = _FUNCTION.sub(
        ' ', _COMMAND.sub(' ', re.sub(r'\\(?:begin|end)\{\w+\}|\\(?:text|mathrm)\{[^{}]*\}', ' ', text))
    )
    if re.search(r'[A-Za-z]{3,}|[一-鿿]|[A-Z]{2,}|[?"#@]', rest) or re.search(r'\\[A-Za-z]', rest):
        return False
    return has_sign or operated


def decide_math(question: str, reference: str, answer: str) -> RuleVerdict | None:
    """Compares mathematics; None when the reference is not mathematics (a plain number may meet an expression)."""
    wanted, given = unwrap(reference), unwrap(answer)
    if max(len(wanted), len(given)) > LONGEST_CHARS:
        return undecided('long mathematics') if is_mathematics(wanted[:LONGEST_CHARS]) else None
    plain_reference, plain_answer = parse_quantity(wanted), parse_quantity(given)
    if not is_mathematics(wanted) and not (_plain(plain_reference) and is_mathematics(given)):
        return None
    if compact_math(wanted) == compact_math(given):
        return match('same mathematics')
    if not is_mathematics(given) and not (plain_answer and _plain(plain_answer)) and not _plain_values(given):
        return undecided('mathematics')
    left, right = structure(wanted), structure(given)
    verdict = _compare(question, left, right)
    if verdict.verdict.value != 'match':
        return verdict
    if FORM_ASKED.search(question):
        return undecided('form asked for')
    return undecided('restates the task') if _restates(question, wanted, given) else verdict


def _plain(quantity: Quantity | None) -> bool:
    return quantity is not None and quantity.unit is None and not quantity.nouns and quantity.bound is Bound.EXACT


def _plain_values(text: str) -> bool:
    return bool(re.fullmatch(r'[-+\d./\s]+(?:(?:,|;|\bor\b|\band\b)[-+\d./\s]+)+', text))


def _restates(question: str, wanted: str, given: str) -> bool:
    """Whether an answer equal in value leaves the computation undone, or is copied from the question."""
    if parse_quantity(wanted) is None:
        return (
            len(compact(given)) > 3 and compact(given) in compact(question) and compact(wanted) not in compact(question)
        )
    bare = re.sub(r'\\[dt]?frac|\s', '', given)
    return bool(re.search(r'[\d)}](?:\+|-|\*|×|÷|·|\\times|\\cdot|\\div|\^)[\d({\\]', bare))


def compact_math(text: str) -> str:
    """Mathematics without layout: spaces, sizing commands, `$` and text commands gone."""
    text = re.sub(r'\\(?:left|right|displaystyle|,|;|!|:| )|\$|\s', '', normal(text))
    return re.sub(r'\\[dt]frac', r'\\frac', text)


def structure(text: str) -> Structure:
    """Takes a mathematical text apart; anything without outer structure is one value."""
    text = latex(text)
    if not _MATRIX.search(text):
        parts = [p.strip() for p in re.split(r'\\cup|\bunion\b', text)]
        if len(parts) > 1:
            return Structure(Kind.UNION, tuple(parts))
        braces = re.fullmatch(r'(?:[A-Za-z]\s*(?:=|\\in)\s*)?\\\{(.*)\\\}', text)
        if braces:
            return Structure(Kind.VALUES, _expand(_split(braces.group(1))))
        named = re.match(r'[A-Za-z]\s*(?:=|\\in)\s*(?=[\[(])', text)
        body = text[named.end() :] if named else text
        bracketed = _BRACKETS.match(body)
        if bracketed and len(_split(bracketed['body'])) > 1 and _balanced(bracketed['body']):
            return Structure(Kind.BRACKETED, _split(bracketed['body']), bracketed['open'] + bracketed['close'])
    return _values(text)


def _values(text: str) -> Structure:
    parts = _split(text)
    names, values = set(), []
    for part in parts:
        named = re.fullmatch(r'([A-Za-z](?:_\{?\w+\}?)?)\s*=\s*([^=<>]+)', part)
        if named and not re.search(rf'(?<![\\A-Za-z]){re.escape(named.group(1))}(?![A-Za-z])', named.group(2)):
            names.add(re.sub(r'_.*', '', named.group(1)))
            values.append(named.group(2).strip())
        elif re.search(r'[=<>]|\\(?:le|ge|lt|gt|leq|geq|neq)(?![A-Za-z])', part):
            interval = _interval(part) if len(parts) == 1 else None
            return interval or Structure(Kind.RELATION, tuple(parts))
        else:
            values.append(part)
    if len(names) > 1:
        return Structure(Kind.RELATION, tuple(parts))
    free = names and any(re.search(r'(?<![\\A-Za-z])[a-z](?![A-Za-z])', _COMMAND.sub(' ', v)) for v in values)
    if free:
        return Structure(Kind.RELATION, tuple(parts))
    return Structure(Kind.VALUES, _expand(tuple(values)), variable=''.join(names))


_LESS, _GREATER = r'<|\\lt|\\leq?(?![A-Za-z])', r'>|\\gt|\\geq?(?![A-Za-z])'
_ONE_SIDED = re.compile(rf'(?P<left>[^<>]+?)\s*(?P<sign>{_LESS}|{_GREATER})\s*(?P<right>[^<>]+)')
_TWO_SIDED = re.compile(rf'(?P<low>[^<>]+?)\s*(?P<first>{_LESS})\s*[a-z]\s*(?P<second>{_LESS})\s*(?P<high>[^<>]+)')


def _interval(text: str) -> Structure | None:
    """An inequality in one letter as the interval it stands for."""
    two = _TWO_SIDED.fullmatch(text)
    if two:
        brackets = ('[' if 'e' in two['first'] else '(') + (']' if 'e' in two['second'] else ')')
        return Structure(Kind.BRACKETED, (two['low'], two['high']), brackets)
    one = _ONE_SIDED.fullmatch(text)
    if one is None or (re.fullmatch('[a-z]', one['left']) is None) == (re.fullmatch('[a-z]', one['right']) is None):
        return None
    letter_first = re.fullmatch('[a-z]', one['left']) is not None
    closed, less = 'e' in one['sign'], re.match(_LESS, one['sign']) is not None
    bound = one['right'] if letter_first else one['left']
    if less is letter_first:
        return Structure(Kind.BRACKETED, ('-\\infty', bound), '(' + (']' if closed else ')'))
    return Structure(Kind.BRACKETED, (bound, '\\infty'), ('[' if closed else '(') + ')')


def _expand(values: tuple[str, ...]) -> tuple[str, ...]:
    r"""`\pm a` as two values."""
    found: list[str] = []
    for value in values:
        found += [value.replace('\\pm', '+'), value.replace('\\pm', '-')] if '\\pm' in value else [value]
    return tuple(v.strip().lstrip('+').strip() for v in found)


def _split(text: str) -> tuple[str, ...]:
    """The parts between commas, semicolons, "or" and "and" that are outside every bracket."""
    parts, depth, current = [], 0, ''
    for piece in re.split(r'(\\?[{}()\[\]]|,|;|\\text\{\s*(?:or|and)\s*\}|\bor\b|\band\b)', text):
        bare = piece.strip().lstrip('\\')
        depth += {'{': 1, '(': 1, '[': 1, '}': -1, ')': -1, ']': -1}.get(bare, 0)
        if depth == 0 and (piece.strip() in (',', ';', 'or', 'and') or piece.startswith('\\text')):
            parts.append(current.strip())
            current = ''
        else:
            current += piece
    return tuple(p for p in [*parts, current.strip()] if p)


def _balanced(text: str) -> bool:
    depth = 0
    for c in text:
        depth += {'(': 1, ')': -1}.get(c, 0)
        if depth < 0:
            return False
    return depth == 0


_TO_LATEX = (
    (re.compile(r'\\left|\\right(?![A-Za-z])|\\displaystyle|\\[,;!: ]|\$'), ''),
    (re.compile(r'\\[dt]frac'), r'\\frac'),
    (re.compile(r'√\s*\(([^()]*)\)'), r'\\sqrt{\1}'),
    (re.compile(r'√\s*(\w+)'), r'\\sqrt{\1}'),
    (re.compile(r'(?<!\\)\bsqrt\s*\(([^()]*)\)'), r'\\sqrt{\1}'),
    (re.compile(r'(?<!\\)\bsqrt\s*(\d+)'), r'\\sqrt{\1}'),
    (re.compile(r'π|(?<!\\)(?<![A-Za-z])pi(?![A-Za-z])'), r'\\pi '),
    (re.compile(r'∞|(?<!\\)\b(?:infinity|inf)\b|\\infin(?![A-Za-z])'), r'\\infty '),
    (re.compile(r'±|\+/-'), r'\\pm '),
    (re.compile(r'∪|(?<=[)\]])\s*U\s*(?=[(\[])'), r'\\cup '),
    (re.compile(r'≤|<='), r'\\le '),
    (re.compile(r'≥|>='), r'\\ge '),
    (re.compile(r'\*\*'), '^'),
    (re.compile(r'\^\s*\(([^()]*)\)'), r'^{\1}'),
    (re.compile(r'\^\s*(-?\d{2,}|-\d)'), r'^{\1}'),
    (re.compile(r'[×*·]'), r' \\cdot '),
    (re.compile(r'÷'), '/'),
)


def latex(text: str) -> str:
    """Plain mathematical notation written as LaTeX: roots, pi, infinity, signs, powers, set braces."""
    text = normal(text)
    for pattern, new in _TO_LATEX:
        text = pattern.sub(new, text)
    if re.match(r'\s*(?:[A-Za-z]\s*=\s*)?\{', text) and text.rstrip().endswith('}'):
        start = text.index('{')
        text = text[:start] + '\\{' + text[start + 1 : text.rindex('}')] + '\\}'
    return re.sub(r'\\(begin|end)\{[bpvB]?matrix\}', r'\\\1{pmatrix}', text).strip()


def _compare(question: str, left: Structure, right: Structure) -> RuleVerdict:
    if left.kind is Kind.VALUES and right.kind is Kind.VALUES:
        if left.variable and right.variable and left.variable != right.variable:
            return undecided('other variable')
        return _unordered(left.items, right.items)
    if left.kind is Kind.BRACKETED and right.kind is Kind.BRACKETED:
        return _bracketed(question, left, right)
    if {left.kind, right.kind} == {Kind.BRACKETED, Kind.VALUES} and len(left.items) == len(right.items):
        return _bare_items(question, left, right)
    if left.kind is Kind.UNION and right.kind is Kind.UNION:
        return _unordered(left.items, right.items)
    if left.kind is Kind.RELATION and right.kind is Kind.RELATION and len(left.items) == len(right.items) == 1:
        return _relations(left.items[0], right.items[0])
    if Kind.RELATION in (left.kind, right.kind) and len(left.items) == len(right.items) == 1:
        return match('mathematics') if equal(left.items[0], right.items[0]) else undecided('mathematics')
    return undecided('mathematics')


def _bare_items(question: str, left: Structure, right: Structure) -> RuleVerdict:
    """A list or point on one side, the same items without brackets on the other."""
    brackets = left.brackets or right.brackets
    same = [_same(a, b) for a, b in zip(left.items, right.items, strict=True)]
    if all(same) and (brackets == '[]' or _POINT_ASKED.search(question)):
        return match('items')
    return mismatch('items') if any(s is False for s in same) and brackets in ('[]', '()') else undecided('items')


def _same(left: str, right: str) -> bool | None:
    if compact_math(left) == compact_math(right):
        return True
    a, b = parse_quantity(left), parse_quantity(right)
    if a and b and _plain(a) and _plain(b):
        return a.base == b.base
    if '\\infty' in left or '\\infty' in right:
        return compact_math(left).lstrip('+') == compact_math(right).lstrip('+')
    inner = structure(left), structure(right)
    if inner[0].kind is Kind.BRACKETED and inner[1].kind is Kind.BRACKETED:
        verdict = _bracketed('', *inner)
        return {'match': True, 'mismatch': False}.get(verdict.verdict.value)
    return equal(left, right)


def _unordered(left: tuple[str, ...], right: tuple[str, ...]) -> RuleVerdict:
    if len(left) == len(right) == 1:
        same = _same(left[0], right[0])
        return match('mathematics') if same else undecided('mathematics') if same is None else mismatch('mathematics')
    table = [[_same(a, b) for b in right] for a in left]
    if any(cell is None for row in table for cell in row):
        return undecided('mathematics')
    covered = all(any(row) for row in table) and all(any(row[j] for row in table) for j in range(len(right)))
    return match('solutions') if covered else mismatch('solutions')


def _bracketed(question: str, left: Structure, right: Structure) -> RuleVerdict:
    if len(left.items) != len(right.items):
        return mismatch('items')
    same = [_same(a, b) for a, b in zip(left.items, right.items, strict=True)]
    if any(s is False for s in same):
        return mismatch('items')
    if any(s is None for s in same):
        return undecided('items')
    if left.brackets == right.brackets:
        return match('items')
    mixed = {'[)', '(]'} & {left.brackets, right.brackets}
    interval = len(left.items) == 2 and not _POINT_ASKED.search(question)
    asked = _INTERVAL_ASKED.search(question) or mixed or 'infty' in str(left.items)
    return mismatch('brackets') if interval and asked else undecided('brackets')


def _relations(left: str, right: str) -> RuleVerdict:
    """Two equations are the same when the differences of their sides are, up to sign or a constant factor."""
    if equal(left, right):
        return match('relation')
    sides = [re.split(r'=', t) for t in (left, right)]
    if any(len(s) != 2 for s in sides):
        return undecided('relation')
    (a, b), (c, d) = sides
    first, second = f'({a})-({b})', f'({c})-({d})'
    same = proportional(first, second)
    return match('relation') if same else undecided('relation') if same is None else mismatch('relation')
