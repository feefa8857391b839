"""Runs model-written Python away from the trainer. Contract in `base`; which backend a process uses in `backends`."""

from .backends import make_sandbox, shared_sandbox
from .base import InputImage, Limits, Sandbox, Session, require_working, try_snippet
from .blocking import BlockingSandbox, BlockingSession
from .patient import PatientSandbox
from .zygote_backend import ZygoteSandbox

__all__ = [
    'BlockingSandbox',
    'BlockingSession',
    'InputImage',
    'Limits',
    'PatientSandbox',
    'Sandbox',
    'Session',
    'ZygoteSandbox',
    'make_sandbox',
    'require_working',
    'shared_sandbox',
    'try_snippet',
]
