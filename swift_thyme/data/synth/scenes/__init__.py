"""Scenes by name. Each is a function of a brief."""

from __future__ import annotations

from . import board, citymap, dashboard, displays, gallery, lockers, report, shelf, street, turned
from .base import Brief, Scene, SceneBuilder
from .displays import DISPLAYS

SCENES: dict[str, SceneBuilder] = {
    'street': street.build,
    'shelf': shelf.build,
    'gallery': gallery.build,
    'map': citymap.build,
    'dashboard': dashboard.build,
    'table': board.build_table,
    'forms': board.build_forms,
    'report': report.build,
    'parcels': turned.build_parcels,
    'desk': turned.build_desk,
    'lockers': lockers.build_lockers,
    'stamps': lockers.build_stamps,
    **displays.BUILDERS,
}
"""Scene → the function that draws it."""

__all__ = ['DISPLAYS', 'SCENES', 'Brief', 'Scene', 'SceneBuilder']
