"""`thyme view`: saved trajectories as one HTML file that opens from disk, without a network, in any current browser.

`build_page` streams: records are read, written out as compressed chunks and forgotten. The page decodes a chunk when
it is looked at. Nothing a model wrote is ever treated as markup: see `page` for how, docs/viewer.md for what is shown.
"""

from .build import Built, ViewOptions, build_page

__all__ = ['Built', 'ViewOptions', 'build_page']
