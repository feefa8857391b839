"""By colour: the one label of a colour, found by a threshold instead of by looking."""

from __future__ import annotations

from ..scenes.base import Brief
from ..scenes.labels import build as build_labels
from ..types import Item, Plan, Step
from .base import Demand, Order, task
from .reading import reading_item, write_slots

_ASK = (
    'What {kind} is written on the only {color} label?',
    'Exactly one label is {color}. Which {kind} can be read on it?',
    'Read the {kind} on the {color} label; there is only one.',
)


@task('by_color', 'read the only label of a colour', demands=(Demand.COMPUTING, Demand.READING))
def build(order: Order) -> Item:
    """Among labels of other colours lies one whose colour is named."""
    rng = order.rng
    scene, color = build_labels(Brief(rng, order.width, order.height, order.level))
    found = write_slots(scene, rng, chosen=0)
    kind = found.slot.kind.value
    plan = Plan((Step.CROP,), f'the {color} label says {found.text}', f'the only {color} label', color=color)
    question = rng.choice(_ASK).format(kind=kind, color=color)
    return reading_item(scene, question, found, plan, rng, absent_option=False)
