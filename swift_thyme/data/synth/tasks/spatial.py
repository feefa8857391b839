"""Spatial relation: which named thing stands directly left or right of another."""

from __future__ import annotations

from ..difficulty import TARGET_AREA
from ..scenes import DISPLAYS
from ..scenes.base import Neighbours, fill
from ..types import Box, Item, Plan, Step, Target
from ..values import name, value
from .base import Demand, Order, task

_ASK = (
    'Which {noun} is directly to the {side} of {anchor}?',
    'Going by the picture, what {noun} comes immediately to the {side} of {anchor}?',
    'Name the {noun} right next to {anchor} on its {side} side.',
)
SCENES = ('street', 'shelf', 'dashboard', *DISPLAYS)


@task('spatial', 'name the direct neighbour of a named thing', demands=(Demand.POINTING, Demand.READING))
def build(order: Order) -> Item:
    """Two neighbours are drawn from a row; one is named, the other asked for."""
    rng = order.rng
    scene = order.scene(*SCENES)
    fill(scene, {i: value(slot.kind, rng) for i, slot in enumerate(scene.slots)})
    row = rng.choice([r for r in scene.rows if len(r.names) > 1])
    at = rng.randrange(len(row.names) - 1)
    left, right = (at, at + 1)
    wanted, anchor, side = rng.choice(((left, right, 'left'), (right, left, 'right')))
    both = row.boxes[wanted].union(row.boxes[anchor])
    limit = TARGET_AREA * order.width * order.height
    box = both if both.area <= limit else row.boxes[wanted]
    answer, named = row.names[wanted], row.names[anchor]
    quoted = f'the {row.noun} "{named}"'
    return Item(
        scene=scene.name,
        question=rng.choice(_ASK).format(noun=row.noun, side=side, anchor=quoted),
        answer=answer,
        wrong=_wrong(order, scene.rows, answer, named),
        plan=Plan(
            (Step.CROP,), f'"{answer}" is directly to the {side} of "{named}"', f'{quoted} and what is beside it'
        ),
        image=scene.image,
        target=Target(box, row.detail_px),
        context=_inside(both, order),
        absent_option=False,
    )


def _wrong(order: Order, rows: tuple[Neighbours, ...], answer: str, named: str) -> tuple[str, ...]:
    """Three other names of the picture, or three made up like the answer's where there are not as many."""
    others = [text for row in rows for text in row.names if text not in (answer, named)]
    if len(set(others)) >= 3:
        return tuple(order.rng.sample(sorted(set(others)), 3))
    wrong: list[str] = []
    while len(wrong) < 3:
        made_up = name(order.rng, [answer, named])
        text = ' '.join([made_up, *answer.split(' ')[1:]])
        if text not in wrong:
            wrong.append(text)
    return tuple(wrong)


def _inside(box: Box, order: Order) -> Box:
    return box.grown(order.level.cap_px).clipped(order.width, order.height)
