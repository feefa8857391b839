"""swift-thyme: think with images by writing code, on ms-swift."""

__version__ = '0.1.0'
