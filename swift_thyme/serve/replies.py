"""The replies: OpenAI's forms, with the bare answer as content and the trajectory as reasoning."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..agent import assistant_text
from ..engines import Usage
from ..infer import Event, Reply, SandboxReplied, TextDelta
from ..picture import data_url
from ..rewards.rules.choice import letter_of
from ..types import Outcome, StopReason, Trajectory

_CUT_SHORT = (StopReason.LENGTH, StopReason.ROUND_LIMIT, StopReason.IMAGE_LIMIT, StopReason.REPETITION)
DONE = b'data: [DONE]\n\n'


def finish_reason(trajectory: Trajectory) -> str:
    """OpenAI's word for why a trajectory ended."""
    return 'length' if trajectory.stop_reason in _CUT_SHORT else 'stop'


@dataclass(frozen=True)
class Replier:
    """Makes the replies to one request."""

    model: str
    trajectory_id: str
    question: str = ''
    """The user's words, where answers are to be reduced to the letter of the option they take."""
    events: bool = False
    """Whether chunks carry what the sandbox did (`thyme_event`)."""
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, reply: Reply, stop: tuple[str, ...] = ()) -> dict[str, Any]:
        """The reply to a request that does not stream."""
        reasoning = assistant_text(reply.turns)
        message = {
            'role': 'assistant',
            'content': self._content(reply, stop),
            'reasoning_content': reasoning,
            'reasoning': reasoning,
        }
        choice = {'index': 0, 'message': message, 'finish_reason': finish_reason(reply), 'logprobs': None}
        return {
            **self._head('chat.completion'),
            'choices': [choice],
            'usage': usage_body(reply.usage),
            'thyme': self.summary(reply),
        }

    def first(self) -> bytes:
        """The chunk that opens a stream."""
        return self._chunk({'role': 'assistant', 'content': ''})

    def of_event(self, event: Event) -> bytes | None:
        """The chunk for something that happened; None where a client has nothing to see."""
        if isinstance(event, TextDelta):
            text = event.text
        elif isinstance(event, SandboxReplied):
            text = event.output
        else:
            return None
        more: dict[str, Any] = (
            {'thyme_event': sandbox_event(event)} if self.events and isinstance(event, SandboxReplied) else {}
        )
        if not text and not more:
            return None
        return self._chunk({'content': '', 'reasoning_content': text, 'reasoning': text}, **more)

    def last(self, reply: Reply, stop: tuple[str, ...] = (), *, include_usage: bool = False) -> bytes:
        """The chunks that close a stream: the answer, why it ended, the usage if asked for."""
        chunks = self._chunk({'content': self._content(reply, stop)})
        summary = {'thyme': self.summary(reply)}
        chunks += self._chunk({'content': ''}, finish_reason(reply), **summary)
        if include_usage:
            usage = {'choices': [], 'usage': usage_body(reply.usage)}
            chunks += event_bytes({**self._head('chat.completion.chunk'), **usage})
        return chunks + DONE

    def summary(self, reply: Reply) -> dict[str, Any]:
        """What this package adds to OpenAI's form."""
        results = [turn.result for turn in reply.turns if turn.result is not None]
        return {
            'trajectory_id': self.trajectory_id,
            'stop_reason': reply.stop_reason.value,
            'answered': reply.answer is not None,
            'rounds': len(reply.turns),
            'code_blocks': sum(turn.code is not None for turn in reply.turns),
            'code_ok': sum(result.outcome is Outcome.OK for result in results),
            'images': sum(len(result.images) for result in results),
            'tools': reply.tools,
            'attempts': len(reply.earlier) + 1,
            'fell_back': reply.fell_back,
        }

    def _content(self, reply: Reply, stop: tuple[str, ...]) -> str:
        """The answer, cut before the first of the client's stop strings."""
        text = reply.given_answer
        text = text[: min((at for at in map(text.find, stop) if at >= 0), default=None)]
        return letter_of(self.question, text) if self.question else text

    def _head(self, kind: str) -> dict[str, Any]:
        ident = f'chatcmpl-{self.trajectory_id}'
        return {'id': ident, 'object': kind, 'created': self.created, 'model': self.model}

    def _chunk(self, delta: dict[str, Any], finish: str | None = None, **extra: Any) -> bytes:
        choice = {'index': 0, 'delta': delta, 'finish_reason': finish, 'logprobs': None}
        return event_bytes({**self._head('chat.completion.chunk'), 'choices': [choice], **extra})


def event_bytes(body: dict[str, Any]) -> bytes:
    """One event of a stream: a `data:` line and nothing else, which is all that the host's client reads."""
    return b'data: ' + json.dumps(body, ensure_ascii=False).encode() + b'\n\n'


def sandbox_event(event: SandboxReplied) -> dict[str, Any]:
    """What became of a snippet, as plain JSON values, its pictures as data URLs: for clients that show the work."""
    result = event.result
    return {
        'outcome': result.outcome.value,
        'text': result.text,
        'repairs': list(result.repairs),
        'elapsed_s': result.elapsed_s,
        'images': [data_url(Path(image.path)) for image in result.images],
    }


def usage_body(usage: Usage) -> dict[str, Any]:
    """Token counts in OpenAI's form, summed over the rounds: each round reads the prompt again."""
    body: dict[str, Any] = {
        'prompt_tokens': usage.prompt_tokens,
        'completion_tokens': usage.completion_tokens,
        'total_tokens': usage.prompt_tokens + usage.completion_tokens,
    }
    if usage.image_tokens is not None:
        body['prompt_tokens_details'] = {'image_tokens': usage.image_tokens}
    return body
