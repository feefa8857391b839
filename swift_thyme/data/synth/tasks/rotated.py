"""Rotated text: a label that lies turned by 30 to 335 degrees; the picture itself says nothing of the angle."""

from __future__ import annotations

from ..types import Item, Step
from .base import Demand, Order, task
from .reading import read_label

SCENES = ('parcels', 'desk')


@task(
    'rotated',
    'read a label that lies turned by 30 to 335 degrees',
    demands=(Demand.POINTING, Demand.ROTATING, Demand.READING),
)
def build(order: Order) -> Item:
    """One turned label of many is asked for by what it is on."""
    scene = order.scene(*SCENES)
    return read_label(order, scene, (Step.CROP, Step.ROTATE))
