"""Computation with a picture: prices have to be found and read before they can be added up."""

from __future__ import annotations

from ..scenes.base import fill
from ..types import Item, Plan, Step, Target
from ..values import value
from .base import Demand, Order, task
from .reading import numbers_around

_ASK = ('What do {list} cost together?', 'How much is to be paid for {list}?', 'Add up the cost of {list}.')


@task(
    'compute_image',
    'read several small prices and compute a total',
    demands=(Demand.POINTING, Demand.READING, Demand.COMPUTING),
)
def build(order: Order) -> Item:
    """Two neighbouring goods of a shelf, in several pieces each."""
    rng = order.rng
    scene = order.scene('shelf')
    texts = {i: value(slot.kind, rng) for i, slot in enumerate(scene.slots)}
    drawn = fill(scene, texts)
    width = len(scene.rows[0].names)
    first = rng.randrange(len(scene.rows)) * width + rng.randrange(width - 1)
    chosen = (first, first + 1)
    pieces = [rng.randint(2, 3 + round(6 * order.level.difficulty)) for _ in chosen]
    cents = sum(n * round(float(texts[i]) * 100) for n, i in zip(pieces, chosen, strict=True))
    answer = f'{cents / 100:.2f}'
    names = [scene.slots[i].noun.removeprefix('the price tag under the ') for i in chosen]
    goods = ' and '.join(f'{n} {_plural(name)}' for n, name in zip(pieces, names, strict=True))
    one, other = (drawn[i][0] for i in chosen)
    prices = [texts[i] for i in chosen]
    total = ' + '.join(f'{n} * {price}' for n, price in zip(pieces, prices, strict=True))
    listed = f'prices = [{", ".join(prices)}]\ncounts = {pieces}\n'
    program = (
        f'total = {total}\nprint(f"{{total:.2f}}")',
        listed + 'total = sum(p * c for p, c in zip(prices, counts))\nprint(f"{total:.2f}")',
    )
    wrong = tuple(f'{n / 100:.2f}' for n in numbers_around(cents, (5, 10, 50, 100, 150, 200), rng))
    return Item(
        scene=scene.name,
        question=rng.choice(_ASK).format(list=goods),
        answer=answer,
        wrong=wrong,
        plan=Plan(
            (Step.CROP, Step.COMPUTE),
            f'the prices are {prices[0]} and {prices[1]}',
            f'the part of the shelf edge with the prices of the {names[0]} and the {names[1]}',
            program=program,
        ),
        image=scene.image,
        target=Target(one.box.union(other.box), order.level.cap_px, 0, min(one.contrast, other.contrast)),
        absent_option=False,
        context=scene.slots[chosen[0]].context.union(scene.slots[chosen[1]].context),
    )


def _plural(name: str) -> str:
    """`bottles "Orino"` for `bottle "Orino"`."""
    noun, brand = name.split(' ', 1)
    return f'{noun}{"es" if noun.endswith("x") else "s"} {brand}'
