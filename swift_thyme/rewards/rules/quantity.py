"""Numbers as answers: values, units, percentages, money, ranges, times and dates, and their comparison.

Owns the reading of one quantity from a whole text and what two quantities say of each other. Expressions with
operators, roots and letters belong to `mathematics`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction

from . import words as lists
from .text import normal, words
from .units import CURRENCIES, UNITS, Unit, unit_of


class Bound(str, Enum):
    """What a quantity says besides its value."""

    EXACT = 'exact'
    APPROXIMATE = 'approximate'
    LIMIT = 'limit'
    """At least, more than, up to."""


@dataclass(frozen=True)
class Quantity:
    """One number as an answer gives it."""

    value: Fraction
    digits: str
    """The number as it was written, without separators: tells `007` from `7` and `0.50` from `0.5`."""
    unit: Unit | None = None
    percent: bool = False
    nouns: tuple[str, ...] = ()
    """Words after the number that are no unit ("3 red cars")."""
    bound: Bound = Bound.EXACT

    @property
    def base(self) -> Fraction:
        """The value in base units of its dimension; a percentage as a share of one."""
        value = self.value / 100 if self.percent else self.value
        return value * self.unit.factor if self.unit else value


_NUMBER = (
    r'(?P<number>[+-]?\s?(?:'
    r'\d{1,3}(?:[, ]\d{3})+(?:\.\d+)?(?![\d])'
    r'|\d+ \d+ ?/ ?\d+|\d+ ?/ ?\d+'
    r'|\d+(?:\.\d+)?|\.\d+|\d+\.(?!\d)))'
    r'(?:\s*(?:e\s?|(?:×|x|\*|·)\s*10\s*(?:\^|\*\*)?\s*\{?\s*)(?P<exponent>[+-]?\d+)\}?)?'
)
_QUANTITY = re.compile(
    r'(?P<sign>[+-]?)(?P<before>us\$|[$€£¥₹₩]|usd|eur|gbp|cny|rmb)?\s*' + _NUMBER + r'\s*'
    r'(?P<scale>thousand|million|billion|trillion|hundred|万|亿|k(?=\s|\Z)|bn(?=\s|\Z))?\s*(?P<after>.*)',
    re.IGNORECASE | re.DOTALL,
)
_SCALES = {**lists.SCALES, '万': 10**4, '亿': 10**8, 'k': 1000, 'bn': 10**9}
_APPROXIMATE = re.compile(r'\A(?:about|approximately|approx\.?|around|roughly|nearly|almost|circa|ca\.|~|≈|大约|约)\s*')
_LIMIT = re.compile(
    r'\A(?:at least|at most|more than|less than|fewer than|over|under|up to|no more than|no less than|not more than|'
    r'not less than|above|below|minimum|maximum|[<>≤≥]=?|至少|至多|不到|超过)\s*'
)
_PREPOSITION = re.compile(
    r'\A(?:in|on|at|by|the year|year|no\.?|number|exactly|only|just|a total of|'
    r'共|一共|共有|有)\s+|\A(?:一共有?|共有?|有|第)'
)
_PARTS = frozenset(
    {'and', 'half', 'halves', 'third', 'thirds', 'quarter', 'quarters', 'fifth', 'tenth', 'dozen', 'times', '半'}
)
"""Words behind a number that change its value."""
_PERCENT = re.compile(r'\A(?:%|percent\b|per cent\b|pct\b|个?百分点)\s*')


def plain_latex(text: str) -> str:
    r"""LaTeX that only dresses a number taken off: `\$`, `\%`, thin spaces, degree signs, fractions of integers."""
    text = text.replace('\\$', '$').replace('\\%', '%').replace('{,}', ',').replace('\\!', '')
    text = re.sub(r'\\[,;: ]|~', ' ', text)
    text = re.sub(r'\^\s*(?:\{\s*)?\\(?:circ|degree)(?:\s*\})?|\\degree|\\degrees', '°', text)
    text = re.sub(r'(\d?)\s*\\[dt]?frac\s*\{\s*(\d+)\s*\}\s*\{\s*(\d+)\s*\}', _fraction, text)
    text = re.sub(r'(\d?)\s*\\[dt]?frac\s*(\d)\s*(\d)', _fraction, text)
    text = re.sub(r'\\(?:text|mathrm|textrm|operatorname)\s*\{([^{}]*)\}', r' \1', text)
    text = text.replace('\\times', '×').replace('\\cdot', '·').replace('\\approx', '≈')
    return re.sub(r'\$(?=\s*\Z)|(?<=\S)\$', '', text).strip() if text.count('$') > 1 else text.strip()


def _fraction(match: re.Match[str]) -> str:
    return f'{match.group(1)} {match.group(2)}/{match.group(3)}'


def parse_quantity(text: str) -> Quantity | None:
    """Reads a text that is one quantity as a whole; None when it is anything else.

    A lead-in ("in", "about", "at least"), a currency, a scale word, a unit, `%`, or nouns may stand around the
    number; anything after a bracket that opens behind it is taken for its explanation.
    """
    text = plain_latex(normal(text)).casefold().strip(' ;!').rstrip('.')
    bound = Bound.EXACT
    for pattern, found in ((_APPROXIMATE, Bound.APPROXIMATE), (_LIMIT, Bound.LIMIT)):
        rest = pattern.sub('', text, count=1)
        if rest != text:
            text, bound = rest, found
    text = _PREPOSITION.sub('', text, count=1)
    text = re.sub(r'(?<=[\w%°]) ?\((?!.*\).*\S)[^()]*\)\Z', '', text)
    if re.search(r'(?<=\d)\s?\+\Z|\bor (?:more|less|fewer|so)\Z', text):
        text, bound = re.sub(r'\s?\+\Z|\s*\bor \w+\Z', '', text), Bound.LIMIT
    match = _QUANTITY.fullmatch(_digits_for_words(text))
    if not match:
        return None
    quantity = _read(match)
    return replace(quantity, bound=bound) if quantity else None


def _read(match: re.Match[str]) -> Quantity | None:
    written = match['number'].replace(' ', '') if '/' not in match['number'] else match['number'].strip()
    value = _value(written)
    if value is None:
        return None
    exponent = int(match['exponent'] or 0)
    if abs(exponent) > 300:
        return None
    value *= Fraction(10) ** exponent * _SCALES.get((match['scale'] or '').lower(), 1)
    if match['sign'] == '-' and match['before']:
        value = -value
    elif match['sign'] == '-':
        value, written = -value, '-' + written
    after = match['after'].strip()
    if re.match(r'[a-z°μ]', after) and re.search(r'\d\Z', match['number']) and _joined_code(match, after):
        return None
    percent = bool(_PERCENT.match(after))
    after = _PERCENT.sub('', after, count=1)
    digits = re.sub(r'[, ]', '', written) + (f'e{exponent}' if exponent else '')
    quantity = Quantity(value, digits, unit_of(match['before'] or ''), percent)
    return _with_tail(quantity, after)


def _joined_code(match: re.Match[str], after: str) -> bool:
    """Whether letters stuck to the digits make a code ("3b7", "12th") rather than a number and its unit."""
    stuck = not match.string[: match.start('after')].endswith(' ')
    return stuck and unit_of(after) is None and unit_of(after.split(' ')[0]) is None


def _with_tail(quantity: Quantity, after: str) -> Quantity | None:
    if not after:
        return quantity
    unit = unit_of(after)
    if unit is not None and quantity.unit is None:
        return replace(quantity, unit=unit)
    if unit is not None and unit == quantity.unit:
        return quantity
    first, _, rest = after.partition(' ')
    head = unit_of(first)
    tail = words(rest if head and quantity.unit is None and len(first) > 1 else after)
    if re.search(r'\d|[=<>+*/^\\,;:]', after) or (lists.HEDGE | _PARTS).intersection(tail) or len(tail) > 8:
        return None
    if not re.fullmatch(r"[\w\s'’-]*[.!]?", after):
        return None
    unit = head if head and quantity.unit is None and len(first) > 1 else quantity.unit
    return replace(quantity, unit=unit, nouns=tuple(tail))


def _value(written: str) -> Fraction | None:
    sign = -1 if written.startswith('-') else 1
    body = written.lstrip('+-').strip()
    try:
        if '/' in body:
            whole, _, part = body.rpartition(' ') if re.match(r'\d+ \d', body) else ('', '', body)
            if re.match(r'\d+ \d', body):
                whole, part = body.split(' ', 1)
            return sign * (Fraction(int(whole or 0)) + Fraction(part.replace(' ', '')))
        return sign * Fraction(body.replace(',', '').replace(' ', '').rstrip('.') or '0')
    except (ValueError, ZeroDivisionError):
        return None


_TOKEN = re.compile(r'[a-z]+|[^a-z]+')


def _digits_for_words(text: str) -> str:
    """The text with a number in words at its beginning written in digits ("twenty-one cars" → "21 cars")."""
    chinese = re.match(rf'\A[{"".join(lists.CHINESE_DIGITS)}十百千万亿]+', text)
    if chinese and not text.startswith(('万', '亿')):
        rest = text[chinese.end() :].lstrip(lists.CHINESE_MEASURES)
        return f'{_chinese_value(chinese.group())} {rest}'.strip()
    if re.match(r'\A\d', text):
        return re.sub(rf'\A(\d+)\s*[{lists.CHINESE_MEASURES}](?![个])', r'\1 ', text).strip()
    found = re.match(r'\A(?:(?:a|an) (?=hundred|thousand|million|dozen))?[a-z]+(?:(?: and |[ -])[a-z]+)*', text)
    if not found:
        return text
    tokens = re.split(r'[ -]', found.group())
    for end in range(len(tokens), 0, -1):
        value = _english_value(tokens[:end])
        if value is not None:
            length = len(re.match(r'[ -]'.join(map(re.escape, tokens[:end])), text).group())  # type: ignore[union-attr]
            return f'{value}{text[length:]}'
    return text


def _english_value(tokens: list[str]) -> int | None:
    tokens = [t for t in tokens if t != 'and'] if tokens[-1] != 'and' else []
    if tokens and tokens[0] in ('a', 'an') and len(tokens) > 1:
        tokens = ['one', *tokens[1:]]
    if tokens == ['one', 'dozen'] or tokens == ['dozen']:
        return 12
    total, current, last = 0, 0, 'start'
    for token in tokens:
        if (token in lists.ONES and last in ('start', 'scale')) or (
            token in lists.ONES and last == 'ten' and 0 < lists.ONES[token] < 10
        ):
            current, last = current + lists.ONES[token], 'one'
        elif token in lists.TENS and last in ('start', 'scale'):
            current, last = current + lists.TENS[token], 'ten'
        elif token == 'hundred' and last in ('one', 'ten'):
            current, last = current * 100, 'scale'
        elif token in lists.SCALES and last != 'start':
            total, current, last = total + current * lists.SCALES[token], 0, 'scale'
        else:
            return None
    return total + current if tokens else None


def _chinese_value(text: str) -> int:
    if not any(c in lists.CHINESE_SCALES for c in text):
        return int(''.join(str(lists.CHINESE_DIGITS[c]) for c in text))
    total = section = digit = 0
    for c in text:
        if c in lists.CHINESE_DIGITS:
            digit = lists.CHINESE_DIGITS[c]
        elif lists.CHINESE_SCALES[c] >= 10**4:
            total, section, digit = (total + section + digit) * lists.CHINESE_SCALES[c], 0, 0
        else:
            section, digit = section + (digit or 1) * lists.CHINESE_SCALES[c], 0
    return total + section + digit


_RANGE = re.compile(
    r'(?:from |between )?(?P<low>[$€£¥]?\d[\d,.]*\s*[%°a-z]*)\s*(?:-|~|to|and|至|到)\s*'
    r'(?P<high>[$€£¥]?\d[\d,.]*\s*[%°a-z/^]*)'
)


def parse_range(text: str) -> tuple[Quantity, Quantity] | None:
    """Reads "10-15", "10 to 15 cm", "between 10 and 15"; None when the text is no range."""
    text = plain_latex(normal(text)).casefold().strip(' .')
    match = _RANGE.fullmatch(text)
    if not match or (re.search(r'\d\s*and\s*\d', text) and not text.startswith('between')):
        return None
    low, high = parse_quantity(match['low']), parse_quantity(match['high'])
    if not low or not high or low.nouns or high.nouns:
        return None
    if any(re.match(r'0\d', side.digits) for side in (low, high)):
        return None
    return replace(low, unit=low.unit or high.unit, percent=low.percent or high.percent), high


def numbers_in(text: str) -> list[Fraction]:
    """Every plain number written in digits in a text, in order."""
    found = re.findall(r'(?<![\w.])-?\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\w)|(?<![\w.])-?\d+(?:\.\d+)?(?!\w)', normal(text))
    return [Fraction(f.replace(',', '')) for f in found]


def has_unit_word(tokens: Iterable[str]) -> bool:
    """Whether one of the words is a unit of measure with a name of its own (longer than one letter)."""
    return any(t in UNITS and len(t) > 1 for t in tokens)


def is_money(quantity: Quantity) -> bool:
    """Whether the quantity carries a currency."""
    return quantity.unit is not None and quantity.unit.dimension in CURRENCIES
