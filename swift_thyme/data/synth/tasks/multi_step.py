"""Multi-step: crop, then turn, then strengthen: faded labels that also lie turned, or are smaller than the rest."""

from __future__ import annotations

from ..types import Item, Plan, Step
from .base import Demand, Order, task
from .reading import ask, reading_item, write_slots


@task(
    'multi_step',
    'crop, then rotate or enhance, then read',
    demands=(Demand.POINTING, Demand.ROTATING, Demand.ENHANCING, Demand.READING),
    share=2,
)
def build(order: Order) -> Item:
    """A faded label in a scene where everything lies turned."""
    scene = order.scene('parcels', 'desk')
    found = write_slots(scene, order.rng, restyle={'contrast': order.level.faint_contrast * 1.15})
    steps = (Step.CROP, Step.ROTATE, Step.ENHANCE)
    plan = Plan(steps, f'{found.slot.noun} says {found.text}', found.slot.noun)
    return reading_item(scene, ask(found.slot.kind, found.slot.where, order.rng), found, plan, order.rng)
