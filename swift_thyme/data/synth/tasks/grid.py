"""Grid-addressed reading: "row 3, column 5" of a wall of like cells; the region has to be computed."""

from __future__ import annotations

from ..types import Item, Plan, Step
from .base import Demand, Order, task
from .reading import reading_item, write_slots

_ASK = (
    'The {noun}s form {rows} rows and {columns} columns. What {kind} is on the one in row {row}, column {column}, '
    'counted from the top left?',
    'There are {rows} rows and {columns} columns of {noun}s. Counting from the top left, which {kind} is on the one in '
    'row {row} and column {column}?',
    'Read the {kind} on the {noun} in row {row} of {rows} from the top and column {column} of {columns} from the left.',
)


@task(
    'grid',
    'read the cell at a given row and column of a grid',
    demands=(Demand.POINTING, Demand.COMPUTING, Demand.READING),
)
def build(order: Order) -> Item:
    """The cell is named by its place alone."""
    rng = order.rng
    scene = order.scene('lockers', 'stamps')
    found = write_slots(scene, rng)
    grid = scene.grid
    assert grid is not None, 'a grid scene states its grid'
    row, column = (n + 1 for n in divmod(scene.slots.index(found.slot), grid.columns))
    words = {
        'noun': scene.name.removesuffix('s'),
        'kind': found.slot.kind.value,
        'rows': grid.rows,
        'columns': grid.columns,
        'row': row,
        'column': column,
    }
    plan = Plan(
        (Step.CROP,),
        f'{found.slot.noun} says {found.text}',
        found.slot.noun,
        grid=(grid.rows, grid.columns, row, column),
        grid_box=grid.box,
    )
    return reading_item(scene, rng.choice(_ASK).format(**words), found, plan, rng, absent_option=False)
