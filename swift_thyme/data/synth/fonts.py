"""Fonts that come with packages, so that letters are the same on every machine.

Owns the list of faces. DejaVu and STIX ship inside matplotlib; Source Sans Pro, Hanken Grotesk and Fredoka One (SIL
Open Font License 1.1) and Caladea (Apache-2.0) are packages of their own. System fonts are never used.
"""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

from ...errors import ConfigError, pip_line

_FACES = {
    'dejavu-sans': ('matplotlib', 'mpl-data/fonts/ttf/DejaVuSans.ttf'),
    'dejavu-sans-bold': ('matplotlib', 'mpl-data/fonts/ttf/DejaVuSans-Bold.ttf'),
    'dejavu-mono': ('matplotlib', 'mpl-data/fonts/ttf/DejaVuSansMono.ttf'),
    'dejavu-mono-bold': ('matplotlib', 'mpl-data/fonts/ttf/DejaVuSansMono-Bold.ttf'),
    'dejavu-serif': ('matplotlib', 'mpl-data/fonts/ttf/DejaVuSerif.ttf'),
    'stix': ('matplotlib', 'mpl-data/fonts/ttf/STIXGeneral.ttf'),
    'stix-bold': ('matplotlib', 'mpl-data/fonts/ttf/STIXGeneralBol.ttf'),
    'source-sans': ('font_source_sans_pro', 'files/SourceSansPro-Regular.ttf'),
    'source-sans-bold': ('font_source_sans_pro', 'files/SourceSansPro-Bold.ttf'),
    'hanken': ('font_hanken_grotesk', 'files/HankenGrotesk-Regular.otf'),
    'hanken-bold': ('font_hanken_grotesk', 'files/HankenGrotesk-Bold.otf'),
    'caladea': ('font_caladea', 'files/Caladea-Regular.ttf'),
    'caladea-bold': ('font_caladea', 'files/Caladea-Bold.ttf'),
    'fredoka': ('font_fredoka_one', 'files/FredokaOne-Regular.ttf'),
}
PLAIN = ('dejavu-sans', 'source-sans', 'hanken', 'caladea', 'dejavu-serif', 'stix')
BOLD = ('dejavu-sans-bold', 'source-sans-bold', 'hanken-bold', 'caladea-bold', 'stix-bold')
MONO = ('dejavu-mono', 'dejavu-mono-bold')
SIGN = ('fredoka', 'hanken-bold', 'caladea-bold', 'source-sans-bold', 'stix-bold')


@lru_cache(maxsize=64)
def font_path(face: str) -> Path:
    """The file of a face.

    Raises:
        ConfigError: its package is not installed.
    """
    package, inside = _FACES[face]
    spec = importlib.util.find_spec(package)
    path = Path(spec.origin).parent / inside if spec is not None and spec.origin else None
    if path is None or not path.exists():
        raise ConfigError(
            f'font {face} needs the package {package.replace("_", "-")}, which is not installed; {pip_line("synth")}'
        )
    return path


@lru_cache(maxsize=96)
def font(face: str, size_px: int) -> ImageFont.FreeTypeFont:
    """A face at an em size in pixels, with the layout engine every Pillow has."""
    return ImageFont.truetype(str(font_path(face)), max(4, size_px), layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=64)
def _cap_ratio(face: str) -> float:
    _, top, _, bottom = font(face, 400).getbbox('H')
    return (bottom - top) / 400


def font_for_cap(face: str, cap_px: int) -> ImageFont.FreeTypeFont:
    """A face whose capital letters are `cap_px` pixels high."""
    return font(face, round(cap_px / _cap_ratio(face)))


def font_to_fit(face: str, text: str, width_px: int, cap_px: int) -> ImageFont.FreeTypeFont:
    """A face with capital letters of at most `cap_px`, smaller where the text would be wider than `width_px`."""
    chosen = font_for_cap(face, cap_px)
    width = chosen.getlength(text)
    if width <= width_px:
        return chosen
    return font(face, int(chosen.size * width_px / width))
