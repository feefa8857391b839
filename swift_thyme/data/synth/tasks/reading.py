"""What every task that reads a label shares: writing a scene's slots, and wrong values of the same kind.

Owns no task.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..question import ABSENT, ABSENT_OPTION_SHARE
from ..scenes.base import Scene, Slot, fill
from ..types import Box, Item, Plan, Step, Target
from ..values import ValueKind, near, value
from .base import Order

ABSENT_SHARE = ABSENT_OPTION_SHARE / (3 + ABSENT_OPTION_SHARE)
"""Share of the multiple-choice questions that ask for a place that is not in the picture."""


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
    texts = _different_texts(scene, rng)
    drawn = fill(scene, texts, restyle=restyle)
    slot, (target, label) = scene.slots[chosen], drawn[chosen]
    others = tuple(t for i, t in texts.items() if i != chosen and scene.slots[i].kind is slot.kind)
    context = slot.context.union(label).clipped(*scene.image.size)
    return Reading(slot, texts[chosen], target, context, others)


def _different_texts(scene: Scene, rng: random.Random) -> dict[int, str]:
    taken: set[str] = set()
    texts: dict[int, str] = {}
    for slot in scene.slots:
        taken.add(text := value(slot.kind, rng, taken))
        texts[len(texts)] = text
    return texts


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


def numbers_around(answer: int, steps: Sequence[int], rng: random.Random) -> tuple[int, int, int]:
    """Three wrong numbers, none negative, that form an evenly spaced row with the answer.

    The answer is at any of the four places of the row with equal chance, so that the numbers alone say nothing.

    Args:
        answer: the true number, 0 or more.
        steps: spacings to draw from; those that would need a negative number are left out.
        rng: the row's.
    """
    place, fitting = rng.randrange(4), [step for step in steps if 0 < 3 * step <= answer]
    if not fitting:
        first = max(0, answer - place)
        one, two, three = (n for n in range(first, first + 4) if n != answer)
        return one, two, three
    step = rng.choice(fitting)
    one, two, three = (answer + step * (i - place) for i in range(4) if i != place)
    return one, two, three


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


def read_label(
    order: Order, scene: Scene, steps: tuple[Step, ...], *, restyle: Mapping[str, object] | None = None
) -> Item:
    """The item of one label of a scene, asked for by its place; now and then one that is not there.

    "Not in the image" is the truth in one of the four choices that offer it, as any other option.
    """
    rng, may_miss = order.rng, order.allow_absent and bool(scene.missing)
    if may_miss and rng.random() < ABSENT_SHARE:
        return _in_vain(order, scene, restyle)
    found = write_slots(scene, rng, restyle=restyle)
    plan = Plan(steps, f'{found.slot.noun} says {found.text}', found.slot.noun)
    question = ask(found.slot.kind, found.slot.where, rng)
    return reading_item(scene, question, found, plan, rng, absent_option=may_miss)


def _in_vain(order: Order, scene: Scene, restyle: Mapping[str, object] | None) -> Item:
    rng, wanted = order.rng, order.rng.choice(scene.missing)
    texts = _different_texts(scene, rng)
    fill(scene, texts, restyle=restyle)
    alike = [text for i, text in texts.items() if scene.slots[i].kind is wanted.kind]
    false = value(wanted.kind, rng, alike)
    wrong = (false, *wrong_values(wanted.kind, false, tuple(alike), rng)[:2])
    plan = Plan((Step.CROP,), 'there is no such thing in the picture')
    question = ask(wanted.kind, wanted.where, rng)
    return Item(scene.name, question, ABSENT, wrong, plan, scene.image)


_ASK = (
    'What {kind} is written {where}?',
    'Read the {kind} {where}.',
    'Which {kind} can be read {where}?',
    'What is the {kind} {where}?',
)


def ask(kind: ValueKind, where: str, rng: random.Random) -> str:
    """A question for what is written somewhere, in one of several wordings."""
    return rng.choice(_ASK).format(kind=kind.value, where=where)
