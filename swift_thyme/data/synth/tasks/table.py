"""Table cell: the entry where a named row and a named column meet."""

from __future__ import annotations

from ..types import Item, Step
from .base import Demand, Order, task
from .reading import read_label


@task('table', 'read one cell of a large table', demands=(Demand.POINTING, Demand.READING))
def build(order: Order) -> Item:
    """The cell is named by its row and its column."""
    scene = order.scene('table')
    return read_label(order, scene, (Step.CROP,))
