"""Times of day and dates read from a whole text. Owns the reading; `numeric` compares."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .text import normal

_TIME = re.compile(
    r'(?:at |it is |it\'s )?(?P<h>\d{1,2})(?:[:.h](?P<m>[0-5]\d)(?::[0-5]\d)?)?\s*(?P<half>a\.?m\.?|p\.?m\.?)?'
    r'(?:\s+in the (?P<part>morning|afternoon|evening))?(?:\s*(?:o\'?clock|hours|h|uhr))?'
)
_TIME_ZH = re.compile(
    r'(?P<part>上午|下午|晚上|早上|中午)?(?P<h>\d{1,2})(?:点|时|:)(?:(?P<m>\d{1,2})分?|(?P<half>半)|整)?'
)


@dataclass(frozen=True)
class TimeOfDay:
    """A time read from a clock."""

    minutes: int
    """Since midnight; of the twelve hours when `exact` is false."""
    exact: bool
    """Whether morning and afternoon are told apart."""


def parse_time(text: str) -> TimeOfDay | None:
    """Reads "15:30", "3:30 pm", "3 p.m.", "下午3点半"; None when the text is no time of day as a whole."""
    text = normal(text).casefold().strip()
    match = _TIME.fullmatch(text)
    if match and ((match['m'] and ':' in text) or match['half'] or "o'clock" in text or 'oclock' in text):
        half = (match['half'] or '').replace('.', '') or {'morning': 'am'}.get(
            match['part'] or '', 'pm' * bool(match['part'])
        )
        return _time(int(match['h']), int(match['m'] or 0), half)
    match = _TIME_ZH.fullmatch(text)
    if match and ('点' in text or '时' in text):
        half = {'上午': 'am', '早上': 'am', '下午': 'pm', '晚上': 'pm', '中午': 'pm'}.get(match['part'] or '', '')
        return _time(int(match['h']), 30 if match['half'] else int(match['m'] or 0), half)
    return None


def _time(hour: int, minute: int, half: str) -> TimeOfDay | None:
    if hour > 24 or (half and not 1 <= hour <= 12 and hour < 13):
        return None
    if half and hour <= 12:
        hour = hour % 12 + (12 if half == 'pm' else 0)
    return TimeOfDay(hour % 24 * 60 + minute, bool(half) or hour > 12 or hour == 0)


_NAMES = (
    'january february march april may june july august september october november december '
    'jan feb mar apr may jun jul aug sep oct nov dec'
)
_MONTHS = {name: i % 12 + 1 for i, name in enumerate(_NAMES.split())} | {'sept': 9}
_NAME = '|'.join(sorted(_MONTHS, key=len, reverse=True))
_WEEKDAY = r'(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,?\s+)?(?:on\s+|the\s+)*'
_DATES = (
    re.compile(rf'{_WEEKDAY}(?P<month>{_NAME})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s+(?P<year>\d{{4}}))?'),
    re.compile(
        rf'{_WEEKDAY}(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<month>{_NAME})\.?(?:,?\s+(?P<year>\d{{4}}))?'
    ),
    re.compile(rf'(?:in\s+)?(?P<month>{_NAME})\.?,?\s+(?P<year>\d{{4}})'),
    re.compile(r'(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})'),
    re.compile(r'(?:(?P<year>\d{4})年)(?:(?P<month>\d{1,2})月)?(?:(?P<day>\d{1,2})[日号])?'),
    re.compile(r'(?P<month>\d{1,2})月(?P<day>\d{1,2})[日号]'),
)
_NUMERIC_DATE = re.compile(r'(?P<first>\d{1,2})[-/.](?P<second>\d{1,2})[-/.](?P<year>\d{4}|\d{2})')


@dataclass(frozen=True)
class Date:
    """A calendar date, possibly without day or year."""

    fields: tuple[int | None, int | None, int | None]
    """Year, month, day."""
    ambiguous: bool = False
    """Whether day and month may be the other way round (04/07/2019)."""

    @property
    def parts(self) -> int:
        """How many of the three fields are known."""
        return sum(f is not None for f in self.fields)


def parse_date(text: str) -> Date | None:
    """Reads a date in words, ISO, Chinese or `d/m/y` form; None when the text is none as a whole."""
    text = normal(text).casefold().strip(' .')
    for pattern in _DATES:
        match = pattern.fullmatch(text)
        if match:
            found = match.groupdict()
            month = found.get('month')
            number = _MONTHS.get(month, 0) or int(month) if month else None
            day, year = found.get('day'), found.get('year')
            return Date((int(year) if year else None, number, int(day) if day else None))
    match = _NUMERIC_DATE.fullmatch(text)
    if not match:
        return None
    first, second = int(match['first']), int(match['second'])
    year_number = int(match['year']) + (2000 if len(match['year']) == 2 else 0)
    if first > 12:
        return Date((year_number, second, first))
    if second > 12:
        return Date((year_number, first, second))
    return Date((year_number, first, second), ambiguous=first != second)
