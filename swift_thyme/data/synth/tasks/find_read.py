"""Find and read: small text on a plate, a price tag, a plaque, a notice, in a large picture."""

from __future__ import annotations

from ..scenes import DISPLAYS
from ..types import Item, Step
from .base import Demand, Order, task
from .reading import read_label

SCENES = ('street', 'shelf', 'gallery', 'map', 'dashboard', 'forms', *DISPLAYS)


@task(
    'find_read',
    'find a small label by what it belongs to and read it',
    demands=(Demand.POINTING, Demand.READING),
    share=3,
)
def build(order: Order) -> Item:
    """One label of many is asked for by its place."""
    return read_label(order, order.scene(*SCENES), (Step.CROP,))
