"""Runs model-written Python away from the trainer. Contract in `base`; one backend per machine."""

from .base import InputImage, Limits, Sandbox, Session

__all__ = ['InputImage', 'Limits', 'Sandbox', 'Session']
