"""One question, or many: the agent loop over any engine, outside of training. Start with `Thinker`."""

from .events import AttemptStarted, CodeStarted, Event, SandboxReplied, Stopped, TextDelta
from .question import Question, prompt_image
from .thinker import Attempt, InferSettings, Reply, Thinker

__all__ = [
    'Attempt',
    'AttemptStarted',
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
