"""Scenes by name. Each is one module with one `build(brief)`."""

from __future__ import annotations

from . import gallery, shelf, street
from .base import Brief, Scene, SceneBuilder

SCENES: dict[str, SceneBuilder] = {
    'street': street.build,
    'shelf': shelf.build,
    'gallery': gallery.build,
}
"""Scene → the function that draws it."""

__all__ = ['SCENES', 'Brief', 'Scene', 'SceneBuilder']
