"""Counting: how many objects of one kind and colour are in a named place, among others of the same shape."""

from __future__ import annotations

from PIL import Image

from ..draw import stamp
from ..scenes.base import Yard, fill
from ..scenes.objects import PAINTERS, object_sprite
from ..types import Box, Item, Plan, Step, Target
from ..values import value
from .base import Demand, Order, task
from .reading import numbers_around

_ASK = ('How many {color} {objects} are {where}?', 'Count the {color} {objects} {where}.')
SCENES = ('street', 'shelf', 'gallery', 'map')


@task(
    'counting',
    'count small objects of one colour in a named place',
    demands=(Demand.POINTING, Demand.COUNTING),
    share=2,
)
def build(order: Order) -> Item:
    """Objects are strewn over every yard of the scene; one yard and one colour are asked for."""
    rng = order.rng
    scene = order.scene(*SCENES)
    fill(scene, {i: value(slot.kind, rng) for i, slot in enumerate(scene.slots)})
    chosen = rng.choice(scene.yards)
    shape = rng.choice(chosen.objects)
    answer, color, box = 0, '', chosen.box
    for yard in scene.yards:
        counts, covered = _strew(order, scene.image, yard, shape)
        if yard is chosen:
            color = rng.choice(sorted(counts))
            answer, box = counts[color], covered
    words = {'color': color, 'objects': PAINTERS[shape][0], 'where': chosen.where}
    spot = f'the {words["objects"]} {chosen.where}'
    return Item(
        scene=scene.name,
        question=rng.choice(_ASK).format(**words),
        answer=str(answer),
        wrong=tuple(str(n) for n in numbers_around(answer, (1, 2, 3), rng)),
        plan=Plan((Step.CROP,), f'the number of {color} {words["objects"]} {chosen.where} is {answer}', spot),
        image=scene.image,
        target=Target(box, round(order.level.cap_px * 1.4)),
        context=chosen.context.union(box),
        absent_option=False,
    )


def _strew(order: Order, image: Image.Image, yard: Yard, shape: str) -> tuple[dict[str, int], Box]:
    rng, side = order.rng, round(order.level.cap_px * 1.4)
    rows = max(1, yard.box.height // round(side * 1.2))
    columns = max(2, yard.box.width // round(side * 1.25))
    places = rng.sample(range(rows * columns), min(rows * columns, rng.randint(3, order.level.objects)))
    colors = rng.sample(yard.colors, 2 if len(places) < 6 else 3)
    counts = dict.fromkeys(colors, 0)
    covered: Box | None = None
    for i, place in enumerate(sorted(places)):
        color = colors[i] if i < len(colors) else rng.choice(colors)
        counts[color] += 1
        row, column = divmod(place, columns)
        step = yard.box.width // columns
        x = yard.box.left + column * step + rng.randint(0, max(0, step - side))
        y = yard.box.bottom - row * (yard.box.height // rows) - side
        box = stamp(image, object_sprite(shape, color, side), (x, y))
        covered = box if covered is None else covered.union(box)
    return counts, covered or yard.box
