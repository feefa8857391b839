"""Verdicts on quantities: when two numbers, ranges, times or dates are the same answer to a question.

Owns the comparison; `quantity` and `moments` own the reading.
"""

from __future__ import annotations

import re
from fractions import Fraction

from . import words as lists
from .moments import parse_date, parse_time
from .quantity import Quantity, is_money, numbers_in, parse_quantity, parse_range, plain_latex
from .text import normal, words
from .units import Unit, asked_unit
from .verdict import RuleVerdict, match, mismatch, undecided

_COUNT = re.compile(r'\bhow many\b|\bnumber of\b|\bcount\b|几|多少(?:个|只|人|条|辆|张|位|本)')
_SHARE = re.compile(
    r'\b(?:percent\w*|per cent|probability|chance|fraction|share|proportion|ratio|rate)\b|%|百分|概率|比例'
)
_PERCENT_ASKED = re.compile(r'\bpercent\w*|\bper cent\b|%|百分')
_MONEY_ASKED = re.compile(r'\b(?:cost|price|pay|paid|how much|amount|total|fee|salary)\b|多少钱|价格')
_DATE_ASKED = re.compile(r'\bdates?\b|\bwhen\b|\bwhat day\b|\bday/month|month/day|\bbirthday|\bexpir|日期')
_ZERO = frozenset({'none', 'no', 'zero', 'nothing', 'nobody'})
_IDENTIFIER = re.compile(
    r'\b(?:printed|badge|plate|jersey|phone|serial|code|id|identifier|room|house number|version|section|chapter)\b|'
    r'号码|编号|版本'
)
_RATIO_ASKED = re.compile(r'\bratio\b|\bodds\b|\bscale\b|比例|之比')
_DECIMAL = r'\d+(?:\.\d+)?'


def decide_moment(question: str, reference: str, answer: str) -> RuleVerdict | None:
    """Times of day and dates; None when the reference is neither."""
    when, given = parse_time(reference), parse_time(answer)
    if when and not parse_quantity(reference):
        if given is None:
            return undecided('time')
        if when.exact and given.exact:
            return match('time') if when.minutes == given.minutes else mismatch('time')
        if when.minutes % 720 != given.minutes % 720:
            return mismatch('time')
        return match('time') if when.minutes == given.minutes and when.exact == given.exact else undecided('time')
    day, other = parse_date(reference), parse_date(answer)
    if day and day.parts > 1:
        if other is None or other.parts == 1:
            return undecided('date')
        common = [(a, b) for a, b in zip(day.fields, other.fields, strict=True) if a is not None and b is not None]
        if any(a != b for a, b in common):
            return undecided('date') if day.ambiguous or other.ambiguous else mismatch('date')
        same = day.fields == other.fields and not other.ambiguous
        return match('date') if same else undecided('date')
    return None


def decide_number(question: str, reference: str, answer: str) -> RuleVerdict | None:
    """Single quantities and ranges; None when the reference is neither."""
    asked = normal(question).casefold()
    if _DATE_ASKED.search(asked) and re.fullmatch(r'\d{1,2} ?[/.] ?\d{1,2}', normal(reference)):
        return _printed_date(reference, answer)
    if _RATIO_ASKED.search(asked) and (ratio := _ratio(reference)):
        return _against_ratio(ratio, _ratio(answer))
    wanted_range = parse_range(reference)
    if wanted_range:
        return _against_range(wanted_range, answer)
    wanted = parse_quantity(reference)
    if wanted is None or (wanted.nouns and lists.NEGATION.intersection(wanted.nouns)):
        return None
    given = parse_quantity(answer) or _zero(wanted, asked, answer)
    if given is not None:
        return _compare(asked, wanted, given, reference, answer)
    if parse_range(answer):
        return mismatch('range for a number')
    return _several(wanted, answer)


def _printed_date(reference: str, answer: str) -> RuleVerdict:
    """Day and month with a slash: two numbers, not a fraction."""
    a, b = numbers_in(reference.replace('/', ' ')), numbers_in(answer.replace('/', ' '))
    if not re.fullmatch(r'\s*\d{1,2} ?[/.] ?\d{1,2}\s*', normal(answer)):
        return undecided('date')
    return match('date') if a == b else undecided('date') if sorted(a) == sorted(b) else mismatch('date')


