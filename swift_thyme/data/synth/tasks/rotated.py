"""Rotated text: a label that lies turned by 30 to 335 degrees; the picture itself says nothing of the angle."""

from __future__ import annotations

from ..types import Item, Plan, Step
from .base import Demand, Order, task
from .reading import ask, reading_item, write_slots

SCENES = ('parcels', 'desk')


@task(
    'rotated',
    'read a label that lies turned by 30 to 335 degrees',
    demands=(Demand.POINTING, Demand.ROTATING, Demand.READING),
)
def build(order: Order) -> Item:
    """One turned label of many is asked for by what it is on."""
    scene = order.scene(*SCENES)
    found = write_slots(scene, order.rng)
    plan = Plan((Step.CROP, Step.ROTATE), f'{found.slot.noun} says {found.text}', found.slot.noun)
    return reading_item(scene, ask(found.slot.kind, found.slot.where, order.rng), found, plan, order.rng)
