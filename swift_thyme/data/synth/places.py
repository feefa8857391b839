"""Regions in words: a cell of a grid of stated size, a named ninth, fractions, lines; and how they are computed.

Owns the phrases and the arithmetic behind them. Every region is one of `rows` × `columns` equal parts of the whole
picture, so that nothing has to be pointed at. What is drawn in the parts is in `scenes.parts`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .types import Place

_ORDINALS = (
    'first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth', 'ninth', 'tenth', 'eleventh',
    'twelfth', 'thirteenth', 'fourteenth', 'fifteenth', 'sixteenth', 'seventeenth', 'eighteenth', 'nineteenth',
    'twentieth', 'twenty-first', 'twenty-second', 'twenty-third', 'twenty-fourth',
)  # fmt: skip
MOST_PARTS = len(_ORDINALS)
"""Most rows, and most columns."""
_HALVES = (('upper', 'lower'), ('left', 'right'))
_THIRDS = (('upper', 'middle', 'lower'), ('left', 'middle', 'right'))
_DENOMINATORS = (3, 4, 5, 6, 8, 10, 12)


@dataclass(frozen=True)
class Parts:
    """How finely a picture may be divided so that a text fits into each part and can be read once it is cut out."""

    rows: range
    columns: range

    def take(self, rng: random.Random, least: int = 1) -> tuple[int, int]:
        """Rows and columns, at least `least` of each where the ranges reach that far."""
        return rng.choice(_from(self.rows, least)), rng.choice(_from(self.columns, least))


def _from(numbers: range, least: int) -> Sequence[int]:
    return [n for n in numbers if n >= least] or numbers[-1:]


PlaceMaker = Callable[[random.Random, Parts], 'Place | None']
"""Makes a region, or None where its kind of phrase needs another division than the parts allow."""


def ordinal(number: int) -> str:
    """`first` to `twenty-fourth`."""
    return _ORDINALS[number - 1]


def share(part: int, parts: int, side: str) -> str:
    """Python for where part number `part` of a side begins: `0`, `w // 3`, `2 * w // 3`, `w`."""
    if part in (0, parts):
        return side if part else '0'
    return f'{side} // {parts}' if part == 1 else f'{part} * {side} // {parts}'


def _edges(rows: int, columns: int, row: int, column: int) -> tuple[str, str]:
    return (
        f'x1, x2 = {share(column, columns, "w")}, {share(column + 1, columns, "w")}',
        f'y1, y2 = {share(row, rows, "h")}, {share(row + 1, rows, "h")}',
    )


_FROM_ONE = ('x1, x2 = (col - 1) * w // cols, col * w // cols', 'y1, y2 = (row - 1) * h // rows, row * h // rows')
_FROM_ZERO = ('x1, x2 = col * w // cols, (col + 1) * w // cols', 'y1, y2 = row * h // rows, (row + 1) * h // rows')
_LINES = ('x1, x2 = (col - 1) * w // cols, col * w // cols', 'y1, y2 = (line - 1) * h // lines, line * h // lines')


def _drawn(rng: random.Random, rows: int, columns: int) -> tuple[int, int]:
    return rng.randrange(rows), rng.randrange(columns)


def _grid_setting(rng: random.Random, rows: int, columns: int) -> str:
    return rng.choice(
        (
            f'The picture is divided evenly into {rows} rows and {columns} columns.',
            f'Think of the picture as a grid of {rows} rows and {columns} columns of equal size.',
            f'{rows} rows and {columns} columns of equal cells fill the whole picture.',
        )
    )


# --- regions that are named directly


def cell(rng: random.Random, parts: Parts) -> Place | None:
    """`in row 3, column 5` of a grid of stated size."""
    rows, columns = parts.take(rng)
    row, column = _drawn(rng, rows, columns)
    setting, where = _grid_setting(rng, rows, columns), f'in row {row + 1}, column {column + 1}'
    if rng.random() < 0.3:
        setting, where = '', f'in row {row + 1}, column {column + 1} of the {rows} × {columns} grid (rows × columns)'
    lines = (f'rows, cols = {rows}, {columns}', f'row, col = {row + 1}, {column + 1}', *_FROM_ONE)
    reason = f'A cell is 1/{columns} of the width and 1/{rows} of the height, so its corners follow by division.'
    return Place(rows, columns, row, column, setting, where, lines, reason)


def part(rng: random.Random, parts: Parts) -> Place | None:
    """`in the lower left ninth`, `in the upper right quarter`."""
    fitting = [n for n in (2, 3) if n in parts.rows and n in parts.columns]
    if not fitting:
        return None
    n = rng.choice(fitting)
    row, column = _drawn(rng, n, n)
    name = f'{_corner(n, row, column)} {"quarter" if n == 2 else "ninth"}'
    setting = 'Halves of width and height make four quarters.' if n == 2 else _ninths(rng)
    reason = f'The {name} runs over {_span(column, n)} of the width and {_span(row, n)} of the height.'
    return Place(n, n, row, column, setting, f'in the {name} of the picture', _edges(n, n, row, column), reason)


def nested(rng: random.Random, parts: Parts) -> Place | None:
    """`in the lower left ninth of the upper right quarter`."""
    pairs = [(a, b) for a in (2, 3) for b in (2, 3) if a * b in parts.rows and a * b in parts.columns]
    if not pairs:
        return None
    outer, inner = rng.choice(pairs)
    (row_o, column_o), (row_i, column_i) = _drawn(rng, outer, outer), _drawn(rng, inner, inner)
    names = {2: 'quarter', 3: 'ninth'}
    where = f"in the {_corner(inner, row_i, column_i)} {names[inner]} of the picture's "
    where += f'{_corner(outer, row_o, column_o)} {names[outer]}'
    n = outer * inner
    row, column = row_o * inner + row_i, column_o * inner + column_i
    lines = (
        f'parts = {outer} * {inner}',
        f'row, col = {row_o} * {inner} + {row_i}, {column_o} * {inner} + {column_i}',
        'x1, x2 = col * w // parts, (col + 1) * w // parts',
        'y1, y2 = row * h // parts, (row + 1) * h // parts',
    )
    reason = f'Together the two divisions cut each side into {n} equal parts; I need the indices of the wanted one.'
    return Place(n, n, row, column, '' if 3 not in (outer, inner) else _ninths(rng), where, lines, reason)


def fraction(rng: random.Random, parts: Parts) -> Place | None:
    """`between 2/5 and 3/5 of the width and between 1/4 and 1/2 of the height`."""
    heights, widths = ([n for n in _DENOMINATORS if n in side] for side in (parts.rows, parts.columns))
    if not heights or not widths:
        return None
    rows, columns = rng.choice(heights), rng.choice(widths)
    row, column = _drawn(rng, rows, columns)
    across, down = (
        f'between {_ratio(k, n)} and {_ratio(k + 1, n)} of the {side}'
        for k, n, side in ((column, columns, 'width'), (row, rows, 'height'))
    )
    setting = rng.choice(
        ('Measure from the top left corner.', 'Widths count from the left edge, heights from the top.')
    )
    reason = 'These fractions of width and height are the edges of the region.'
    return Place(
        rows, columns, row, column, setting, f'{across} and {down}', _edges(rows, columns, row, column), reason
    )


def percent(rng: random.Random, parts: Parts) -> Place | None:
    """`between 20 % and 40 % of the width and between 75 % and 100 % of the height`."""
    heights, widths = ([n for n in (4, 5, 10, 20) if n in side] for side in (parts.rows, parts.columns))
    if not heights or not widths:
        return None
    rows, columns = rng.choice(heights), rng.choice(widths)
    row, column = _drawn(rng, rows, columns)
    left, right, top, bottom = (
        100 * k // n for k, n in ((column, columns), (column + 1, columns), (row, rows), (row + 1, rows))
    )
    where = f'between {left} % and {right} % of the width and between {top} % and {bottom} % of the height'
    lines = (f'x1, x2 = w * {left} // 100, w * {right} // 100', f'y1, y2 = h * {top} // 100, h * {bottom} // 100')
    reason = 'Per cent of width and height give the edges in pixels.'
    return Place(rows, columns, row, column, 'Measure from the top left corner.', where, lines, reason)


def line(rng: random.Random, parts: Parts) -> Place | None:
    """`in the third line of the second column`."""
    rows, columns = parts.take(rng, 2)
    row, column = _drawn(rng, rows, columns)
    setting = rng.choice(
        (
            f'The page is set in {columns} equal columns of {rows} evenly spaced lines that fill it from edge to edge.',
            f'{columns} columns of the same width fill the page, each with {rows} lines of the same height.',
        )
    )
    where = f'in the {ordinal(row + 1)} line of the {ordinal(column + 1)} column'
    lines = (f'lines, cols = {rows}, {columns}', f'line, col = {row + 1}, {column + 1}', *_LINES)
    reason = f'A column takes 1/{columns} of the width and a line 1/{rows} of the height.'
    return Place(rows, columns, row, column, setting, where, lines, reason)


# --- regions that take a step of arithmetic first


def from_the_end(rng: random.Random, parts: Parts) -> Place | None:
    """`in row 2 from the bottom and column 3 from the right`."""
    rows, columns = parts.take(rng, 3)
    row, column = _drawn(rng, rows, columns)
    up, back = rng.choice(((True, True), (True, False), (False, True)))
    down_words = f'row {rows - row} from the bottom' if up else f'row {row + 1} from the top'
    across_words = f'column {columns - column} from the right' if back else f'column {column + 1} from the left'
    lines = (
        f'rows, cols = {rows}, {columns}',
        f'row = rows + 1 - {rows - row}' if up else f'row = {row + 1}',
        f'col = cols + 1 - {columns - column}' if back else f'col = {column + 1}',
        *_FROM_ONE,
    )
    reason = 'Counted from the far side, a number n is number (count + 1 - n) from the near side.'
    setting, where = _grid_setting(rng, rows, columns), f'in {down_words} and {across_words}'
    return Place(rows, columns, row, column, setting, where, lines, reason)


def numbered(rng: random.Random, parts: Parts) -> Place | None:
    """`in cell number 29`, counted row by row."""
    rows, columns = parts.take(rng, 3)
    row, column = _drawn(rng, rows, columns)
    by_rows = rng.random() < 0.7
    number = row * columns + column + 1 if by_rows else column * rows + row + 1
    order = 'row by row' if by_rows else 'column by column'
    setting = f'{_grid_setting(rng, rows, columns)} Number the cells {order} from the top left, beginning with 1.'
    found = f'row, col = divmod({number} - 1, cols)' if by_rows else f'col, row = divmod({number} - 1, rows)'
    lines = (f'rows, cols = {rows}, {columns}', found, *_FROM_ZERO)
    each = f'{columns} cells to a row' if by_rows else f'{rows} cells to a column'
    reason = f'With {each}, dividing {number} - 1 gives both indices.'
    return Place(rows, columns, row, column, setting, f'in cell number {number}', lines, reason)


def lettered(rng: random.Random, parts: Parts) -> Place | None:
    """`on square C4`, as on a chess board."""
    rows, columns = parts.take(rng, 3)
    row, column = _drawn(rng, rows, columns)
    letters = 'ABCDEFGHIJKLMNOPQRSTUVWX'[:columns]
    setting = (
        f'{_grid_setting(rng, rows, columns)} As on a chess board, columns are lettered {letters[0]} to {letters[-1]} '
        f'from the left and rows numbered 1 to {rows} from the bottom.'
    )
    where = f'on square {letters[column]}{rows - row}'
    lines = (
        f'rows, cols = {rows}, {columns}',
        f'col = ord("{letters[column]}") - ord("A")',
        f'row = rows - {rows - row}',
        *_FROM_ZERO,
    )
    reason = f'{letters[column]} is column {column + 1}, and rank {rows - row} from the bottom has {row} rows above it.'
    return Place(rows, columns, row, column, setting, where, lines, reason)


def offset(rng: random.Random, parts: Parts) -> Place | None:
    """`2 cells to the right of and 1 cell below row 2, column 3`."""
    rows, columns = parts.take(rng, 4)
    if rows < 2 or columns < 2:
        return None
    (row, column), (row_from, column_from) = _drawn(rng, rows, columns), _drawn(rng, rows, columns)
    if row == row_from or column == column_from:
        return offset(rng, parts)
    down, across = row - row_from, column - column_from
    where = (
        f'in the cell {_cells(abs(across))} to the {"right" if across > 0 else "left"} of and {_cells(abs(down))} '
        f'{"below" if down > 0 else "above"} row {row_from + 1}, column {column_from + 1}'
    )
    lines = (
        f'rows, cols = {rows}, {columns}',
        f'row = {row_from + 1} {"+" if down > 0 else "-"} {abs(down)}',
        f'col = {column_from + 1} {"+" if across > 0 else "-"} {abs(across)}',
        *_FROM_ONE,
    )
    reason = f'From row {row_from + 1}, column {column_from + 1} that leads to row {row + 1}, column {column + 1}.'
    return Place(rows, columns, row, column, _grid_setting(rng, rows, columns), where, lines, reason)


def mirrored(rng: random.Random, parts: Parts) -> Place | None:
    """`where row 2, column 3 comes to lie when the grid is mirrored left to right`."""
    rows, columns = parts.take(rng, 3)
    row, column = _drawn(rng, rows, columns)
    sideways = rng.random() < 0.5
    row_from, column_from = (row, columns - 1 - column) if sideways else (rows - 1 - row, column)
    turned = 'mirrored left to right' if sideways else 'mirrored top to bottom'
    where = f'where row {row_from + 1}, column {column_from + 1} would come to lie if the grid were {turned}'
    lines = (
        f'rows, cols = {rows}, {columns}',
        f'row = {row_from + 1}' if sideways else f'row = rows + 1 - {row_from + 1}',
        f'col = cols + 1 - {column_from + 1}' if sideways else f'col = {column_from + 1}',
        *_FROM_ONE,
    )
    kept, changed = ('row', 'column') if sideways else ('column', 'row')
    reason = f'The {kept} stays, the {changed} is counted from the other side: row {row + 1}, column {column + 1}.'
    return Place(rows, columns, row, column, _grid_setting(rng, rows, columns), where, lines, reason)


NAMED: tuple[PlaceMaker, ...] = (cell, cell, part, nested, fraction, percent, line)
"""Regions whose edges the words name."""
WORKED_OUT: tuple[PlaceMaker, ...] = (from_the_end, numbered, lettered, offset, mirrored)
"""Regions that take a step of arithmetic first."""


def place_among(makers: Sequence[PlaceMaker], rng: random.Random, parts: Parts) -> Place:
    """A region by one of the makers that can divide a picture as finely as the parts ask."""
    for maker in rng.sample(makers, len(makers)):
        made = maker(rng, parts)
        if made is not None:
            return made
    fallback = cell(rng, parts)
    assert fallback is not None, 'a grid can have any number of rows and columns'
    return fallback


def _corner(n: int, row: int, column: int) -> str:
    down, across = _HALVES if n == 2 else _THIRDS
    if n == 3 and row == column == 1:
        return 'central'
    return f'{down[row]} {across[column]}'


def _ninths(rng: random.Random) -> str:
    return rng.choice(('Thirds of width and height make nine ninths.', 'Three equal rows and columns make ninths.'))


def _span(k: int, n: int) -> str:
    return f'{_ratio(k, n)} to {_ratio(k + 1, n)}'


def _ratio(k: int, n: int) -> str:
    return str(k // n) if k in (0, n) else f'{k}/{n}'


def _cells(n: int) -> str:
    return '1 cell' if n == 1 else f'{n} cells'
