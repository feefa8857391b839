"""Units of measure: a spelling → its dimension, and its factor to the base units.

Owns the tables. A symbol keeps its case (mW is not MW, Mb is not MB); a name does not. A unit is a vector over base
units, so that J/s is W without being listed. What could be two units (`pound`, `5 K` glued to its number) is in no
table. Pint and the like are not used: they read `Mb`, `M` or `min` their own way and bring a registry for what are
three tables here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import product

from .reading import listed

Dimension = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Unit:
    """A unit of measure. Two units can be compared when their dimension is the same."""

    dimension: Dimension
    factor: Fraction
    """How many base units it is."""

    def __mul__(self, other: Unit) -> Unit:
        powers = dict(self.dimension)
        for base, power in other.dimension:
            powers[base] = powers.get(base, 0) + power
        return Unit(tuple(sorted((b, p) for b, p in powers.items() if p)), self.factor * other.factor)

    def __pow__(self, power: int) -> Unit:
        return Unit(tuple((b, p * power) for b, p in self.dimension), self.factor**power)


_BASES = listed(
    'm kg s A K mol cd bit px rad degree month celsius fahrenheit decibel kcal turn torque USD EUR GBP CNY JPY '
    'INR KRW AUD CAD yen-sign percent-point'
)
CURRENCIES = frozenset({'USD', 'EUR', 'GBP', 'CNY', 'JPY', 'INR', 'KRW', 'AUD', 'CAD', 'yen-sign'})
TEMPERATURES = frozenset({'celsius', 'fahrenheit', 'K'})

_SYMBOLS = {
    'g': '1/1000 kg', 't': '1000 kg', 'N': 'kg m s^-2', 'J': 'kg m^2 s^-2', 'W': 'kg m^2 s^-3',
    'V': 'kg m^2 s^-3 A^-1', 'Ω': 'kg m^2 s^-3 A^-2', 'F': 'A^2 s^4 kg^-1 m^-2', 'H': 'kg m^2 s^-2 A^-2',
    'T': 'kg s^-2 A^-1', 'Hz': 's^-1', 'Pa': 'kg m^-1 s^-2', 'L': '1/1000 m^3', 'l': '1/1000 m^3', 'B': '8 bit',
    'b': '1 bit', 'eV': '1602176634/10000000000000000000000000000 J',
}  # fmt: skip
"""Symbols that take a metric prefix, beside `m`, `s`, `A`, `K`, `mol` and `cd`."""
_PREFIXES = {'h': 2, 'p': -12, 'n': -9, 'μ': -6, 'u': -6, 'm': -3, 'c': -2, 'd': -1, 'k': 3, 'M': 6, 'G': 9, 'T': 12}
_PLAIN = {
    'in': '254/10000 m', 'ft': '3048/10000 m', 'yd': '9144/10000 m', 'mi': '1609344/1000 m',
    'oz': '45359237/1600000000 kg', 'lb': '45359237/100000000 kg', 'lbs': '45359237/100000000 kg', 'min': '60 s',
    'h': '3600 s', 'hr': '3600 s', 'hrs': '3600 s', 'd': '86400 s', 'yr': '12 month', 'yrs': '12 month',
    'ha': '10000 m^2', 'cc': '1/1000000 m^3', 'gal': '3785411784/1000000000000 m^3', 'mph': '1609344/3600000 m s^-1',
    'kph': '1000/3600 m s^-1', 'kmh': '1000/3600 m s^-1', 'kmph': '1000/3600 m s^-1', 'mps': 'm s^-1',
    'kn': '1852/3600 m s^-1', 'kt': '1852/3600 m s^-1', 'kWh': '3600000 J', 'Wh': '3600 J', 'kcal': '1 kcal',
    'cal': '1/1000 kcal', 'bar': '100000 Pa', 'rpm': '1 turn', 'dB': '1 decibel', 'px': '1 px', '°': '1 degree',
    'deg': '1 degree', '°C': '1 celsius', '°F': '1 fahrenheit', '$': '1 USD', 'US$': '1 USD', 'USD': '1 USD',
    '¢': '1/100 USD', '€': '1 EUR', 'EUR': '1 EUR', '£': '1 GBP', 'GBP': '1 GBP', 'CNY': '1 CNY', 'RMB': '1 CNY',
    'JPY': '1 JPY', '₹': '1 INR', 'INR': '1 INR', '₩': '1 KRW', 'KRW': '1 KRW', 'AUD': '1 AUD', 'A$': '1 AUD',
    'CAD': '1 CAD', 'C$': '1 CAD', '¥': '1 yen-sign', 'N·m': '1 torque', 'Nm': '1 torque', 'Km': '1000 m',
    'KM': '1000 m', 'CM': '1/100 m', 'Kg': 'kg', 'KG': 'kg', 'kgs': 'kg', 'KB': '8000 bit', 'hz': 'Hz',
    'khz': '1000 Hz', 'ghz': '1000000000 Hz', 'sec': 's', 'secs': 's', 'mins': '60 s', 'ml': '1/1000000 m^3',
    'sqft': '9290304/100000000 m^2', 'sqm': 'm^2',
}  # fmt: skip
_NAMES = {
    'm': 'meter metre 米', 'cm': '厘米 公分', 'mm': '毫米', 'dm': '分米', 'um': 'micron', 'km': '千米 公里',
    'in': 'inch inches 英寸', 'ft': 'foot feet 英尺', 'yd': 'yard', 'mi': 'mile 英里',
    'g': 'gram gramme 克', 'mg': '毫克', 'kg': 'kilo 千克 公斤', 't': 'ton tonne 吨', 'oz': 'ounce',
    's': 'second 秒', 'min': 'minute 分钟', 'h': 'hour 小时', 'd': 'day 天', '7 d': 'week 周',
    '1 month': 'month 个月', 'yr': 'year 年', 'L': 'liter litre 升', 'ml': '毫升',
    'm^3': '立方米', 'gal': 'gallon', 'm^2': '平方米', 'cm^2': '平方厘米',
    'km^2': '平方千米 平方公里', 'ha': 'hectare 公顷', 'kn': 'knot', '°': 'degree 度', '1 rad': 'rad radian',
    '1 celsius': 'celsius centigrade 摄氏度', '1 fahrenheit': 'fahrenheit 华氏度', 'K': 'kelvin',
    'B': 'byte', 'b': 'bit', 'J': 'joule', 'W': 'watt', 'V': 'volt', 'A': 'amp ampere', 'Ω': 'ohm', 'Hz': 'hertz',
    'Pa': 'pascal', 'N': 'newton', 'F': 'farad', '1 px': 'pixel', '1 USD': 'dollar 美元', '1/100 USD': 'cent',
    '1 EUR': 'euro 欧元', '1 CNY': 'yuan 元 块钱 块 人民币', '1 JPY': 'yen 日元 円', '1 INR': 'rupee', '1 KRW': 'won',
    'dB': 'decibel', 'kWh': 'kilowatt-hour', 'kcal': 'kilocalorie',
}  # fmt: skip
_PREFIXED = listed('m g s L B b J W V A Ω Hz Pa N F')
"""Units whose names take the names of the prefixes."""
_PREFIX_NAMES = {
    'n': 'nano', 'u': 'micro', 'm': 'milli', 'c': 'centi', 'd': 'deci', 'h': 'hecto', 'k': 'kilo', 'M': 'mega',
    'G': 'giga', 'T': 'tera',
}  # fmt: skip
_SENSES = {
    'g': '980665/100000 m s^-2', 'm': '60 s|1609344/1000 m', 'oz ounce ounces': '295735/10000000000 m^3',
    't ton tons': '90718474/100000 kg', 'gal gallon gallons': '454609/100000000 m^3', 'cal': '1 kcal|4184/1000 J',
    'kcal': '4184 J', 'kB KB kilobyte kilobytes': '8192 bit', 'MB megabyte megabytes': '8388608 bit',
    'GB gigabyte gigabytes': '8589934592 bit', 'TB terabyte terabytes': '8796093022208 bit',
    'month months': '2629746 s', 'yr yrs year years': '31556952 s', 'rad radian radians': '572958/10000 degree',
    'N·m Nm': 'J',
}  # fmt: skip
"""What else a spelling means to some, or is worth in a base of its own that the tables keep apart."""


def _defined(text: str, known: dict[str, Unit]) -> Unit:
    unit = Unit((), Fraction(1))
    for part in text.split():
        name, _, power = part.partition('^')
        unit *= Unit((), Fraction(part)) if part[0].isdigit() else known[name] ** int(power or 1)
    return unit


def _symbols() -> dict[str, Unit]:
    known = {b: Unit(((b, 1),), Fraction(1)) for b in _BASES}
    for name, definition in _SYMBOLS.items():
        known[name] = _defined(definition, known)
    for name in ('m', 's', 'A', 'K', 'mol', *_SYMBOLS):
        for prefix, power in _PREFIXES.items():
            known.setdefault(prefix + name, known[name] * Unit((), Fraction(10) ** power))
    known |= {name: _defined(definition, known) for name, definition in _PLAIN.items()}
    known['kg'], known['min'], known['ft'], known['px'] = (
        _defined(d, known) for d in ('1000 g', '60 s', _PLAIN['ft'], '1 px')
    )
    return known


_KNOWN = _symbols()
SYMBOLS = {
    s: u
    for s, u in _KNOWN.items()
    if s not in ('month', 'turn', 'torque', 'celsius', 'fahrenheit', 'decibel', 'degree')
}
NAMES = {
    spelling: _defined(definition, _KNOWN)
    for definition, spellings in _NAMES.items()
    for name in spellings.split()
    for spelling in (name, name + 's' * name.isascii())
}
NAMES |= {
    f'{prefix}{hyphen}{name}{s}': _KNOWN[sign + symbol]
    for symbol, sign in product(_PREFIXED, _PREFIX_NAMES)
    for prefix, name, hyphen, s in product([_PREFIX_NAMES[sign]], _NAMES[symbol].split(), ('', '-'), ('', 's'))
    if name.isascii()
}
SENSES = {
    spelling: tuple(_defined(one, _KNOWN) for one in definitions.split('|'))
    for spellings, definitions in _SENSES.items()
    for spelling in spellings.split()
}
"""Spelling → the units that it may mean beside its own."""
_POWERS = (
    (re.compile(r'(?:square|sq\.?)\s+(\S+)'), 2),
    (re.compile(r'(?:cubic|cu\.?)\s+(\S+)'), 3),
    (re.compile(r'(\S+)\s+squared'), 2),
    (re.compile(r'(\S+)\s+cubed'), 3),
    (re.compile(r'([^\d^/]*[^\d^/\s])(?: ?\^ ?)?2'), 2),
    (re.compile(r'([^\d^/]*[^\d^/\s])(?: ?\^ ?)?3'), 3),
)
_BRACED = re.compile(r'\^ ?\{ ?(-?\d) ?\}')
_PER = re.compile(r'\s*/\s*|\s+per\s+')


@lru_cache(maxsize=4096)
def unit_of(text: str) -> Unit | None:
    """The unit that a text names as a whole, or None; knows squares, cubes and quotients of the tables' units."""
    text = ' '.join(_BRACED.sub(r'^\1', text).split()).replace('° ', '°')
    known = SYMBOLS.get(text) or NAMES.get(text.casefold())
    if known:
        return known
    if re.fullmatch(r'(?:years?|yrs?) (?:old|of age)|岁', text, re.IGNORECASE):
        return NAMES['year']
    scale = re.fullmatch(r'(?:degrees? |°)\s*(c|f|celsius|fahrenheit)', text, re.IGNORECASE)
    if scale:
        return SYMBOLS['°' + scale.group(1)[0].upper()]
    if _PER.search(text):
        parts = [unit_of(p) for p in _PER.split(text)]
        return parts[0] * parts[1] ** -1 if len(parts) == 2 and parts[0] and parts[1] else None
    for pattern, power in _POWERS:
        match = pattern.fullmatch(text)
        base = unit_of(match.group(1)) if match else None
        if base is not None and base.dimension == (('m', 1),):
            return base**power
    return None


_ASKED = (
    re.compile(
        r'\b(?:in|as|of)\s+((?:square |cubic |degrees )?[^\s,.?!()\d]+[23]?(?:\s?(?:/|per)\s?[a-z]+)?)\s*'
        r'(?=[,.?!()\n]|\Z)',
        re.IGNORECASE,
    ),
    re.compile(r'[(\[（]\s*(?:in\s+)?([^\s()\[\]]{1,12}(?: [^\s()\[\]]{1,12})?)\s*[)\]）]'),
    re.compile(r'\bhow many ((?:square |cubic )?[^\s?]+(?: per [a-z]+)?)', re.IGNORECASE),
    re.compile(r'多少([一-鿿]{1,4}?)(?=[?？。,，]|\Z)'),
)


def asked_unit(question: str) -> Unit | None:
    """The one unit a question asks for ("… in cm?", "(km/h)", "how many metres"); None when none or several."""
    found = {u for p in _ASKED for m in p.finditer(question) if (u := unit_of(m.group(1))) is not None}
    return next(iter(found)) if len(found) == 1 else None
