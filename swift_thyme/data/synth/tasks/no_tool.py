"""Questions best answered without code: what the whole picture shows can be seen at any size."""

from __future__ import annotations

from ..scenes.base import fill
from ..types import Item, Plan
from ..values import value
from .base import Demand, Order, task

_SCENES = ('street', 'shelf', 'gallery', 'map', 'dashboard', 'forms', 'table', 'parcels', 'desk', 'lockers', 'stamps')
_ASK = ('What does this picture show?', 'Which description fits this picture best?')
_SUBJECTS = (
    'a street with shops',
    'a shop shelf with goods and price tags',
    'a museum wall with framed pictures',
    'a city map with stops and parks',
    'a screen with machine readings',
    'order forms on a desk',
    'a board with a large table',
    'parcels on a floor, seen from above',
    'picture cards lying about, seen from above',
    'a wall of lockers',
    'a sheet of picture stamps',
)
"""What the scenes show, in the order of `_SCENES`."""


@task('no_tool', 'see the whole: best answered without code', demands=(Demand.SEEING,))
def build(order: Order) -> Item:
    """Asks for the gist of a scene."""
    rng = order.rng
    scene = order.scene(*_SCENES)
    fill(scene, {i: value(slot.kind, rng) for i, slot in enumerate(scene.slots)})
    if rng.random() < 0.3:
        question, answer = rng.choice(_ASK), scene.subject
        wrong = tuple(s for s in rng.sample(_SUBJECTS, len(_SUBJECTS)) if s != answer)
        seen = f'the picture shows {answer}'
    else:
        question, (answer, others) = rng.choice(sorted(scene.gist.items()))
        wrong = tuple(rng.sample(others, len(others)))
        seen = f'the answer is {answer}'
    return Item(scene.name, question, answer, wrong, Plan((), seen), scene.image, absent_option=False)