def _ratio(text: str) -> tuple[Fraction, Fraction] | None:
    found = re.fullmatch(rf'({_DECIMAL})\s*(?::|to|比)\s*({_DECIMAL})', normal(text).casefold().strip(' .'))
    return (Fraction(found[1]), Fraction(found[2])) if found else None


def _against_ratio(wanted: tuple[Fraction, Fraction], given: tuple[Fraction, Fraction] | None) -> RuleVerdict:
    if given is None:
        return undecided('ratio')
    if wanted == given:
        return match('ratio')
    return undecided('ratio') if wanted[0] * given[1] == wanted[1] * given[0] else mismatch('ratio')


def _against_range(wanted: tuple[Quantity, Quantity], answer: str) -> RuleVerdict:
    given = parse_range(answer)
    if given is None:
        return mismatch('number for a range') if parse_quantity(answer) else undecided('range')
    if any(a.unit is not None and b.unit is not None and a.unit != b.unit for a, b in zip(wanted, given, strict=True)):
        return undecided('range')
    same = all(a.value == b.value for a, b in zip(wanted, given, strict=True))
    return match('range') if same else mismatch('range')


def _zero(wanted: Quantity, asked: str, answer: str) -> Quantity | None:
    tokens = words(answer)
    if not tokens or tokens[0] not in _ZERO or not _COUNT.search(asked):
        return None
    rest = [t for t in tokens[1:] if t not in lists.NUMBER_FILLER and t not in words(asked)]
    return Quantity(Fraction(0), '0', wanted.unit) if not rest else None


def _several(wanted: Quantity, answer: str) -> RuleVerdict | None:
    """An answer that is no single quantity: different numbers side by side commit to none of them."""
    text = plain_latex(normal(answer)).casefold()
    if re.fullmatch(
        r'(?:between |either )?[-+\d.,\s$€£¥%]*(?:(?:\b(?:or|and|to)\b|[/;|、或])[-+\d.,\s$€£¥%]*)+', text
    ) or re.fullmatch(r'\s*[-+]?[\d.]+(?:\s*[,;]\s*[-+]?[\d.]+){2,}\s*', text):
        values = set(numbers_in(text))
        if len(values) > 1 and '/' not in text:
            return mismatch('several numbers')
    return None


def _compare(asked: str, wanted: Quantity, given: Quantity, reference: str, answer: str) -> RuleVerdict:
    if given.bound is not wanted.bound:
        return undecided('hedged number') if given.value == wanted.value else mismatch('hedged number')
    nouns = _nouns_fit(asked, wanted, given)
    if wanted.percent != given.percent:
        return _across_percent(asked, wanted, given)
    verdict = _with_units(asked, wanted, given)
    if verdict.verdict.value == 'match' and not nouns:
        return undecided('number with other words')
    if verdict.verdict.value == 'match' and wanted.digits != given.digits:
        if _identifier_differs(wanted, given) or _IDENTIFIER.search(asked):
            return undecided('printed number')
        if lists.FORM_ASKED.search(asked):
            return undecided('form asked for')
    if verdict.verdict.value == 'mismatch' and _layout_ambiguous(reference, answer):
        return undecided('separators')
    if verdict.verdict.value == 'mismatch' and _rounds_to(wanted, given, asked):
        return undecided('rounding')
    return verdict


def _nouns_fit(asked: str, wanted: Quantity, given: Quantity) -> bool:
    known = {_stem(t) for t in words(asked)} | {_stem(t) for t in wanted.nouns}
    return all(_stem(t) in known or t in lists.NUMBER_FILLER for t in given.nouns) and not (
        lists.NEGATION.intersection(given.nouns) - set(wanted.nouns)
    )


def _stem(word: str) -> str:
    return {'people': 'person', 'persons': 'person', 'men': 'man', 'women': 'woman', 'children': 'child'}.get(
        word, re.sub(r'(?<=\w\w)(?:es|s)\Z', '', word)
    )


