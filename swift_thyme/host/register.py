"""The only writer to the host's registries. Idempotent: the host imports plug-in files more than once.

Imports are inside the functions, so that the rewards can be used without the template and the scheduler.
"""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable
from typing import Any

_LOG = logging.getLogger(__name__)
_said: set[str] = set()


def register_all() -> None:
    """Registers templates, loss scales, the scheduler, the rewards and the prepared sets; begins the run's state."""
    from swift.loss_scale import loss_scale_map
    from swift.rollout import multi_turns
    from swift.template import register_template

    from .loss import LOSS_SCALES
    from .scheduler import SCHEDULER, ThymeScheduler
    from .template import TEMPLATE_CLASSES, template_meta

    for template_type, template_cls in TEMPLATE_CLASSES.items():
        register_template(template_meta(template_type, template_cls), exist_ok=True)
    loss_scale_map.update(LOSS_SCALES)
    multi_turns[SCHEDULER] = ThymeScheduler
    register_rewards()
    register_prepared_sets()
    _say_untested()


def _say_untested() -> None:
    """Says once a run, not once a rank or worker, what is newer than tested."""
    from ..doctor.versions import newer_than_tested
    from ..env import read_env

    if multiprocessing.parent_process() is None and read_env('RANK', str, '0') in ('0', '-1'):
        for text in newer_than_tested():
            if text not in _said:
                _said.add(text)
                _LOG.warning('%s; if something is odd, go back to a tested one', text)


def register_rewards() -> None:
    """Registers the rewards alone, the callback that logs their figures, and the check at the start of a run."""
    from swift.callbacks import callbacks_map
    from swift.rewards import orms

    from .callback import RewardFigures
    from .patch import check_at_start
    from .rewards import REWARDS
    from .state import run_state

    run_state()
    orms.update(REWARDS)
    callbacks_map['thyme_rewards'] = RewardFigures
    check_at_start(_checked_rows)


def _checked_rows(pipeline: Any, load: Callable[[Any], Any]) -> Any:
    from .preflight import checked_rows

    return checked_rows(pipeline, load)


def register_prepared_sets() -> None:
    """Registers the loader that puts real picture paths into prepared sets."""
    from swift.dataset import register_dataset

    from .datasets import prepared_set_metas

    for meta in prepared_set_metas():
        register_dataset(meta, exist_ok=True)
