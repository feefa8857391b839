"""How many pixels of a picture a model sees: kept in the checkpoint, where every harness looks for it.

The host takes `MIN_PIXELS` and `MAX_PIXELS` from the environment only. A model that was trained at one budget and is
asked at another sees other pictures than it learnt from. So the budget of a run goes into the processor, which is saved
with every checkpoint (`preprocessor_config.json`), and one that was trained is loaded with its own.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from swift.utils import get_logger

from ..config import PICTURE_BUDGET

logger = get_logger()
_TRAINED = 'args.json'
"""The host writes it into the checkpoints that it trains."""
_HOST_TOKENS: dict[str, int] = {}
"""The host's own limits, before a checkpoint's took their place."""


def settle_budget(processor: Any, model_dir: str) -> None:
    """Brings host and processor to one budget: that of the environment, else a trained checkpoint's, else the host's.

    A budget of the environment that differs from the one a checkpoint was trained with is said.

    Args:
        processor: of the model; its `image_processor.size` holds the budget afterwards.
        model_dir: where the checkpoint lies.
    """
    from qwen_vl_utils import vision_process

    images = processor.image_processor
    factor_px = int(images.patch_size) * int(images.merge_size)
    trained = Path(model_dir, _TRAINED).is_file()
    settled = {}
    for edge, (variable, tokens_name) in PICTURE_BUDGET.items():
        stored = int(images.size[edge])
        given = any(os.environ.get(name) for v in (variable, tokens_name) for name in (v, v.lower()))
        if not given:
            host_own = _HOST_TOKENS.setdefault(tokens_name, getattr(vision_process, tokens_name))
            setattr(vision_process, tokens_name, stored // factor_px**2 if trained else host_own)
        settled[edge] = getattr(vision_process, tokens_name) * factor_px**2
        if given and trained and settled[edge] != stored:
            logger.warning(
                f'{variable} overrides the checkpoint: it was trained with {stored}, pictures are now shown with '
                f'{settled[edge]}; unset {variable} to show them as in training'
            )
    images.size = settled
