"""Runs model-written Python away from the trainer. Contract in `base`; one backend per machine."""

from .base import InputImage, Limits, Sandbox, Session, try_snippet
from .blocking import BlockingSandbox, BlockingSession
from .patient import PatientSandbox
from .zygote_backend import ZygoteSandbox, local_sandbox

__all__ = [
    'BlockingSandbox',
    'BlockingSession',
    'InputImage',
    'Limits',
    'PatientSandbox',
    'Sandbox',
    'Session',
    'ZygoteSandbox',
    'local_sandbox',
    'try_snippet',
]
