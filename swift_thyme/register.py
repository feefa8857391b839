"""The only writer to the host's registries. Idempotent: the host imports plug-in files more than once."""

from __future__ import annotations

from swift.loss_scale import loss_scale_map
from swift.rollout import multi_turns
from swift.template import register_template

from .loss import LOSS_SCALES
from .rollout import ThymeScheduler
from .template import template_metas


def register_all() -> None:
    """Registers templates, loss scales, the scheduler and the rewards."""
    for meta in template_metas():
        register_template(meta)
    loss_scale_map.update(LOSS_SCALES)
    multi_turns['thyme'] = ThymeScheduler
