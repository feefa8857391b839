"""One question, or many: the agent loop over any engine, outside of training. Start with `Thinker`."""

from .events import CodeStarted, Event, SandboxReplied, Stopped, TextDelta
from .question import Question, prompt_image
from .thinker import InferSettings, Reply, Thinker

__all__ = [
    'CodeStarted',
    'Event',
    'InferSettings',
    'Question',
    'Reply',
    'SandboxReplied',
    'Stopped',
    'TextDelta',
    'Thinker',
    'prompt_image',
]
