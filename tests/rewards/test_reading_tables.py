"""Every row of every reading table reads its own spelling whole, and nothing that is longer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest

from swift_thyme.rewards.rules import formula as formulas
from swift_thyme.rewards.rules import moments, phrases, printed, quantity
from swift_thyme.rewards.rules.expression import Unreadable
from swift_thyme.rewards.rules.reading import Row

TABLES: dict[str, tuple[Sequence[Row[Any]], dict[str, str]]] = {
    'clocks': (
        moments.CLOCKS,
        {'digits': '15:30:05', 'dotted': '3.30 pm', 'hour': '3 p.m.', "o'clock": "3 o'clock", 'chinese': '下午3点半'},
    ),
    'dates': (
        moments.DATES,
        {
            'month first': 'Mon., July 4, 2019', 'day first': '4th of July 2019', 'month and year': 'July 2019',
            'iso': '2019-07-04', 'chinese': '2019年7月4日', 'chinese day': '7月4日', 'era': '44 BC',
            'numeric': '13/05/98',
        },
    ),
    'printed': (
        printed.PRINTED,
        {'ratio': '3:1', 'dimensions': '3 × 4 cm', 'version': 'v3.10.1', 'leading zero': '007'},
    ),
    'numbers': (
        quantity.NUMBERS,
        {
            'scientific': '1.2 × 10^{3}', 'mixed': '9 3/4', 'fraction': '3/4', 'latex fraction': '\\frac{3}{4}',
            'packed fraction': '\\frac34', 'thousands': '1,234.5', 'spaced thousands': '1 234', 'decimal': '.5',
            'english': 'one hundred and two', 'chinese decimal': '三点五', 'chinese fraction': '三分之二',
            'chinese': '二十一',
        },
    ),
    'sides': (
        phrases.SIDES,
        {
            'horizontal': 'on the left side', 'vertical': 'at the top of the image', 'corner': 'upper left corner',
            'turned corner': 'left top', 'chinese': '在左边',
        },
    ),
    'compass': (phrases.COMPASS, {'compass': 'to the North-west', 'short compass': 'NW'}),
    'colours': (phrases.COLOURS, {'chinese': '红色', 'english': 'Grey'}),
    'formulas': (
        formulas.TABLE,
        {
            'brackets': '[2, 5)', 'empty set': '\\varnothing', 'tolerance': '(5 \\pm 1)', 'braces': '\\{1, 2\\}',
            'bare braces': '{1, 2}',
            'matrix': '\\begin{bmatrix}1 & 2\\\\3 & 4\\end{bmatrix}', 'union': '(1, 2) \\cup (3, 4)',
            'two-sided inequality': '1 < x \\le 2', 'inequality': 'x > 3', 'unequal': 'x \\ne 3', 'values': 'x = 1, 2',
        },
    ),
}  # fmt: skip
ROWS = [
    pytest.param(entry, spellings.get(entry.name), id=f'{name}: {entry.name}')
    for name, (table, spellings) in TABLES.items()
    for entry in table
]


def read_whole(entry: Row[Any], text: str) -> Any:
    found = entry.pattern.fullmatch(text)
    with suppress(Unreadable):
        return entry.build(found) if found else None


@pytest.mark.parametrize(('entry', 'spelling'), ROWS)
def test_row_reads_its_spelling_whole(entry: Row[Any], spelling: str | None) -> None:
    assert spelling is not None, 'a row without an example here'
    assert read_whole(entry, spelling) is not None


@pytest.mark.parametrize(('entry', 'spelling'), [p for p in ROWS if p.id != 'formulas: values'])
@pytest.mark.parametrize('rest', [' or 9', ' maybe', '?', ' 7 7'])
def test_row_reads_nothing_but_the_whole(entry: Row[Any], spelling: str, rest: str) -> None:
    assert read_whole(entry, spelling + rest) is None