def _across_percent(asked: str, wanted: Quantity, given: Quantity) -> RuleVerdict:
    if wanted.base == given.base:
        exact = _SHARE.search(asked) and not _PERCENT_ASKED.search(asked)
        return match('percent') if exact else undecided('percent')
    if wanted.value == given.value:
        if _PERCENT_ASKED.search(asked):
            return match('percent')
        return mismatch('percent of a count') if _COUNT.search(asked) else undecided('percent')
    return mismatch('percent')


def _with_units(asked: str, wanted: Quantity, given: Quantity) -> RuleVerdict:
    implied = asked_unit(asked)
    a, b = wanted.unit, given.unit
    if a == b:
        return match('number') if wanted.value == given.value else mismatch('number')
    if a is not None and b is not None:
        return _two_units(wanted, given, a, b)
    known = a or b
    if implied is not None and known is not None and implied.dimension == known.dimension:
        left, right = wanted.value * (a or implied).factor, given.value * (b or implied).factor
        return match('unit asked for') if left == right else mismatch('unit asked for')
    if wanted.value != given.value:
        return mismatch('number')
    money = is_money(wanted) or is_money(given)
    if money and _MONEY_ASKED.search(asked) and b is None:
        return match('money asked for')
    return undecided('unit missing')


def _two_units(wanted: Quantity, given: Quantity, a: Unit, b: Unit) -> RuleVerdict:
    if a.dimension == b.dimension:
        return match('unit converted') if wanted.base == given.base else _nearly(wanted.base, given.base)
    kinds = {a.dimension, b.dimension}
    if kinds in ({'yen sign', 'JPY'}, {'yen sign', 'CNY'}):
        return match('money') if wanted.value == given.value else mismatch('money')
    if kinds in ({'celsius', 'angle'}, {'fahrenheit', 'angle'}, {'mass', 'GBP'}) or 'kelvin' in kinds:
        return undecided('unit') if wanted.value == given.value else mismatch('number')
    if kinds == {'celsius', 'fahrenheit'}:
        return undecided('temperature scale') if wanted.value != given.value else mismatch('unit')
    return mismatch('unit')


def _nearly(left: Fraction, right: Fraction) -> RuleVerdict:
    """Converted values that differ by less than a percent may be rounded: not for a rule to say."""
    close = left != 0 and abs(left - right) / abs(left) < Fraction(1, 100)
    return undecided('unit rounded') if close else mismatch('unit converted')


def _identifier_differs(wanted: Quantity, given: Quantity) -> bool:
    pattern = re.compile(r'\A0\d')
    return bool(pattern.match(wanted.digits)) != bool(pattern.match(given.digits))


def _layout_ambiguous(reference: str, answer: str) -> bool:
    """Whether the two are the same digits with `.` and `,` that countries read differently."""
    a, b = (re.findall(r'-?\d[\d.,\' ]*', plain_latex(normal(t))) for t in (reference, answer))
    if len(a) != 1 or len(b) != 1:
        return False
    left, right = a[0].strip(" .,'"), b[0].strip(" .,'")
    if left == right:
        return False
    swapped = left.replace(',', '\0').replace('.', ',').replace('\0', '.') == right
    grouped = bool(re.fullmatch(r"\d{1,3}(?:[.,' ]\d{3})+", right) or re.fullmatch(r"\d{1,3}(?:[.,' ]\d{3})+", left))
    return swapped or (grouped and re.sub(r'\D', '', left) == re.sub(r'\D', '', right))


def _rounds_to(wanted: Quantity, given: Quantity, asked: str) -> bool:
    """Whether one of two different values is the other rounded to fewer, but at least two significant, digits."""
    if _COUNT.search(asked) or wanted.value == given.value:
        return False
    pairs = ((wanted, given), (given, wanted))
    return any(_is_rounding(short, long) for short, long in pairs)


def _is_rounding(short: Quantity, long: Quantity) -> bool:
    places = re.fullmatch(r'-?\d*\.(\d+)', short.digits)
    if not places or len(re.sub(r'\D', '', short.digits).lstrip('0')) < 2:
        return False
    if re.fullmatch(r'-?\d*\.\d+', long.digits) and len(long.digits) <= len(short.digits):
        return False
    step = Fraction(1, 10 ** len(places.group(1)))
    return abs(short.base - long.base) <= step / 2
