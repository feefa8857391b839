"""Multi-step: crop, then turn, then strengthen: faded labels that also lie turned, or are smaller than the rest."""

from __future__ import annotations

from ..types import Item, Step
from .base import Demand, Order, task
from .reading import read_label


@task(
    'multi_step',
    'crop, then rotate or enhance, then read',
    demands=(Demand.POINTING, Demand.ROTATING, Demand.ENHANCING, Demand.READING),
    share=2,
)
def build(order: Order) -> Item:
    """A faded label in a scene where everything lies turned."""
    scene = order.scene('parcels', 'desk')
    return read_label(
        order, scene, (Step.CROP, Step.ROTATE, Step.ENHANCE), restyle={'contrast': order.level.faint_contrast * 1.15}
    )
