"""Low contrast: writing that has nearly the colour of what it is written on."""

from __future__ import annotations

from ..scenes import DISPLAYS
from ..types import Item, Step
from .base import Demand, Order, task
from .reading import read_label

SCENES = ('street', 'shelf', 'gallery', 'map', 'dashboard', 'forms', 'lockers', *DISPLAYS)


@task('low_contrast', 'read faded writing', demands=(Demand.POINTING, Demand.ENHANCING, Demand.READING))
def build(order: Order) -> Item:
    """All labels of the scene have faded; one is asked for."""
    scene = order.scene(*SCENES)
    return read_label(order, scene, (Step.CROP, Step.ENHANCE), restyle={'contrast': order.level.faint_contrast})
