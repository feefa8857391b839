"""When two quantities, or two series of them, are the same answer to a question. `quantity` reads them."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from math import gcd

from .numerals import MEASURES_ZH
from .quantity import SCALE_LETTERS, Bound, Form, Join, Quantity, Series, parse_quantity, parse_series
from .question import Question
from .text import tokens
from .units import SENSES, SYMBOLS, TEMPERATURES, Unit
from .verdict import RuleVerdict, Verdict, match, mismatch, undecided

_NONE = frozenset({'none', 'zero', 'nothing', 'nobody', 'no'})
_SHARES_A_SIGN = ({'celsius', 'degree'}, {'fahrenheit', 'degree'}, {'K', 'degree'})


def decide_number(question: Question, reference: str, answer: str) -> RuleVerdict | None:
    """Two quantities, two series, or one of each; None when one side is neither."""
    wanted = parse_quantity(reference)
    given = parse_quantity(answer)
    if wanted is not None and given is None and _none_of_them(question, answer):
        given = Quantity(Fraction(0), '0', unit=wanted.unit)
    if wanted is not None and given is not None:
        return _one_each(question, wanted, given, reference, answer)
    left = None if wanted else parse_series(reference)
    right = None if given else parse_series(answer)
    if left is not None and right is not None:
        return _series(question, left, right)
    if wanted is not None and right is not None:
        return undecided('separators') if _separators_unclear(reference, answer) else _several_for_one(right)
    if left is not None and given is not None:
        return _one_for_several(left, given, reference, answer)
    return None


def _none_of_them(question: Question, answer: str) -> bool:
    """Whether an answer says that there are none: "none", "no cars" for "how many cars"."""
    said = answer.casefold().split()
    rest = tuple(said[1:])
    return question.asks_count and said[:1] != [] and said[0] in _NONE and (not rest or _is_counted(question, rest))


def _several_for_one(given: Series) -> RuleVerdict:
    if given.tight:
        return undecided('decimal comma')
    alike = len({(i.nouns, i.unit) for i in given.items}) == 1 and len({i.base for i in given.items}) > 1
    return mismatch('several numbers') if alike else undecided('several numbers')


def _one_for_several(wanted: Series, given: Quantity, reference: str, answer: str) -> RuleVerdict:
    same_digits = re.sub(r'\D', '', reference) == re.sub(r'\D', '', answer)
    return undecided('separators') if same_digits or wanted.tight else mismatch('one for several')


def _series(question: Question, wanted: Series, given: Series) -> RuleVerdict:
    if wanted.join is not given.join:
        return undecided('series')
    if len(wanted.items) != len(given.items):
        return undecided('decimal comma') if wanted.tight or given.tight else mismatch('number of items')
    pairs = list(zip(wanted.items, given.items, strict=True))
    verdicts = {_bare(question, a, b).verdict for a, b in pairs}
    if verdicts == {Verdict.MATCH}:
        may_be_interval = question.asks_interval or not (question.asks_several or question.asks_order)
        is_interval = may_be_interval and len(pairs) == 2 and wanted.bracketed is not given.bracketed
        return undecided('interval or a list') if is_interval else match('series')
    if sorted(i.base for i in wanted.items) == sorted(i.base for i in given.items):
        apart = wanted.join is Join.RANGE or question.asks_order or (wanted.bracketed and given.bracketed)
        return mismatch('order') if apart and Verdict.UNDECIDED not in verdicts else undecided('order')
    return mismatch('series') if Verdict.MISMATCH in verdicts else undecided('series')


def _bare(question: Question, wanted: Quantity, given: Quantity) -> RuleVerdict:
    return _one_each(question, wanted, given, wanted.written, given.written)


def _one_each(question: Question, wanted: Quantity, given: Quantity, reference: str, answer: str) -> RuleVerdict:
    wanted, given = _settled(question, wanted, given), _settled(question, given, wanted)
    if wanted.bound is not given.bound:
        return _bounds(wanted, given)
    if wanted.percent != given.percent:
        verdict = _across_percent(question, wanted, given)
    else:
        verdict = _with_units(question, wanted, given)
    if verdict.verdict is Verdict.MATCH:
        return _doubt(question, wanted, given, reference, answer) or verdict
    if verdict.verdict is Verdict.MISMATCH and not _nouns_agree(question, wanted, given):
        return undecided('number with other words')
    if verdict.verdict is Verdict.MISMATCH and _separators_unclear(reference, answer):
        return undecided('separators')
    if question.scale and question.scale in (_ratio(wanted, given), _ratio(given, wanted)):
        return undecided('scale asked for')
    return (
        undecided('rounding') if verdict.verdict is Verdict.MISMATCH and _rounds(question, wanted, given) else verdict
    )


def _ratio(left: Quantity, right: Quantity) -> Fraction | None:
    return left.value / right.value if right.value else None


def _settled(question: Question, side: Quantity, other: Quantity) -> Quantity:
    """A quantity whose unit has two meanings (pound, ¥) with the one that the other side or the question tells."""
    if side.nouns in (('pound',), ('pounds',)) and other.unit in (SYMBOLS['GBP'], SYMBOLS['lb']):
        return replace(side, unit=other.unit, nouns=())
    if side.unit == SYMBOLS['¥'] and question.yen_sign:
        return replace(side, unit=SYMBOLS[question.yen_sign])
    return side


def _bounds(wanted: Quantity, given: Quantity) -> RuleVerdict:
    opposite = {frozenset({a, b}) for a in _UPWARD for b in _DOWNWARD}
    if frozenset({wanted.bound, given.bound}) in opposite:
        return mismatch('bound of the other direction')
    return undecided('bound')


_UPWARD, _DOWNWARD = (Bound.ABOVE, Bound.AT_LEAST), (Bound.BELOW, Bound.AT_MOST)


def _doubt(question: Question, wanted: Quantity, given: Quantity, reference: str, answer: str) -> RuleVerdict | None:
    """Why two quantities of equal value may still be different answers."""
    if not _nouns_agree(question, wanted, given):
        return undecided('number with other words')
    marks = [re.findall('[,. ]', re.sub(' ?/ ?', '/', text)) for text in (reference, answer)]
    identity = question.asks_printed and marks[0] != marks[1]
    if len({any(s.dimension == question.dimension for s in _senses(side)) for side in (wanted, given)}) == 2:
        return undecided('unit of several senses')
    if wanted.unit != given.unit and given.unit and ''.join(tokens(answer.casefold())) in question.compact:
        return undecided('copied')
    if wanted.written == given.written and not (identity and given.is_plain):
        return None
    if question.asks_form and wanted.written.lstrip('-0') != given.written.lstrip('-0'):
        return undecided('form asked for')
    if question.asks_printed or re.match(r'-?0\d', wanted.written) or re.match(r'-?0\d', given.written):
        return undecided('printed number')
    if given.form in (Form.FRACTION, Form.LATEX) and not _is_reduced(given):
        return undecided('not computed')
    if Form.FRACTION in (wanted.form, given.form) and not _is_value(question, wanted, given):
        return undecided('printed fraction')
    return (
        undecided('copied')
        if len(given.written) > 2 and given.form is not Form.DIGITS and _copied(question, given)
        else None
    )


def _copied(question: Question, given: Quantity) -> bool:
    return given.written.replace(' ', '') in question.compact


def _is_reduced(side: Quantity) -> bool:
    over, under = (int(n) for n in side.written.lstrip('-').split('/'))
    return gcd(over, under) == 1 and under != 1


def _is_value(question: Question, wanted: Quantity, given: Quantity) -> bool:
    """Whether `a/b` stands for its value here: in lowest terms, and against a number or in a question of shares."""
    if any(side.form is Form.FRACTION and not _is_reduced(side) for side in (wanted, given)):
        return False
    return wanted.form is not Form.FRACTION or question.asks_share or given.form in (Form.LATEX, Form.FRACTION)


def _nouns_agree(question: Question, wanted: Quantity, given: Quantity) -> bool:
    if [_stem(n) for n in wanted.nouns] == [_stem(n) for n in given.nouns]:
        return True
    return all(not side.nouns or _is_counted(question, side.nouns) for side in (wanted, given))


def _is_counted(question: Question, nouns: tuple[str, ...]) -> bool:
    """Whether words after a number are the thing that the question counts."""
    if not nouns[0].isascii():
        return _is_measured(question, nouns[0])
    counted = [_stem(n) for n in question.counted]
    given = [_stem(n) for n in nouns]
    return bool(counted) and given[-1] == counted[-1] and set(given) <= set(counted)


def _is_measured(question: Question, words: str) -> bool:
    """Whether a Chinese measure word and noun are what the question counts; `次` counts times, the others things."""
    measure, noun = (words[0], words[1:]) if words[0] in MEASURES_ZH else ('', words)
    asked = re.search(rf'(?:几|多少|何)([{MEASURES_ZH}])?', question.plain)
    if measure == '次' or (asked and asked[1] == '次'):
        return re.search(r'次|\btimes\b', question.plain) is not None and measure in ('次', '')
    if asked and asked[1] and measure not in ('', '个', asked[1]):
        return False
    return not noun or re.search(rf'[几多][少{MEASURES_ZH}]*{re.escape(noun)}', question.plain) is not None


def _stem(word: str) -> str:
    irregular = {'people': 'person', 'persons': 'person', 'men': 'man', 'women': 'woman', 'children': 'child'}
    return irregular.get(word, re.sub(r'(?<=\w\w)(?:e?s|e)\Z', '', word))


def _across_percent(question: Question, wanted: Quantity, given: Quantity) -> RuleVerdict:
    if wanted.base == given.base:
        return match('percent') if question.asks_share and not question.asks_percent else undecided('percent')
    if wanted.value == given.value:
        if question.asks_percent and not (wanted.unit or given.unit):
            return match('percent')
        return (
            mismatch('percent of a count') if question.asks_count and not question.asks_share else undecided('percent')
        )
    return mismatch('percent')


def _with_units(question: Question, wanted: Quantity, given: Quantity) -> RuleVerdict:
    a, b = wanted.unit, given.unit
    if a == b:
        return match('number') if wanted.value == given.value else mismatch('number')
    if a is not None and b is not None:
        return _two_units(wanted, given, a, b)
    known = a or b
    assert known is not None
    implied = question.unit
    if implied is not None and implied.dimension == known.dimension:
        left, right = wanted.value * (a or implied).factor, given.value * (b or implied).factor
        return match('unit asked for') if left == right else mismatch('unit asked for')
    if wanted.value == given.value:
        money = (wanted.is_money or given.is_money) and question.asks_money
        return match('money asked for') if money and b is None else undecided('unit missing')
    return mismatch('number') if _not_converted(wanted, given) else undecided('unit missing')


def _not_converted(wanted: Quantity, given: Quantity) -> bool:
    """Whether no change of unit explains the difference: the ratio is no power of ten nor a multiple of 12 or 60."""
    if not wanted.value or not given.value:
        return True
    ratio = wanted.value / given.value
    ratio = max(abs(ratio), 1 / abs(ratio))
    return Fraction(1, 2) < ratio < 2 and ratio != 1


def _senses(side: Quantity) -> tuple[Unit, ...]:
    """What the unit of a quantity may mean beside what it was read as."""
    return SENSES.get(side.unit_name) or SENSES.get(side.unit_name.casefold() if len(side.unit_name) > 2 else '', ())


def _same_in_another_sense(wanted: Quantity, given: Quantity, a: Unit, b: Unit) -> bool:
    """Whether two values are the same within a tenth where a unit has another of its senses."""
    pairs = [(x, y) for x in (a, *_senses(wanted)) for y in (b, *_senses(given))][1:]
    return any(
        x.dimension == y.dimension and _are_close(wanted.value * x.factor, given.value * y.factor, Fraction(1, 10))
        for x, y in pairs
    )


def _are_close(left: Fraction, right: Fraction, share: Fraction) -> bool:
    return left != 0 and abs(left - right) / abs(left) < share


def _two_units(wanted: Quantity, given: Quantity, a: Unit, b: Unit) -> RuleVerdict:
    if a.dimension == b.dimension and wanted.base == given.base:
        return match('unit converted')
    scale_or_unit = wanted.is_money is not given.is_money and SCALE_LETTERS & {wanted.unit_name, given.unit_name}
    if scale_or_unit or _same_in_another_sense(wanted, given, a, b):
        return undecided('unit of several senses')
    if a.dimension == b.dimension:
        return _converted(wanted, given)
    bases = {base for base, _ in (*a.dimension, *b.dimension)}
    if bases in ({'yen-sign', 'JPY'}, {'yen-sign', 'CNY'}):
        return undecided('money') if wanted.value == given.value else mismatch('money')
    if any(bases == shared for shared in _SHARES_A_SIGN) or wanted.unit_name.casefold() == given.unit_name.casefold():
        return undecided('unit')
    if bases <= TEMPERATURES:
        return mismatch('temperature scale') if wanted.value == given.value else undecided('temperature scale')
    return mismatch('unit')


def _converted(wanted: Quantity, given: Quantity) -> RuleVerdict:
    """Two values in one dimension. Converted ones that differ by less than a percent may be rounded."""
    left, right = wanted.base, given.base
    if wanted.unit_name.casefold() == given.unit_name.casefold():
        return undecided('case of the unit')
    return undecided('unit rounded') if _are_close(left, right, Fraction(1, 100)) else mismatch('unit converted')


def _separators_unclear(reference: str, answer: str) -> bool:
    """Whether the two are the same digits with `.` and `,` that countries read differently."""
    left, right = (_separated(re.sub(r'[^\d.,]', '', t).strip('.,')) for t in (reference, answer))
    return (
        not re.search('[.,] ', f'{reference}|{answer}')
        and left.get('.') != right.get('.')
        and not set(left.values()).isdisjoint(right.values())
    )


def _separated(digits: str) -> dict[str, str]:
    """The values that digits with `.` and `,` may have, by the sign that is taken for the decimal point."""
    found = {}
    for point, group in ('.,', ',.'):
        whole, _, part = digits.partition(point)
        groups = whole.split(group)
        if part.isdecimal() or (not part and all(len(g) == 3 for g in groups[1:])):
            found[point] = f'{"".join(groups)}.{part.rstrip("0")}'
    return found


def _rounds(question: Question, wanted: Quantity, given: Quantity) -> bool:
    """Whether one of two different values is the other rounded to fewer, but at least two significant, digits."""
    if question.asks_count:
        return False
    return any(_is_rounding(short, long) for short, long in ((wanted, given), (given, wanted)))


def _is_rounding(short: Quantity, long: Quantity) -> bool:
    places = re.fullmatch(r'-?\d*\.(\d+)', short.written)
    if not places or len(re.sub(r'\D', '', short.written).lstrip('0')) < 2:
        return False
    if re.fullmatch(r'-?\d*\.\d+', long.written) and len(long.written) <= len(short.written):
        return False
    return abs(short.base - long.base) <= Fraction(1, 10 ** len(places.group(1))) / 2
