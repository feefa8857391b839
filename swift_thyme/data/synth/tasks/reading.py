"""What every task that reads a label shares: writing a scene's slots, and wrong values of the same kind.

Owns no task.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..scenes.base import Scene, Slot, fill
from ..types import Box, Item, Plan, Target
from ..values import ValueKind, near, value


@dataclass(frozen=True)
class Reading:
    """A scene with all its slots written, one of them the target."""

    slot: Slot
    text: str
    target: Target
    context: Box
    others: tuple[str, ...]
    """What the other slots of the same kind say."""


def write_slots(
    scene: Scene, rng: random.Random, *, restyle: Mapping[str, object] | None = None, chosen: int | None = None
) -> Reading:
    """Writes a value into every slot of a scene and picks the one to ask for.

    Args:
        scene: drawn on.
        rng: the row's.
        restyle: fields of the label style to replace, for all labels.
        chosen: the slot to ask for; drawn where it is None.
    """
    chosen = rng.randrange(len(scene.slots)) if chosen is None else chosen
    texts: dict[int, str] = {}
    for index, slot in enumerate(scene.slots):
        texts[index] = value(slot.kind, rng, set(texts.values()))
    drawn = fill(scene, texts, restyle=restyle)
    slot, (target, label) = scene.slots[chosen], drawn[chosen]
    others = tuple(t for i, t in texts.items() if i != chosen and scene.slots[i].kind is slot.kind)
    context = slot.context.union(label).clipped(*scene.image.size)
    return Reading(slot, texts[chosen], target, context, others)


def wrong_values(kind: ValueKind, true: str, others: tuple[str, ...], rng: random.Random) -> tuple[str, ...]:
    """Three wrong values: what stands elsewhere in the picture, or near misses.

    The options alone must not give the truth away. So either all three come from elsewhere, drawn just like the truth;
    or truth and near misses are one family, a value and its variants, in which the truth is any member with equal
    chance. (Were all near misses made from the truth, it would be the option most like the others.)
    """
    if len(others) >= 3 and rng.random() < 0.5:
        return tuple(rng.sample(others, 3))
    wrong: list[str] = []
    head = true if rng.random() < 0.25 else near(kind, true, rng, others)
    if head != true:
        wrong.append(head)
    while len(wrong) < 3:
        wrong.append(near(kind, head, rng, {true, *wrong, *others}))
    rng.shuffle(wrong)
    return tuple(wrong)


def numbers_around(answer: int, steps: Sequence[int], rng: random.Random) -> tuple[int, ...]:
    """Three wrong numbers, none negative; how many of them are smaller than the answer is uniform where there is room.

    Args:
        answer: the true number, 0 or more.
        steps: differences to draw from, at least three different ones, all positive.
        rng: the row's.
    """
    smaller = [answer - step for step in set(steps) if step <= answer]
    larger = [answer + step for step in set(steps)]
    below = min(rng.randint(0, 3), len(smaller))
    return (*rng.sample(sorted(smaller), below), *rng.sample(sorted(larger), 3 - below))


def reading_item(
    scene: Scene, question: str, found: Reading, plan: Plan, rng: random.Random, *, absent_option: bool = True
) -> Item:
    """The item of a label that is to be read."""
    return Item(
        scene=scene.name,
        question=question,
        answer=found.text,
        wrong=wrong_values(found.slot.kind, found.text, found.others, rng),
        plan=plan,
        image=scene.image,
        target=found.target,
        context=found.context,
        absent_option=absent_option,
    )


_ASK = (
    'What {kind} is written {where}?',
    'Read the {kind} {where}.',
    'Which {kind} can be read {where}?',
    'What is the {kind} {where}?',
)


def ask(kind: ValueKind, where: str, rng: random.Random) -> str:
    """A question for what is written somewhere, in one of several wordings."""
    return rng.choice(_ASK).format(kind=kind.value, where=where)
