"""What is printed and not computed: ratios, scores, dimensions, versions, codes and digits with leading zeros.

Owns their reading and comparison: field by field, as text. 6/8 is not 3/4 here, and 3×4 is not 12.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from .quantity import parse_quantity
from .question import Question
from .reading import Row, read, row
from .verdict import RuleVerdict, match, mismatch, undecided


@dataclass(frozen=True)
class Printed:
    """A printed thing of some kind, in its fields."""

    kind: str
    fields: tuple[str, ...]


_N = r'(?:\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?)'
_BY = r' ?(?:×|x|X|\*|by|\\times) ?'


def _fields(match: re.Match[str]) -> tuple[str, ...]:
    return tuple(found.replace(',', '') for found in match.groups() if found)


PRINTED: tuple[Row[Printed], ...] = (
    row('ratio', rf'({_N}) ?: ?({_N})(?: ?: ?({_N}))?', lambda m: Printed('ratio', _fields(m))),
    row('dimensions', rf'({_N}){_BY}({_N})(?:{_BY}({_N}))?(?: ?(px|pixels|cm|mm|m))?',
        lambda m: Printed('dimensions', _fields(m))),
    row('version', r'[vV]?(\d+(?:\.\d+){2,})', lambda m: Printed('version', tuple(m[1].split('.')))),
    row('leading zero', r'0\d+', lambda m: Printed('digits', (m[0],))),
)  # fmt: skip
_WORDED_RATIO = row('worded ratio', rf'({_N}) (?:to|比) ({_N})', lambda m: Printed('ratio', _fields(m)))
_VERSION = row('asked version', r'[vV]?(\d+(?:\.\d+)*)', lambda m: Printed('version', tuple(m[1].split('.'))))
_PHONE = row('phone', r'\+?[\d ()./-]{6,24}', lambda m: Printed('phone', tuple(re.findall(r'\d', m[0]))))
_CODE = re.compile(r'[A-Z0-9]{1,8}(?:[ ./·-][A-Z0-9]{1,8}){0,3}')

_SUFFIXED = re.compile(r'\d+ [A-Z]{1,4}')
"""A number and an abbreviation (`44 BC`), of which two may mean the same."""


def decide_printed(question: Question, reference: str, answer: str) -> RuleVerdict | None:
    """Two printed things of one kind; None when they are not."""
    table = (
        (_PHONE,) * question.asks_phone
        + PRINTED
        + (_WORDED_RATIO,) * question.asks_ratio
        + (_VERSION,) * question.asks_version
    )
    wanted, given = read(table, reference), read(table, answer)
    if wanted is not None and given is not None and wanted.kind == given.kind:
        return _compare(wanted, given)
    return None


def _compare(wanted: Printed, given: Printed) -> RuleVerdict:
    if wanted == given:
        return match(wanted.kind)
    if sorted(wanted.fields) == sorted(given.fields):
        return mismatch('order') if wanted.kind == 'ratio' else undecided('order')
    if wanted.kind == 'ratio' and _scaled(wanted, given):
        return undecided('scaled ratio')
    same_shape = len(wanted.fields) == len(given.fields)
    return mismatch(wanted.kind) if same_shape and wanted.kind != 'digits' else undecided(wanted.kind)


def _scaled(wanted: Printed, given: Printed) -> bool:
    if len(wanted.fields) != len(given.fields):
        return False
    left, right = ([Fraction(f) for f in side.fields] for side in (wanted, given))
    return all(a * right[0] == b * left[0] for a, b in zip(left, right, strict=True))


def decide_code(question: Question, reference: str, answer: str) -> RuleVerdict | None:
    """Codes such as `AB 12 CDE`: capitals and digits, four signs or more. The groups may be spaced differently."""
    if parse_quantity(reference) or parse_quantity(answer):
        return None
    if not all(
        _CODE.fullmatch(t) and re.search('[A-Z]', t) and re.search(r'\d', t) and len(t) >= 4
        for t in (reference, answer)
    ):
        return None
    if re.sub(' ', '', reference) == re.sub(' ', '', answer):
        return match('code')
    if re.sub(r'\W', '', reference) == re.sub(r'\W', '', answer) or all(
        _SUFFIXED.fullmatch(t) for t in (reference, answer)
    ):
        return undecided('code')
    return mismatch('code')
