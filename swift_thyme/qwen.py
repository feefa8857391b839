"""Facts of the Qwen-VL family that more than one part needs, without torch or transformers."""

from __future__ import annotations

import math
import re

TEMPLATES = {
    'thyme_qwen2_vl': ('qwen2_vl',),
    'thyme_qwen2_5_vl': ('qwen2_5_vl',),
    'thyme_qwen3_vl': ('qwen3_vl', 'qwen3_vl_moe'),
}
"""O3 template type → the `model_type`s in a `config.json` that it is right for."""
_NAMED = {'2': 'qwen2_vl', '2.5': 'qwen2_5_vl', '3': 'qwen3_vl'}


def template_of(model_type: str) -> str | None:
    """The O3 template type for a `model_type`; None for another family."""
    return next((name for name, types in TEMPLATES.items() if model_type in types), None)


def model_type_in(name: str) -> str | None:
    """The `model_type` that the name of a published model says, such as `Qwen/Qwen2.5-VL-7B-Instruct`."""
    found = re.search(r'qwen(2\.5|2|3)-?vl(?![a-z])', name.lower())
    return _NAMED[found.group(1)] if found else None


def resized(height_px: int, width_px: int, factor_px: int, min_pixels: int, max_pixels: int) -> tuple[int, int]:
    """Height and width at which a model of the Qwen-VL family sees a picture: multiples of its patch, within budget.

    Returns:
        Height and width, px; the aspect ratio is kept as far as the patch allows.
    """
    rows, columns = (max(1, round(side / factor_px)) for side in (height_px, width_px))
    area = rows * columns * factor_px**2
    if area > max_pixels:
        shrink = math.sqrt(height_px * width_px / max_pixels)
        rows, columns = (max(1, math.floor(side / shrink / factor_px)) for side in (height_px, width_px))
    elif area < min_pixels:
        grow = math.sqrt(min_pixels / (height_px * width_px))
        rows, columns = (math.ceil(side * grow / factor_px) for side in (height_px, width_px))
    return rows * factor_px, columns * factor_px
