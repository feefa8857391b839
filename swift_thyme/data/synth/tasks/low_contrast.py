"""Low contrast: writing that has nearly the colour of what it is written on."""

from __future__ import annotations

from ..types import Item, Plan, Step
from .base import Demand, Order, task
from .reading import ask, reading_item, write_slots

SCENES = ('street', 'shelf', 'gallery', 'map', 'dashboard', 'forms', 'lockers')


@task('low_contrast', 'read faded writing', demands=(Demand.POINTING, Demand.ENHANCING, Demand.READING))
def build(order: Order) -> Item:
    """All labels of the scene have faded; one is asked for."""
    scene = order.scene(*SCENES)
    found = write_slots(scene, order.rng, restyle={'contrast': order.level.faint_contrast})
    plan = Plan((Step.CROP, Step.ENHANCE), f'{found.slot.noun} says {found.text}', found.slot.noun)
    return reading_item(scene, ask(found.slot.kind, found.slot.where, order.rng), found, plan, order.rng)
