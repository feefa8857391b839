"""What generates text: the contract of an engine, and what goes in and out. Host-free.

An engine continues one assistant turn until code is complete, the answer is complete, the turn ends or a budget is used
up. It runs no code and knows no stop rule of the loop. Implementations: `host_transformers`, `host_vllm`, `openai_url`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from .. import protocol
from ..agent import Step
from ..types import SandboxImage, Usage


class FinishReason(str, Enum):
    """Why an engine stopped."""

    STOP = 'stop'
    """A stop string, or the end-of-turn token."""
    LENGTH = 'length'
    """`Sampling.max_tokens`, or the end of the model's context."""


@dataclass(frozen=True)
class Sampling:
    """How one generation is sampled. `None`: as the checkpoint's own generation config says."""

    max_tokens: int = 2048
    """New tokens of one generation. Release: 2,048."""
    temperature: float = 0.0
    """Of text; code has its own (`config.SamplingSettings`). 0 is greedy."""
    top_p: float | None = None
    top_k: int | None = None
    repetition_penalty: float | None = None
    seed: int | None = None
    """Makes sampling repeatable on one engine and machine; nothing to do when greedy."""
    stop: tuple[str, ...] = protocol.STOP_STRINGS
    """Where a generation ends. The host's engines stop at all of the protocol's in any case."""


@dataclass(frozen=True)
class Generation:
    """What one call gave."""

    text: str
    """Exactly what was sampled, the stop string included, the end-of-turn token not."""
    finish_reason: FinishReason
    usage: Usage = field(default_factory=Usage)
    token_ids: tuple[int, ...] | None = None
    """The sampled ids; None from an engine that does not tell."""


@dataclass(frozen=True)
class Message:
    """A message before the assistant turn; one `<image>` in `content` for each of its pictures."""

    role: str
    """`system`, `user` or `assistant`."""
    content: str


@dataclass(frozen=True)
class Round:
    """A generation of the assistant turn, and the step that followed: what was appended after it."""

    generation: Generation
    step: Step

    @property
    def images(self) -> tuple[SandboxImage, ...]:
        """The pictures that were appended, one for each `<image>` in `step.output`."""
        return self.step.turn.result.images if self.step.turn.result is not None else ()


@dataclass(frozen=True)
class Conversation:
    """All an engine needs to generate the next piece of an assistant turn."""

    messages: tuple[Message, ...]
    """Ends with the user's."""
    images: tuple[Path | bytes, ...] = ()
    """Pictures of `messages`, in the order of their places: files, or encoded bytes."""
    rounds: tuple[Round, ...] = ()
    """The assistant turn so far."""


class Engine(Protocol):
    """Generates text for many conversations at a time; safe to call from any event loop and thread."""

    name: str
    """Of the model, as shown to clients and in reports."""
    comes_back: bool = False
    """Whether one that failed may work again by itself, as a server does. Otherwise its process has to be restarted."""
    decodes_pictures: bool = False
    """Whether it decodes the pictures of a prompt, and so finds those that are not whole."""
    weights: tuple[str, ...] = ()
    """Folders of the weights, and of the adapter on top of them; empty where they are on another machine."""

    async def generate(
        self, conversation: Conversation, sampling: Sampling, on_text: Callable[[str], None] | None = None
    ) -> Generation:
        """Continues the assistant turn. Never blocks the event loop; cancelling stops the generation.

        Args:
            conversation: prompt and assistant turn so far.
            sampling: how to sample.
            on_text: called on the caller's event loop with pieces of the text as they come; they join to the result's
                text, but one that was cut by a failure may have been shown in part.

        Raises:
            ContextFull: the conversation leaves no room in the model's context.
            DataError: a picture cannot be read.
            EngineError: the engine failed; the message says how.
        """

    def stated(self) -> dict[str, Any]:
        """What a server says of the model behind it; empty where the model is in this process.

        Raises:
            EngineError: the server does not answer.
        """
        return {}

    def tokens_of(self, text: str) -> list[int] | None:
        """The ids of a text; None where the engine does not tell."""
        return None

    def picture_problem(self, width_px: int, height_px: int) -> str:
        """Why the model cannot be shown a picture of this size; empty where it can, or where that is not known."""
        return ''

    async def aclose(self) -> None:
        """Frees what the engine holds. Further calls of `generate` fail."""


def on_this_loop(show: Callable[[str], None] | None) -> Callable[[str], None] | None:
    """A callback for other threads that calls `show` on the running event loop; nothing once that loop is closed."""
    if show is None:
        return None
    loop = asyncio.get_running_loop()

    def relay(text: str) -> None:
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(show, text)

    return relay
