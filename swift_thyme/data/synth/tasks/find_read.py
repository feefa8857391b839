"""Find and read: small text on a plate, a price tag, a plaque, a notice, in a large picture."""

from __future__ import annotations

from ..question import ABSENT
from ..scenes.base import Scene, fill
from ..types import Item, Plan, Step
from ..values import value
from .base import Demand, Order, task
from .reading import ask, reading_item, write_slots

SCENES = ('street', 'shelf', 'gallery', 'map', 'dashboard', 'forms')
ABSENT_SHARE = 0.08
"""Share of the multiple-choice questions that ask for a place that is not in the picture."""


@task(
    'find_read',
    'find a small label by what it belongs to and read it',
    demands=(Demand.POINTING, Demand.READING),
    share=3,
)
def build(order: Order) -> Item:
    """One label of many is asked for by its place."""
    rng = order.rng
    scene = order.scene(*SCENES)
    if order.allow_absent and scene.missing and rng.random() < ABSENT_SHARE:
        return _in_vain(order, scene)
    found = write_slots(scene, rng)
    plan = Plan((Step.CROP,), f'{found.slot.noun} says {found.text}', found.slot.noun)
    return reading_item(scene, ask(found.slot.kind, found.slot.where, rng), found, plan, rng)


def _in_vain(order: Order, scene: Scene) -> Item:
    rng = order.rng
    wanted = rng.choice(scene.missing)
    texts = {i: value(slot.kind, rng) for i, slot in enumerate(scene.slots)}
    fill(scene, texts)
    alike = [text for i, text in texts.items() if scene.slots[i].kind is wanted.kind]
    wrong = list(dict.fromkeys(rng.sample(alike, len(alike))))[:3]
    while len(wrong) < 3:
        wrong.append(value(wanted.kind, rng, wrong))
    plan = Plan((Step.CROP,), 'there is no such thing in the picture')
    question = ask(wanted.kind, wanted.where, rng)
    return Item(scene.name, question, ABSENT, tuple(wrong), plan, scene.image)
