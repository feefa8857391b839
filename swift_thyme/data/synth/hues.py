"""Colours that a threshold tells apart: their ranges in OpenCV's HSV.

Owns the ranges. Each holds its colour of `values.PALETTE`, as drawn and after JPEG, none of the others, and none of the
darker mixtures that JPEG leaves at the edges of other colours.
"""

from __future__ import annotations

Hsv = tuple[int, int, int]
"""Hue 0 to 179, saturation and value 0 to 255, as OpenCV counts them."""

HUES: dict[str, tuple[tuple[Hsv, Hsv], ...]] = {
    'red': (((0, 150, 150), (6, 255, 255)), ((175, 150, 150), (179, 255, 255))),
    'orange': (((10, 150, 200), (19, 255, 255)),),
    'yellow': (((21, 120, 200), (32, 255, 255)),),
    'green': (((55, 100, 110), (80, 255, 255)),),
    'blue': (((102, 120, 140), (120, 255, 255)),),
    'purple': (((132, 100, 115), (150, 255, 255)),),
}
"""Colour name → one range of HSV, or two where the hue passes through 0."""
