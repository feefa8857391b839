"""What every task that reads a label shares: writing a scene's slots, and wrong values of the same kind.

Owns no task.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
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
    scene: Scene, rng: random.Random, *, restyle: Mapping[str, object] | None = None, everywhere: bool = True
) -> Reading:
    """Writes a value into every slot of a scene and picks the one to ask for.

    Args:
        scene: drawn on.
        rng: the row's.
        restyle: fields of the label style to replace.
        everywhere: whether all labels get the new style, or the target's only.
    """
    chosen = rng.randrange(len(scene.slots))
    texts: dict[int, str] = {}
    for index, slot in enumerate(scene.slots):
        texts[index] = value(slot.kind, rng, set(texts.values()))
    styles = {i: dict(restyle or {}) for i in texts if everywhere or i == chosen}
    drawn = fill(scene, texts, restyle=styles)
    slot, (target, label) = scene.slots[chosen], drawn[chosen]
    others = tuple(t for i, t in texts.items() if i != chosen and scene.slots[i].kind is slot.kind)
    context = slot.context.union(label).clipped(*scene.image.size)
    return Reading(slot, texts[chosen], target, context, others)


def wrong_values(kind: ValueKind, true: str, others: tuple[str, ...], rng: random.Random) -> tuple[str, ...]:
    """Five wrong values: near misses and what stands elsewhere in the picture, in random order."""
    wrong = list(rng.sample(others, min(2, len(others))))
    while len(wrong) < 5:
        wrong.append(near(kind, true, rng, {*wrong, *others}))
    rng.shuffle(wrong)
    return tuple(wrong)


def reading_item(scene: Scene, question: str, found: Reading, plan: Plan, rng: random.Random) -> Item:
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
