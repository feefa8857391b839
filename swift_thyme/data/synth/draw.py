"""Drawing: labels whose text has a known box, sprites with smooth edges, colours of a wanted contrast, soft surfaces.

Owns everything that turns units into pixels and is shared by the scenes. Only integer arithmetic and Pillow's
fixed-point operations are used, so that the same seed gives the same pixels on every machine with the same Pillow.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from .blank import Blank, is_drawing_off
from .fonts import font_for_cap, font_to_fit
from .types import Box, Color, Target

SMOOTH = 3
"""Sprites are drawn this many times larger and averaged down."""


def luminance(color: Color) -> float:
    """WCAG relative luminance, 0 to 1."""
    parts = [c / 255 for c in color]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast_ratio(one: Color, other: Color) -> float:
    """WCAG contrast ratio of two colours, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def mixed(one: Color, other: Color, share: float) -> Color:
    """A colour between two: `share` 0 gives the first, 1 the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def shade(color: Color, factor: float) -> Color:
    """A darker (factor < 1) or lighter (factor > 1, up to 2) version of a colour."""
    return mixed((0, 0, 0), color, factor) if factor <= 1 else mixed(color, (255, 255, 255), min(1.0, factor - 1))


def ink_for(surface: Color, contrast: float) -> tuple[Color, float]:
    """An ink whose contrast on a surface is the nearest one not below `contrast`; black or white if there is none.

    Returns:
        The ink and the contrast ratio it really has.
    """
    toward: Color = (
        (0, 0, 0) if contrast_ratio(surface, (0, 0, 0)) >= contrast_ratio(surface, (255, 255, 255)) else (255, 255, 255)
    )
    low, high = 0, 256
    while low < high:
        middle = (low + high) // 2
        if contrast_ratio(surface, mixed(surface, toward, middle / 256)) >= contrast:
            high = middle
        else:
            low = middle + 1
    ink = mixed(surface, toward, min(low, 256) / 256)
    return ink, round(contrast_ratio(surface, ink), 3)


def text_at(
    image: Image.Image, xy: tuple[int, int], text: str, face: str, cap_px: int, color: Color, max_width_px: int = 0
) -> Box:
    """Writes a text centred on a point and returns the box of its ink, pixels."""
    if isinstance(image, Blank):
        return Box(*xy, *xy).grown(len(text) * cap_px // 2, cap_px // 2)
    chosen = font_to_fit(face, text, max_width_px, cap_px) if max_width_px else font_for_cap(face, cap_px)
    left, top, right, bottom = chosen.getbbox(text)
    x, y = xy[0] - round(left + right) // 2, xy[1] - round(top + bottom) // 2
    ImageDraw.Draw(image).text((x, y), text, font=chosen, fill=color)
    return Box(x + math.floor(left), y + math.floor(top), x + math.ceil(right), y + math.ceil(bottom))


@dataclass(frozen=True)
class LabelStyle:
    """How a label looks."""

    face: str
    cap_px: int
    """Height of a capital letter, canvas pixels."""
    surface: Color
    contrast: float
    """Wanted WCAG contrast ratio of text and surface."""
    rotation_deg: int = 0
    """Counterclockwise."""
    rim: Color | None = None
    """Colour of the thin frame; None for none."""
    plate: bool = True
    """Whether the label brings its own surface; otherwise it is written on what is there."""


def label_size(text: str, style: LabelStyle) -> tuple[int, int]:
    """Width and height of an unrotated label, pixels."""
    left, _, right, _ = font_for_cap(style.face, style.cap_px).getbbox(text)
    return round(right - left) + 2 * style.cap_px, round(2.2 * style.cap_px)


def draw_label(image: Image.Image, center: tuple[int, int], text: str, style: LabelStyle) -> tuple[Target, Box]:
    """Draws a label around a point.

    Returns:
        The text as a target, and the box of the whole label.
    """
    if isinstance(image, Blank):
        rough = Box(*center, *center).grown(len(text) * style.cap_px // 2, style.cap_px)
        return Target(rough, style.cap_px, style.rotation_deg % 360, style.contrast), rough
    width, height = label_size(text, style)
    ink, contrast = ink_for(style.surface, style.contrast)
    if style.rotation_deg % 360 == 0:
        box = Box(
            center[0] - width // 2,
            center[1] - height // 2,
            center[0] - width // 2 + width,
            center[1] - height // 2 + height,
        )
        if style.plate:
            _plate(ImageDraw.Draw(image), box, style)
        ink_box = text_at(image, center, text, style.face, style.cap_px, ink)
        return Target(ink_box, style.cap_px, 0, contrast), box.union(ink_box)
    tile = Image.new('RGBA', (width + 4, height + 4), (*style.surface, 0))
    if style.plate:
        _plate(ImageDraw.Draw(tile), Box(2, 2, width + 2, height + 2), style)
    chosen = font_for_cap(style.face, style.cap_px)
    left, top, right, bottom = chosen.getbbox(text)
    at = ((width + 4) // 2 - round(left + right) // 2, (height + 4) // 2 - round(top + bottom) // 2)
    words = Image.new('L', tile.size, 0)
    ImageDraw.Draw(words).text(at, text, font=chosen, fill=255)
    tile.paste((*ink, 255), (0, 0), words)
    turned = tile.rotate(style.rotation_deg, resample=Image.Resampling.BICUBIC, expand=True)
    extent = words.rotate(style.rotation_deg, resample=Image.Resampling.BICUBIC, expand=True).getbbox()
    corner = center[0] - turned.width // 2, center[1] - turned.height // 2
    image.paste(turned, corner, turned)
    assert extent is not None, 'a label has at least one visible character'
    found = Box(extent[0] + corner[0], extent[1] + corner[1], extent[2] + corner[0], extent[3] + corner[1])
    return (
        Target(found, style.cap_px, style.rotation_deg % 360, contrast),
        Box(corner[0], corner[1], corner[0] + turned.width, corner[1] + turned.height),
    )


def _plate(draw: ImageDraw.ImageDraw, box: Box, style: LabelStyle) -> None:
    line = max(1, style.cap_px // 9)
    frame = (box.left, box.top, box.right - 1, box.bottom - 1)
    draw.rounded_rectangle(frame, radius=max(2, style.cap_px // 4), fill=style.surface, outline=style.rim, width=line)


def sprite(size: tuple[int, int], paint: Callable[[ImageDraw.ImageDraw, int], None]) -> Image.Image:
    """A small picture with smooth edges and a transparent ground.

    Args:
        size: width and height, pixels.
        paint: draws with coordinates multiplied by its second argument.
    """
    if is_drawing_off():
        return Blank(size, 'RGBA')
    large = Image.new('RGBA', (size[0] * SMOOTH, size[1] * SMOOTH), (0, 0, 0, 0))
    paint(ImageDraw.Draw(large), SMOOTH)
    return large.reduce(SMOOTH)


def stamp(image: Image.Image, picture: Image.Image, corner: tuple[int, int]) -> Box:
    """Pastes a sprite and returns the box it covers."""
    image.paste(picture, corner, picture if picture.mode == 'RGBA' else None)
    return Box(corner[0], corner[1], corner[0] + picture.width, corner[1] + picture.height)


def gradient(size: tuple[int, int], top: Color, bottom: Color) -> Image.Image:
    """A vertical change from one colour to another."""
    if is_drawing_off():
        return Blank(size)
    ramp = Image.linear_gradient('L').resize((1, size[1]), Image.Resampling.BILINEAR)
    return ImageOps.colorize(ramp, top, bottom).resize(size, Image.Resampling.NEAREST)


def mottled(
    size: tuple[int, int], color: Color, rng: random.Random, depth: int = 10, grain_px: int = 24
) -> Image.Image:
    """A surface with soft blotches and a fine grain: plaster, asphalt, paper.

    Args:
        size: pixels.
        color: the middle colour.
        rng: gives the blotches.
        depth: largest difference from the colour, 0 to 255.
        grain_px: size of a blotch, pixels.
    """
    grains = max(2, size[0] // grain_px), max(2, size[1] // grain_px)
    noise = rng.randbytes(grains[0] * grains[1])
    if is_drawing_off():
        return Blank(size)
    coarse = Image.frombytes('L', grains, noise).resize(size, Image.Resampling.BILINEAR)
    low, high = (tuple(max(0, min(255, c + d)) for c in color) for d in (-depth, depth))
    return ImageOps.colorize(coarse, low, high)  # type: ignore[arg-type]


def shadow(image: Image.Image, box: Box, offset_px: int, strength: float = 0.45) -> None:
    """Darkens the ground below and right of a box, softly."""
    if isinstance(image, Blank):
        return
    reach = max(2, offset_px)
    area = box.grown(2 * reach).clipped(image.width, image.height)
    if area.width < 2 or area.height < 2:
        return
    mask = Image.new('L', (area.width, area.height), 0)
    inner = (
        box.left - area.left + reach,
        box.top - area.top + reach,
        box.right - area.left + reach,
        box.bottom - area.top + reach,
    )
    ImageDraw.Draw(mask).rectangle(inner, fill=round(255 * strength))
    small = mask.reduce(4) if min(mask.size) >= 32 else mask
    soft = small.filter(ImageFilter.BoxBlur(max(1, reach // (4 if small is not mask else 1)))).resize(
        mask.size, Image.Resampling.BILINEAR
    )
    image.paste((12, 12, 16), (area.left, area.top), soft)
