"""Numbers as answers: one quantity, or several of them as a range, a choice or a list.

Owns their reading; `numeric` compares. Expressions with operators, roots and letters belong to `formula`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction
from functools import lru_cache

from .numerals import CHINESE, ENGLISH, MEASURES_ZH, SCALES, chinese, english
from .reading import Row, row
from .text import normal
from .units import CURRENCIES, Unit, unit_of


class Bound(str, Enum):
    """What a quantity says besides its value."""

    EXACT = 'exact'
    ABOUT = 'about'
    ABOVE = 'above'
    AT_LEAST = 'at least'
    BELOW = 'below'
    AT_MOST = 'at most'


class Form(str, Enum):
    """How a number is written."""

    DIGITS = 'digits'
    FRACTION = 'fraction'
    """`a/b`: a value, or two numbers that were printed so (120/80)."""
    LATEX = 'latex'
    """`\\frac{a}{b}`: always a value."""
    OTHER = 'other'
    """Mixed, scientific, in words: always a value."""


@dataclass(frozen=True)
class Quantity:
    """One number as an answer gives it."""

    value: Fraction
    written: str
    """Without separators: tells `007` from `7` and `0.50` from `0.5`."""
    form: Form = Form.DIGITS
    unit: Unit | None = None
    unit_name: str = ''
    percent: bool = False
    nouns: tuple[str, ...] = ()
    """Words after the number that are no unit ("3 red cars")."""
    bound: Bound = Bound.EXACT

    @property
    def base(self) -> Fraction:
        """The value in base units of its dimension; a percentage as a share of one."""
        value = self.value / 100 if self.percent else self.value
        return value * self.unit.factor if self.unit else value

    @property
    def is_plain(self) -> bool:
        """Whether it is a number and nothing else."""
        return not (self.unit or self.percent or self.nouns) and self.bound is Bound.EXACT

    @property
    def is_money(self) -> bool:
        """Whether it carries a currency."""
        return self.unit is not None and any(base in CURRENCIES for base, _ in self.unit.dimension)


class Join(str, Enum):
    """How several quantities stand together."""

    RANGE = 'range'
    CHOICE = 'choice'
    LIST = 'list'


@dataclass(frozen=True)
class Series:
    """Several quantities."""

    join: Join
    items: tuple[Quantity, ...]
    bracketed: bool = False
    tight: bool = False
    """Two numbers with a comma and no space: may be one number with a decimal comma."""


Number = tuple[Fraction, str, Form]
_INT = r'\d+'


def _digits(match: re.Match[str]) -> Number:
    return Fraction(_bare(match.group()) or '0'), re.sub(r'[, ]', '', match.group()), Form.DIGITS


def _bare(text: str) -> str:
    return re.sub(r'[, ]', '', text).rstrip('.')


def _ratio(whole: str, over: str, under: str, form: Form, written: str) -> Number | None:
    return (int(whole or 0) + Fraction(int(over), int(under)), written, form) if int(under) else None


def _scientific(match: re.Match[str]) -> Number | None:
    exponent = int(match['exponent'] or match['braced'])
    if abs(exponent) > 300:
        return None
    return Fraction(match['base']) * Fraction(10) ** exponent, f'{match["base"]}e{exponent}', Form.OTHER


def _numeral(value: Fraction | None) -> Number | None:
    return None if value is None else (value, str(value), Form.OTHER)


def _decimal_zh(match: re.Match[str]) -> Number | None:
    whole, part = chinese(match['whole']), chinese(match['part'])
    return _numeral(None if whole is None or part is None else whole + Fraction(int(part), 10 ** len(match['part'])))


def _quotient(over: Fraction | None, under: Fraction | None) -> Fraction | None:
    return None if over is None or not under else over / under


_EXPONENT = r'(?:e|\s?(?:×|x|\*|·|\\times|\\cdot)\s?10\s?(?:\^|\*\*)\s?)' + (
    r'(?:\{(?P<braced>[+-]?\d{1,4})\}|(?P<exponent>[+-]?\d{1,4}))'
)
_ZH = rf'(?:\d+|{CHINESE})'
NUMBERS: tuple[Row[Number], ...] = (
    row('scientific', rf'(?P<base>\d+(?:\.\d+)?){_EXPONENT}', _scientific, re.IGNORECASE),
    row('mixed', rf'({_INT}) ({_INT}) ?/ ?({_INT})', lambda m: _ratio(m[1], m[2], m[3], Form.OTHER, m[0])),
    row('fraction', rf'({_INT}) ?/ ?({_INT})', lambda m: _ratio('', m[1], m[2], Form.FRACTION, f'{m[1]}/{m[2]}')),
    row('latex fraction', r'(\d*) ?\\[dt]?frac ?\{ ?(\d+) ?\} ?\{ ?(\d+) ?\}',
        lambda m: _ratio(m[1], m[2], m[3], Form.OTHER if m[1] else Form.LATEX, f'{m[1]} {m[2]}/{m[3]}'.strip())),
    row('packed fraction', r'\\[dt]?frac ?(\d) ?(\d)', lambda m: _ratio('', m[1], m[2], Form.LATEX, f'{m[1]}/{m[2]}')),
    row('thousands', r'\d{1,3}(?:,\d{3})+(?:\.\d+)?', _digits),
    row('spaced thousands', r'\d{1,3}(?: \d{3})+(?:\.\d+)?', _digits),
    row('decimal', r'\d+\.\d+|\.\d+|\d+', _digits),
    row('english', ENGLISH, lambda m: _numeral(english(m[0])), re.IGNORECASE),
    row('chinese decimal', rf'(?P<whole>{CHINESE})点(?P<part>{CHINESE})', _decimal_zh),
    row('chinese fraction', rf'({_ZH})分之({_ZH})',
        lambda m: _numeral(_quotient(chinese(m[2]), chinese(m[1])))),
    row('chinese', CHINESE, lambda m: _numeral(chinese(m[0]))),
)  # fmt: skip
_STARTS = {
    Bound.ABOUT: r'about|approximately|approx\.?|around|roughly|nearly|almost|circa|ca\.|~|≈|\\approx|大约|约',
    Bound.AT_LEAST: r'at least|no less than|not less than|no fewer than|minimum(?: of)?|>=|≥|\\geq?|至少|不少于',
    Bound.AT_MOST: r'at most|up to|no more than|not more than|maximum(?: of)?|<=|≤|\\leq?|至多|最多|不超过',
    Bound.ABOVE: r'more than|over|above|greater than|>|\\gt|超过|大于',
    Bound.BELOW: r'less than|fewer than|under|below|<|\\lt|不到|小于',
}
_ENDS = {
    Bound.AT_LEAST: r'\+|or (?:more|above|over|older|greater)|and (?:up|above|over)|以上',
    Bound.AT_MOST: r'or (?:less|fewer|below|under|younger)|and (?:below|under)|以下',
    Bound.ABOUT: r'or so|左右',
}
_BEFORE = re.compile('|'.join(f'(?P<{bound.name}>{pattern})' for bound, pattern in _STARTS.items()), re.IGNORECASE)
_AFTER = re.compile(rf'(?P<rest>.*\S) ?(?:{"|".join(f"(?P<{b.name}>{p})" for b, p in _ENDS.items())})', re.IGNORECASE)
_LEAD = re.compile(
    r'(?:(?:in|the year|year|exactly|only|just|a total of|(?:there (?:are|is) )?a total of) |一?共有?|有)',
    re.IGNORECASE,
)
_SIGN = re.compile(
    r'(?P<sign>[+-]|minus |negative |负)? ?(?P<money>US\$|A\$|C\$|[$€£¥₹₩]|(?:USD|EUR|GBP|CNY|RMB) ?)? ?(?P<inner>-)?'
)
_SHARE_ZH = re.compile(rf'百分之({_ZH})')
_SCALE = re.compile(r' ?(hundred|thousand|million|billion|trillion|万|亿|bn)(?![A-Za-z])|(?-i:(k))\Z', re.IGNORECASE)
_SCALE_OF = {**SCALES, '万': 10**4, '亿': 10**8, 'bn': 10**9, 'k': 10**3}
_MONEY_SCALE = re.compile(r'(?<=\d) ?([KMB])\Z')
_MONEY_SCALES = {'K': 'thousand', 'M': 'million', 'B': 'billion'}
_PERCENT = re.compile(r' ?(?:%|percent|per cent|pct|个?百分点)(?![A-Za-z])', re.IGNORECASE)
_EXTRA = re.compile(r'in total|altogether|in all|exactly', re.IGNORECASE)
_NOUNS = re.compile(r"[A-Za-z][a-z'-]+(?: [A-Za-z][a-z'-]*){0,3}")
_NOUNS_ZH = re.compile(rf'([{MEASURES_ZH}])?([一-鿿]{{0,3}})')
_NOT_NOUNS = re.compile(
    r'\b(?:or|and|half|not|dozen|more|less|than|of|per|plus|minus|over|to|from|each|percent|bc|bce|ad|am|pm|only|hundred|thousand|'
    r'million|billion|k|m|b|if|but|maybe|perhaps|almost|about)\b|[多余几左右上下倍成半分点年月日时号第]',
    re.IGNORECASE,
)
_TIMES = {'once': '1 times', 'twice': '2 times', 'thrice': '3 times'}
SCALE_LETTERS = frozenset('KMBTG')
"""Letters that mean a thousand, a million … as well as a unit when no space stands before them."""


def plain_latex(text: str) -> str:
    r"""LaTeX that only dresses a number taken off: `\$`, `\%`, thin spaces, degree signs, text commands."""
    text = (
        re.sub(r'(?<=\d,)\\! ?(?=\d{3})', '', text)
        .replace('\\$', '$')
        .replace('\\%', '%')
        .replace('{,}', ',')
        .replace('\\!', '')
    )
    text = re.sub(r'\^ ?(?:\{ ?)?\\(?:circ|degree)(?: ?\})?|\\degrees?(?![a-z])', '°', text)
    text = re.sub(r'\\(?:text(?:bf|it|rm|normal)?|mathrm|mbox|operatorname) ?\{([^{}]*)\}', r' \1', text)
    text = re.sub(r'\\[,;: ]', ' ', text).replace('\\Omega', 'Ω')
    return re.sub(r' +', ' ', text).strip()


@lru_cache(maxsize=8192)
def parse_quantity(text: str) -> Quantity | None:
    """Reads a text that is one quantity as a whole; None when it is anything else."""
    text = plain_latex(normal(text))
    text = _TIMES.get(text.casefold(), text)
    if len(text) > 80 or not text:
        return None
    bound, text = _bounded(text)
    if bound is None:
        return None
    lead = _LEAD.match(text)
    text = text[lead.end() :].strip() if lead else text
    head = _SIGN.match(text)
    assert head is not None
    if head['sign'] and head['inner']:
        return None
    text = text[head.end() :]
    if head['money']:
        text = _MONEY_SCALE.sub(lambda m: ' ' + _MONEY_SCALES[m[1]], text)
    found = _unsigned(text)
    if found is None or (head['money'] and (found.unit is not None or found.percent)):
        return None
    if head['money']:
        found = replace(found, unit=unit_of(head['money'].strip()), unit_name=head['money'].strip())
    if head['inner'] or (head['sign'] and head['sign'] != '+'):
        found = replace(found, value=-found.value, written='-' + found.written)
    return replace(found, bound=bound)


def _bounded(text: str) -> tuple[Bound | None, str]:
    before = _BEFORE.match(text)
    if before and (not before.group()[-1].isalnum() or not text[before.end() : before.end() + 1].isalpha()):
        rest = text[before.end() :].strip()
        again = _BEFORE.match(rest) or _AFTER.fullmatch(rest)
        return (None, text) if again else (Bound[str(before.lastgroup)], rest)
    after = _AFTER.fullmatch(text)
    if after:
        return Bound[next(b.name for b in _ENDS if after[b.name])], after['rest']
    return Bound.EXACT, text


def _unsigned(text: str) -> Quantity | None:
    share = _SHARE_ZH.fullmatch(text)
    value = chinese(share.group(1)) if share else None
    if value is not None:
        return Quantity(value, str(value), Form.OTHER, percent=True)
    for entry in NUMBERS:
        match = entry.pattern.match(text)
        number = entry.build(match) if match else None
        if match is None or number is None:
            continue
        tail = text[match.end() :]
        if re.match(r'[\d/^:]|[.,]\d| ?[/:×*+^=<>!]', tail):
            continue
        found = _with_tail(Quantity(*number), tail)
        if found is not None:
            return found
    return None


def _with_tail(quantity: Quantity, tail: str) -> Quantity | None:
    scale = _SCALE.match(tail)
    if scale:
        factor = _SCALE_OF[(scale[1] or scale[2]).casefold()]
        quantity = replace(
            quantity, value=quantity.value * factor, written=f'{quantity.written}*{factor}', form=Form.OTHER
        )
        tail = tail[scale.end() :]
    percent = _PERCENT.match(tail)
    if percent:
        quantity, tail = replace(quantity, percent=True), tail[percent.end() :]
    name = tail.strip()
    if not name or _EXTRA.fullmatch(name):
        return quantity
    glued = tail == name
    unit = None if percent or (glued and name in SCALE_LETTERS) else unit_of(name)
    if unit is not None:
        return replace(quantity, unit=unit, unit_name=name)
    if _NOT_NOUNS.search(name):
        return None
    found = _NOUNS_ZH.fullmatch(name)
    if found:
        return replace(quantity, nouns=(name,))
    if glued or not _NOUNS.fullmatch(name):
        return None
    return replace(quantity, nouns=tuple(name.casefold().split()))


_SIDE = r'[$€£¥]? ?[+-]?\d[\d,.]*(?: ?(?:%|[°A-Za-zμ][°A-Za-zμ/^\d]*))?'
_RANGE = re.compile(
    rf'(?:(?P<lead>from|between|pages|pp\.?) )?(?P<low>{_SIDE}) ?(?P<by>-|~|to|and|至|到) ?(?P<high>{_SIDE})',
    re.IGNORECASE,
)
_CHOICE = re.compile(r'\s*(?:\bor\b|/|\||或者?)\s*', re.IGNORECASE)
_LIST = re.compile(r'\s*(?:,\s*and\b|[,;\n&]|\band\b|和)\s*', re.IGNORECASE)


@lru_cache(maxsize=8192)
def parse_series(text: str) -> Series | None:
    """Reads several quantities as a whole ("10-15", "3 or 4", "1, 2 and 3"); None when the text is anything else."""
    text = plain_latex(normal(text))
    if len(text) > 400:
        return None
    found = _range(text)
    if found is not None:
        return found
    bracketed = text.startswith('[') and text.endswith(']')
    body = re.sub(r'\A(?:either|both) ', '', text[1:-1].strip() if bracketed else text, flags=re.IGNORECASE)
    for join, separator in ((Join.CHOICE, _CHOICE), (Join.LIST, _LIST)):
        parts = separator.split(body)
        items = [parse_quantity(p) for p in parts]
        known = tuple(i for i in items if i is not None)
        if len(parts) > 1 and len(known) == len(items):
            tight = not bracketed and re.fullmatch(r'\D*\d+,\d+\D*', body) is not None
            return Series(join, known, bracketed, tight)
    return None


def _range(text: str) -> Series | None:
    match = _RANGE.fullmatch(text)
    if match is None or (match['by'].casefold() == 'and') != ((match['lead'] or '').casefold() == 'between'):
        return None
    low, high = parse_quantity(match['low']), parse_quantity(match['high'])
    if (
        low is None
        or high is None
        or low.nouns
        or high.nouns
        or any(re.match(r'-?0\d', s.written) for s in (low, high))
    ):
        return None
    return Series(Join.RANGE, (replace(low, unit=low.unit or high.unit, percent=low.percent or high.percent), high))
