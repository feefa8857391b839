"""Regions in words: the words and the picture's size say where to look, so the region is computed, not pointed at.

Four tasks: `region` names the region's edges, `region_steps` takes a step of arithmetic to get them, `region_rotated`
and `region_faint` ask for more than a crop once the region is found. All answers are single lines of at most eight
characters, and a region holds nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..places import NAMED, WORKED_OUT, PlaceMaker, line, place_among
from ..scenes.base import Brief
from ..scenes.parts import Lettering, build, lettering, parts_for
from ..types import Item, Plan, Step
from .base import Demand, Order, task
from .reading import reading_item, write_slots

_ASK = ('What {kind} is written {where}?', 'Which {kind} can be read {where}?', 'Read the {kind} {where}.')
_QUARTER_TURNS = (90, 180, 270)
_LOOKS = ('tiles', 'sheet', 'page')


@task('region', 'read what is in a region given in words', demands=(Demand.COMPUTING, Demand.READING), share=2)
def build_named(order: Order) -> Item:
    """The words name the region's edges: row and column, a ninth, fractions, a line of a column."""
    return _item(order, NAMED, lettering(_brief(order), order.level.contrast), (Step.CROP,), _LOOKS)


@task('region_steps', 'read what is in a region that takes arithmetic', demands=(Demand.COMPUTING, Demand.READING))
def build_steps(order: Order) -> Item:
    """The region is counted from the far side, numbered, lettered, reached from another, or mirrored."""
    return _item(order, WORKED_OUT, lettering(_brief(order), order.level.contrast), (Step.CROP,), _LOOKS)


@task(
    'region_rotated',
    'read what lies turned in a region given in words',
    demands=(Demand.COMPUTING, Demand.ROTATING, Demand.READING),
)
def build_rotated(order: Order) -> Item:
    """All writing lies turned by a stated angle."""
    rng = order.rng
    turn = rng.choice(_QUARTER_TURNS) if rng.random() < 0.4 else rng.randint(30, 330)
    letters = lettering(_brief(order), order.level.contrast, turn)
    said = f'All writing is turned by {turn} degrees counterclockwise.'
    makers = [maker for maker in NAMED if maker is not line]
    return _item(order, makers, letters, (Step.CROP, Step.ROTATE), ('tiles', 'sheet'), said)


@task(
    'region_faint',
    'read faded writing in a region given in words',
    demands=(Demand.COMPUTING, Demand.ENHANCING, Demand.READING),
)
def build_faint(order: Order) -> Item:
    """All writing has nearly the colour of its ground."""
    letters = lettering(_brief(order), order.level.faint_contrast)
    return _item(order, NAMED, letters, (Step.CROP, Step.ENHANCE), ('sheet', 'page'))


def _brief(order: Order) -> Brief:
    return Brief(order.rng, order.width, order.height, order.level)


def _item(
    order: Order,
    makers: Sequence[PlaceMaker],
    letters: Lettering,
    steps: tuple[Step, ...],
    looks: Sequence[str],
    said: str = '',
) -> Item:
    rng, brief = order.rng, _brief(order)
    place = place_among(makers, rng, parts_for(brief, letters))
    look = 'page' if ' line of the ' in place.where else rng.choice([name for name in looks if name != 'page'])
    scene = build(brief, place, letters, look)
    found = write_slots(scene, rng, chosen=place.row * place.columns + place.column)
    kind = letters.kind.value
    asked = rng.choice(_ASK).format(kind=kind, where=place.where)
    question = ' '.join(text for text in (place.setting, said, asked) if text)
    spot = f'the {kind} {place.where}'
    plan = Plan(steps, f'{spot} is {found.text}', spot, place=place)
    return reading_item(scene, question, found, plan, rng, absent_option=False)
