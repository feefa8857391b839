"""Table cell: the entry where a named row and a named column meet."""

from __future__ import annotations

from ..types import Item, Plan, Step
from .base import Demand, Order, task
from .reading import ask, reading_item, write_slots


@task('table', 'read one cell of a large table', demands=(Demand.POINTING, Demand.READING))
def build(order: Order) -> Item:
    """The cell is named by its row and its column."""
    scene = order.scene('table')
    found = write_slots(scene, order.rng)
    plan = Plan((Step.CROP,), f'{found.slot.noun} says {found.text}', found.slot.noun)
    return reading_item(scene, ask(found.slot.kind, found.slot.where, order.rng), found, plan, order.rng)
