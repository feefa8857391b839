"""Attribute: the colour of a small thing that has to be found first."""

from __future__ import annotations

from ..scenes import DISPLAYS
from ..scenes.base import fill
from ..types import Item, Plan, Step, Target
from ..values import value
from .base import Demand, Order, task

_ASK = ('What colour is {noun}?', 'Which colour does {noun} have?', 'Name the colour of {noun}.')
SCENES = ('street', 'shelf', 'gallery', 'map', 'dashboard', *DISPLAYS)


@task('attribute', 'name the colour of a small thing', demands=(Demand.POINTING, Demand.SEEING), share=2)
def build(order: Order) -> Item:
    """One coloured thing of many is asked for by what it belongs to."""
    rng = order.rng
    scene = order.scene(*SCENES)
    fill(scene, {i: value(slot.kind, rng) for i, slot in enumerate(scene.slots)})
    thing = rng.choice(scene.things)
    wrong = [color for color in rng.sample(thing.pool, len(thing.pool)) if color != thing.color]
    return Item(
        scene=scene.name,
        question=rng.choice(_ASK).format(noun=thing.noun),
        answer=thing.color,
        wrong=tuple(wrong[:3]),
        plan=Plan((Step.CROP,), f'{thing.noun} is {thing.color}', thing.noun),
        image=scene.image,
        target=Target(thing.box, order.level.cap_px),
        context=thing.context,
        absent_option=False,
    )
