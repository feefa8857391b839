"""Find and read: small text on a plate, a price tag, a plaque, a notice, in a large picture."""

from __future__ import annotations

from ..types import Item, Plan, Step
from .base import Order, task
from .reading import reading_item, write_slots

_ASK = ('What {kind} is written {where}?', 'Read the {kind} {where}.', 'Which {kind} can be read {where}?')
SCENES = ('street', 'shelf', 'gallery')


@task('find_read', 'find a small label by what it belongs to and read it', share=3)
def build(order: Order) -> Item:
    """One label of many is asked for by its place."""
    rng = order.rng
    scene = order.scene(*SCENES)
    found = write_slots(scene, rng)
    question = rng.choice(_ASK).format(kind=found.slot.kind.value, where=found.slot.where)
    plan = Plan((Step.CROP,), f'{found.slot.noun} says {found.text}', found.slot.noun)
    return reading_item(scene, question, found, plan, rng)
