"""The only writer to the host's registries. Idempotent: the host imports plug-in files more than once."""

from __future__ import annotations

from swift.loss_scale import loss_scale_map
from swift.rollout import multi_turns
from swift.template import register_template

from .loss import LOSS_SCALES
from .rollout import ThymeScheduler
from .template import TEMPLATE_CLASSES, template_meta


def register_all() -> None:
    """Registers templates, loss scales, the scheduler and the rewards."""
    for template_type, template_cls in TEMPLATE_CLASSES.items():
        register_template(template_meta(template_type, template_cls), exist_ok=True)
    loss_scale_map.update(LOSS_SCALES)
    multi_turns['thyme'] = ThymeScheduler
