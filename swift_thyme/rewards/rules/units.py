"""Units of measure: spelling → dimension and factor to its base unit.

Owns the table. Temperatures are kept apart by scale: 20 °C and 20 °F are different dimensions here, as no answer is
expected to convert them and a factor could not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache


@dataclass(frozen=True)
class Unit:
    """A unit of measure. Two units can be compared when their dimension is the same."""

    dimension: str
    factor: Fraction
    """How many base units of the dimension it is."""


_TABLE: dict[str, dict[str, str]] = {
    'length': {
        '1': 'm meter meters metre metres 米',
        '1/100': 'cm centimeter centimeters centimetre centimetres 厘米 公分',
        '1/1000': 'mm millimeter millimeters millimetre millimetres 毫米',
        '1/10': 'dm decimeter decimeters decimetre decimetres 分米',
        '1/1000000': 'um μm micrometer micrometers micron microns',
        '1/1000000000': 'nm nanometer nanometers',
        '1000': 'km kilometer kilometers kilometre kilometres 千米 公里',
        '254/10000': 'in inch inches 英寸',
        '3048/10000': 'ft foot feet 英尺',
        '9144/10000': 'yd yard yards',
        '1609344/1000': 'mi mile miles 英里',
    },
    'mass': {
        '1': 'g gram grams gramme grammes 克',
        '1/1000': 'mg milligram milligrams 毫克',
        '1000': 'kg kgs kilogram kilograms kilo kilos 千克 公斤',
        '1000000': 't ton tons tonne tonnes 吨',
        '45359237/100000': 'lb lbs pound pounds',
        '45359237/1600000': 'oz ounce ounces',
    },
    'time': {
        '1': 's sec secs second seconds 秒',
        '1/1000': 'ms millisecond milliseconds 毫秒',
        '60': 'min mins minute minutes 分钟',
        '3600': 'h hr hrs hour hours 小时',
        '86400': 'd day days 天',
        '604800': 'week weeks 周',
    },
    'months': {'1': 'month months 个月', '12': 'yr yrs year years 年'},
    'volume': {
        '1': 'l liter liters litre litres 升',
        '1/1000': 'ml milliliter milliliters millilitre millilitres cc 毫升 cm^3 cm3',
        '1/100': 'cl centiliter centiliters',
        '1/10': 'dl deciliter deciliters',
        '1000': 'm^3 m3 立方米',
        '3785411784/1000000000': 'gal gallon gallons',
    },
    'area': {
        '1': 'm^2 m2 sqm 平方米',
        '1/10000': 'cm^2 cm2 平方厘米',
        '1/1000000': 'mm^2 mm2 平方毫米',
        '1000000': 'km^2 km2 平方千米 平方公里',
        '10000': 'ha hectare hectares 公顷',
        '9290304/100000000': 'ft^2 ft2 sqft',
        '64516/100000000': 'in^2 in2',
    },
    'speed': {
        '1': 'm/s mps',
        '1000/3600': 'km/h kmh kph kmph',
        '1609344/3600000': 'mph mi/h',
        '1852/3600': 'kn knot knots',
    },
    'angle': {'1': '° deg degs degree degrees 度'},
    'radian': {'1': 'rad radian radians'},
    'celsius': {'1': '°c celsius centigrade 摄氏度'},
    'fahrenheit': {'1': '°f fahrenheit 华氏度'},
    'kelvin': {'1': 'kelvin'},
    'data': {'1': 'byte bytes', '1000': 'kb', '1000000': 'mb', '1000000000': 'gb', '1000000000000': 'tb'},
    'energy': {'1': 'j joule joules', '1000': 'kj', '3600000': 'kwh'},
    'food energy': {'1': 'kcal', '1/1000': 'cal'},
    'power': {'1': 'w watt watts', '1000': 'kw', '1000000': 'mw'},
    'voltage': {'1': 'v volt volts', '1/1000': 'mv', '1000': 'kv'},
    'current': {'1': 'a amp amps ampere amperes', '1/1000': 'ma'},
    'resistance': {'1': 'ω ohm ohms', '1000': 'kω'},
    'frequency': {'1': 'hz hertz', '1000': 'khz', '1000000': 'mhz', '1000000000': 'ghz', '1/60': 'rpm'},
    'pressure': {'1': 'pa pascal pascals', '1000': 'kpa', '100000': 'bar'},
    'force': {'1': 'n newton newtons', '1000': 'kn.'},
    'pixel': {'1': 'px pixel pixels'},
    'USD': {'1': '$ usd us$ dollar dollars 美元', '1/100': 'cent cents ¢'},
    'EUR': {'1': '€ eur euro euros 欧元'},
    'GBP': {'1': '£ gbp'},
    'CNY': {'1': 'cny rmb yuan 元 块钱 人民币'},
    'JPY': {'1': 'jpy yen 日元'},
    'INR': {'1': '₹ inr rs rupee rupees'},
    'KRW': {'1': '₩ krw won'},
    'yen sign': {'1': '¥'},
}
CURRENCIES = frozenset({'USD', 'EUR', 'GBP', 'CNY', 'JPY', 'INR', 'KRW', 'yen sign'})

UNITS = {
    spelling: Unit(dimension, Fraction(factor))
    for dimension, rows in _TABLE.items()
    for factor, spellings in rows.items()
    for spelling in spellings.split()
}

_POWERS = (
    (re.compile(r'\b(?:square|sq\.?)\s+(\S+)'), 2),
    (re.compile(r'\b(?:cubic|cu\.?)\s+(\S+)'), 3),
    (re.compile(r'(\S+)\s+squared\b'), 2),
    (re.compile(r'(\S+)\s+cubed\b'), 3),
)
_PER = re.compile(r'\s*(?:\bper\b|/)\s*')


@lru_cache(maxsize=4096)
def unit_of(text: str) -> Unit | None:
    """The unit that a text names as a whole, or None; knows squares, cubes and quotients of the table's units."""
    text = ' '.join(text.casefold().replace('{', '').replace('}', '').split()).strip(' .').replace('° ', '°')
    for pattern, power in _POWERS:
        match = pattern.fullmatch(text)
        if match:
            return _power(match.group(1), power)
    known = UNITS.get(text) or UNITS.get({'degrees c': '°c', 'degrees f': '°f'}.get(text, ''))
    if known:
        return known
    if text.startswith(('degrees ', 'degree ', '°')):
        return unit_of(text.split(' ', 1)[-1].lstrip('°'))
    if _PER.search(text):
        parts = [unit_of(p) for p in _PER.split(text)]
        if len(parts) == 2 and parts[0] and parts[1]:
            dimension = f'{parts[0].dimension}/{parts[1].dimension}'
            return Unit('speed' if dimension == 'length/time' else dimension, parts[0].factor / parts[1].factor)
        return None
    match = re.fullmatch(r'([^\d^]+)\^?([23])', text)
    return _power(match.group(1), int(match.group(2))) if match else None


def _power(name: str, power: int) -> Unit | None:
    base = unit_of(name)
    if base is None or base.dimension != 'length':
        return None
    factor = base.factor**power
    return Unit('area', factor) if power == 2 else Unit('volume', factor * 1000)


_ASKED = (
    re.compile(
        r'\b(?:in|as|of)\s+((?:square |cubic |degrees )?[^\s,.?!()\d]+(?:\s?(?:/|per)\s?[a-z]+)?)\s*(?=[,.?!()]|\Z|\n)'
    ),
    re.compile(r'[(\[（]\s*(?:in\s+)?([^\s()\[\]]{1,12}(?: [^\s()\[\]]{1,12})?)\s*[)\]）]'),
    re.compile(r'\bhow many ((?:square |cubic )?[^\s?]+(?: per [a-z]+)?)'),
    re.compile(r'多少([一-鿿]{1,4}?)(?=[?？。,，]|\Z)'),
)


def asked_unit(question: str) -> Unit | None:
    """The one unit a question asks for ("… in cm?", "(km/h)", "how many metres"); None when none or several."""
    question = question.casefold()
    found = {u for p in _ASKED for m in p.finditer(question) if (u := unit_of(m.group(1))) is not None}
    return next(iter(found)) if len(found) == 1 else None
