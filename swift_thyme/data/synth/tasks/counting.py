"""Counting: how many objects of one kind and colour are in a named place, among others of the same shape.

The four options are drawn first and the truth among them, then the objects are strewn to match: whatever numbers are
offered, each is the truth with equal chance, 0 as well.
"""

from __future__ import annotations

from PIL import Image

from ..draw import stamp
from ..scenes.base import Yard, fill
from ..scenes.objects import PAINTERS, object_sprite
from ..types import Box, Item, Plan, Step, Target
from ..values import value
from .base import Demand, Order, task

_ASK = ('How many {color} {objects} are {where}?', 'Count the {color} {objects} {where}.')
LEAST_ROOM = 7
"""Places for objects that a yard should have."""
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
    roomy = [yard for yard in scene.yards if _room(order, yard) >= LEAST_ROOM]
    chosen = rng.choice(roomy) if roomy else max(scene.yards, key=lambda yard: _room(order, yard))
    shape = rng.choice(chosen.objects)
    color = rng.choice(chosen.colors)
    most = max(3, min(order.level.objects, _room(order, chosen) - 2))
    answer, *wrong = rng.sample(range(most + 1), 4)
    box = chosen.box
    for yard in scene.yards:
        covered = _strew(order, scene.image, yard, shape, color, answer if yard is chosen else None)
        box = covered if yard is chosen else box
    words = {'color': color, 'objects': PAINTERS[shape][0], 'where': chosen.where}
    spot = f'the part of the picture with the {words["objects"]} {chosen.where}'
    return Item(
        scene=scene.name,
        question=rng.choice(_ASK).format(**words),
        answer=str(answer),
        wrong=tuple(map(str, wrong)),
        plan=Plan((Step.CROP,), f'the number of {color} {words["objects"]} {chosen.where} is {answer}', spot),
        image=scene.image,
        target=Target(box, round(order.level.cap_px * 1.4)),
        context=chosen.context.union(box),
        absent_option=False,
    )


def _room(order: Order, yard: Yard) -> int:
    rows, columns = _places(order, yard)
    return rows * columns


def _places(order: Order, yard: Yard) -> tuple[int, int]:
    side = round(order.level.cap_px * 1.4)
    return max(1, yard.box.height // round(side * 1.2)), max(2, yard.box.width // round(side * 1.25))


def _strew(order: Order, image: Image.Image, yard: Yard, shape: str, color: str, wanted: int | None) -> Box:
    """Strews objects, `wanted` of them in the colour asked for (any number where it is None) and others among them."""
    rng, side = order.rng, round(order.level.cap_px * 1.4)
    rows, columns = _places(order, yard)
    most = rows * columns
    alike = rng.randint(0, min(most // 2, order.level.objects)) if wanted is None else wanted
    others = min(most - alike, rng.randint(2, max(2, order.level.objects // 2 + 2)))
    rest = [name for name in yard.colors if name != color]
    mixed = rng.sample(rest, min(2, len(rest)))
    places = rng.sample(range(most), alike + others)
    covered: Box | None = None
    for i, place in enumerate(places):
        row, column = divmod(place, columns)
        step = yard.box.width // columns
        x = yard.box.left + column * step + rng.randint(0, max(0, step - side))
        y = yard.box.bottom - row * (yard.box.height // rows) - side
        name = color if i < alike else rng.choice(mixed)
        box = stamp(image, object_sprite(shape, name, side), (x, y))
        covered = box if covered is None else covered.union(box)
    return covered or yard.box
