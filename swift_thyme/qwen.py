"""Facts of the Qwen-VL family that more than one part needs, without torch or transformers."""

from __future__ import annotations

import math


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
