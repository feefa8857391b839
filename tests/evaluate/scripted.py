"""Scripted engines behind a real `Thinker`: loop, prompts, sandbox and records are real, only the words are not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from swift_thyme.engines import Conversation, Engine, FinishReason, Generation, Sampling, Usage
from swift_thyme.errors import EngineError

Speak = Callable[[Conversation], str]
"""What the policy says next, given all it was shown."""


@dataclass
class ScriptedEngine(Engine):
    """Says what a function says."""

    speak: Speak
    name: str = 'scripted'
    fail_on: Callable[[Conversation], bool] = lambda conversation: False
    asked: list[tuple[Conversation, Sampling]] = field(default_factory=list)

    async def generate(
        self, conversation: Conversation, sampling: Sampling, on_text: Callable[[str], None] | None = None
    ) -> Generation:
        self.asked.append((conversation, sampling))
        if self.fail_on(conversation):
            raise EngineError('the engine broke: got a test; expected none; mend it')
        text = self.speak(conversation)
        return Generation(text, FinishReason.STOP, Usage(100, len(text.split())))

    async def aclose(self) -> None:
        pass


def answering(word: str) -> str:
    return f'<think>It says so.</think><answer>{word}</answer>'


def asked_text(conversation: Conversation) -> str:
    return conversation.messages[-1].content
