"""Times and dates: their reading, and when two are the same. No lenient parser (dateutil reads `3` as a date)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .question import Question
from .reading import Row, read, row
from .verdict import RuleVerdict, match, mismatch, undecided
from .words import MONTHS, WEEKDAYS


@dataclass(frozen=True)
class Clock:
    """What a clock or a stopwatch shows."""

    fields: tuple[int, ...]
    """Hours and minutes, and seconds where they are shown."""
    exact: bool
    """Whether morning and afternoon are told apart."""


def _clock(match: re.Match[str]) -> Clock | None:
    found = match.groupdict()
    hour, minute, half = int(found['h']), int(found.get('m') or 0), (found.get('half') or '')[:1].casefold()
    half = {'上': 'a', '早': 'a', '下': 'p', '晚': 'p', '中': 'p', '半': ''}.get(half, half)
    if found.get('thirty'):
        minute = 30
    if minute > 59 or hour > 24 or (half and not 1 <= hour <= 12):
        return None
    if half:
        hour = hour % 12 + 12 * (half == 'p')
    seconds = (int(found['s']),) if found.get('s') else ()
    return Clock((hour % 24, minute, *seconds), bool(half) or hour > 12 or hour == 0)


_HALF = r'(?P<half>a\.?m\.?|p\.?m\.?)'
_HOUR = r'(?:(?:at|it is|it\'s) )?(?P<h>\d{1,2})'
CLOCKS: tuple[Row[Clock], ...] = (
    row('digits', rf'{_HOUR}[:h](?P<m>[0-5]\d)(?::(?P<s>[0-5]\d))?(?: ?{_HALF})?', _clock, re.IGNORECASE),
    row('dotted', rf'{_HOUR}\.(?P<m>[0-5]\d) ?{_HALF}', _clock, re.IGNORECASE),
    row('hour', rf'{_HOUR} ?{_HALF}', _clock, re.IGNORECASE),
    row("o'clock", rf"{_HOUR}(?::(?P<m>00))? o'?clock", _clock, re.IGNORECASE),
    row(
        'chinese',
        r'(?P<half>上午|下午|晚上|早上|中午)?(?P<h>\d{1,2})[点时](?:(?P<m>\d{1,2})分?|(?P<thirty>半)|整)?',
        _clock,
    ),
)


@dataclass(frozen=True)
class Date:
    """A calendar date, possibly in part."""

    year: int | None
    month: int | None
    day: int | None
    weekday: int | None = None
    century_open: bool = False
    """The year was written with two digits."""
    turned: bool = False
    """Day and month may be the other way round (04/07/2019)."""


_MONTH_OF = {name: i for i, name in enumerate(MONTHS, 1)} | {n[:3]: i for i, n in enumerate(MONTHS, 1)} | {'sept': 9}
_WEEKDAY_OF = (
    {n: i for i, n in enumerate(WEEKDAYS)} | {n[:3]: i for i, n in enumerate(WEEKDAYS)} | {'tues': 1, 'thurs': 3}
)
_MONTH = rf'(?P<month>{"|".join(sorted(_MONTH_OF, key=len, reverse=True))})\b\.?'
_WEEKDAY = rf'(?:(?P<weekday>{"|".join(sorted(_WEEKDAY_OF, key=len, reverse=True))})\b\.?,? )?(?:on |the )*'
_DAY, _YEAR = r'(?P<day>\d{1,2})(?:st|nd|rd|th)?', r'(?P<year>\d{4})'


def _date(match: re.Match[str]) -> Date | None:
    found = match.groupdict()
    name, weekday = (found.get('month') or '').casefold(), (found.get('weekday') or '').casefold()
    month = _MONTH_OF.get(name) or (int(name) if name else None)
    day, year = (int(found[k]) if found.get(k) else None for k in ('day', 'year'))
    if not 1 <= (month or 1) <= 12 or not 1 <= (day or 1) <= 31:
        return None
    return Date(year, month, day, _WEEKDAY_OF.get(weekday))


def _numeric(match: re.Match[str]) -> Date | None:
    first, second, year = int(match[1]), int(match[2]), int(match[3])
    if not (1 <= first <= 31 and 1 <= second <= 31) or min(first, second) > 12:
        return None
    month, day = (second, first) if first > 12 else (first, second)
    return Date(year, month, day, century_open=len(match[3]) == 2, turned=max(first, second) <= 12 and first != second)


def _era(match: re.Match[str]) -> Date | None:
    if not (match['first'] or match['era']) or (match['first'] and match['era']):
        return None
    return Date(int(match['year']) * (-1 if (match['era'] or '').startswith('B') else 1), None, None)


DATES: tuple[Row[Date], ...] = (
    row('month first', rf'{_WEEKDAY}{_MONTH} {_DAY}(?:,? {_YEAR})?', _date, re.IGNORECASE),
    row('day first', rf'{_WEEKDAY}{_DAY} (?:of )?{_MONTH}(?:,? {_YEAR})?', _date, re.IGNORECASE),
    row('month and year', rf'(?:in )?{_MONTH},? {_YEAR}', _date, re.IGNORECASE),
    row('iso', r'(?P<year>\d{4})([-/.])(?P<month>\d{1,2})\2(?P<day>\d{1,2})', _date),
    row('chinese', r'(?P<year>\d{4})年(?:(?P<month>\d{1,2})月(?:(?P<day>\d{1,2})[日号])?)?', _date),
    row('chinese day', r'(?P<month>\d{1,2})月(?P<day>\d{1,2})[日号]', _date),
    row(
        'era',
        r'(?:(?P<first>AD|A\.D\.|CE) )?(?P<year>\d{1,4})(?: ?(?P<era>BCE?|B\.C\.?(?:E\.?)?|CE|AD|A\.D\.|C\.E\.))?',
        _era,
    ),
    row('numeric', r'(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})', _numeric),
)
_DAY_AND_MONTH = re.compile(r'(\d{1,2}) ?[/.] ?(\d{1,2})')


def decide_moment(question: Question, reference: str, answer: str) -> RuleVerdict | None:
    """Two times of day or two dates; None when one side is neither."""
    when, given = read(CLOCKS, reference), read(CLOCKS, answer)
    if when is not None and given is not None:
        return _clocks(when, given)
    day, other = read(DATES, reference), read(DATES, answer)
    if day is not None and other is not None:
        return _dates(day, other)
    if question.asks_date:
        first, second = _DAY_AND_MONTH.fullmatch(reference), _DAY_AND_MONTH.fullmatch(answer)
        if first and second:
            return _slashed([int(g) for g in first.groups()], [int(g) for g in second.groups()])
    return None


def _clocks(when: Clock, given: Clock) -> RuleVerdict:
    if len(when.fields) != len(given.fields):
        return undecided('seconds') if when.fields[:2] == given.fields[:2] else mismatch('time')
    if when.exact and given.exact:
        return match('time') if when.fields == given.fields else mismatch('time')
    if (when.fields[0] % 12, *when.fields[1:]) != (given.fields[0] % 12, *given.fields[1:]):
        return mismatch('time')
    same = when.fields == given.fields and when.exact == given.exact
    return match('time') if same else undecided('half of the day')


def _dates(day: Date, other: Date) -> RuleVerdict:
    if day == other and not day.turned:
        return match('date')
    if day.turned or other.turned:
        return undecided('day or month first')
    pairs = ((day.month, other.month), (day.day, other.day), (day.weekday, other.weekday))
    if any(a is not None and b is not None and a != b for a, b in pairs):
        return mismatch('date')
    if day.year is not None and other.year is not None and day.year != other.year:
        open_century = (day.century_open or other.century_open) and day.year % 100 == other.year % 100
        return undecided('century') if open_century else mismatch('date')
    return undecided('part of a date')


def _slashed(wanted: list[int], given: list[int]) -> RuleVerdict:
    if wanted == given:
        return match('date')
    return undecided('day or month first') if sorted(wanted) == sorted(given) else mismatch('date')
