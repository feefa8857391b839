"""Engines: what generates text for inference, serving and evaluation. The contract is in `base`."""

from ..types import Usage
from .base import (
    Conversation,
    Engine,
    FinishReason,
    Generation,
    Message,
    Round,
    Sampling,
)
from .load import Backend, load_engine

__all__ = [
    'Backend',
    'Conversation',
    'Engine',
    'FinishReason',
    'Generation',
    'Message',
    'Round',
    'Sampling',
    'Usage',
    'load_engine',
]
