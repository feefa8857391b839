"""The request: OpenAI's chat form with what real clients send beyond it, read into a `Question` and how to sample.

Fields it does not know are ignored. `max_tokens` is a hint with a floor, because clients that expect a bare answer send
16 and a trajectory needs its rounds; `stop` is applied to the answer, because reasoning is full of such strings.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .. import protocol
from ..engines import Message, Sampling
from ..infer import Question
from .errors import ApiError
from .pictures import PictureDesk

_LONE_SURROGATE = re.compile('[\ud800-\udfff]')
_PICTURE_KEYS = ('image_url', 'image', 'input_image')
_NOT_SERVED = ('audio', 'audio_url', 'input_audio', 'video', 'video_url')


class _MessageBody(BaseModel):
    model_config = ConfigDict(extra='ignore')
    role: Literal['system', 'developer', 'user', 'assistant']
    content: str | list[dict[str, Any]] | None = None


class _Options(BaseModel):
    model_config = ConfigDict(extra='ignore')
    tools: bool = True
    events: bool = False


class _StreamOptions(BaseModel):
    model_config = ConfigDict(extra='ignore')
    include_usage: bool = False


class ChatBody(BaseModel):
    """The fields of a request that mean something here."""

    model_config = ConfigDict(extra='ignore')
    model: str | None = None
    messages: list[_MessageBody] = Field(min_length=1)
    images: list[str] = []
    """The host's client: pictures for `<image>` in the messages."""
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = None
    repetition_penalty: float | None = Field(None, gt=0)
    seed: int | None = None
    n: int | None = None
    stop: str | list[str] | None = None
    stream: bool | None = False
    stream_options: _StreamOptions | None = None
    thyme: _Options | None = None
    """Ours: `{"tools": false}` asks without tools; `{"events": true}` streams what the sandbox did, with pictures."""


@dataclass(frozen=True)
class ChatRequest:
    """A request, understood."""

    question: Question
    sampling: Sampling
    stop: tuple[str, ...]
    """Where the answer is cut."""
    stream: bool
    include_usage: bool
    tools: bool
    events: bool = False
    """Whether a stream tells what the sandbox did."""


@dataclass(frozen=True)
class TokenBounds:
    """What becomes of a client's `max_tokens`."""

    floor: int = 2048
    """New tokens a round that a client cannot go below; also the default."""
    most: int = 16384


def parse(raw: bytes) -> ChatBody:
    """Reads a body.

    Raises:
        ApiError: it is no JSON, or a field has a value that cannot be used (400).
    """
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f'the body is no JSON: {error}', code='invalid_json') from error
    try:
        body = ChatBody.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = '.'.join(map(str, first['loc'])) or 'body'
        raise ApiError(400, f'{where}: {first["msg"]}', code='invalid_value', param=where) from error
    if body.n not in (None, 1):
        raise ApiError(400, f'n must be 1, got {body.n}: send the request again for a second answer', param='n')
    if body.messages[-1].role != 'user':
        raise ApiError(400, f"the last message must be the user's, got {body.messages[-1].role}", param='messages')
    return body


async def understand(
    body: ChatBody, desk: PictureDesk, folder: Path, defaults: Sampling, bounds: TokenBounds
) -> ChatRequest:
    """Fetches the pictures and puts the question together.

    Args:
        body: a parsed body.
        desk: takes the pictures.
        folder: where they are put.
        defaults: sampling where the client says nothing.
        bounds: of `max_tokens`.

    Raises:
        ApiError: a picture or a part of a message cannot be used (400).
    """
    reader = _Reader(list(body.images))
    messages = [reader.message(i, message) for i, message in enumerate(body.messages)]
    reader.finish()
    taken = await desk.take(reader.pictures, folder)
    question = Question(messages[-1].content, taken, tuple(messages[:-1]))
    stop = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    return ChatRequest(
        question,
        _sampling(body, defaults, bounds),
        tuple(s for s in stop if s),
        bool(body.stream),
        body.stream_options is not None and body.stream_options.include_usage,
        body.thyme is None or body.thyme.tools,
        body.thyme is not None and body.thyme.events,
    )


def _sampling(body: ChatBody, defaults: Sampling, bounds: TokenBounds) -> Sampling:
    asked = body.max_completion_tokens or body.max_tokens
    said = {
        name: value
        for name in ('temperature', 'top_p', 'top_k', 'repetition_penalty', 'seed')
        if (value := getattr(body, name)) is not None
    }
    tokens = defaults.max_tokens if asked is None else min(max(asked, bounds.floor), bounds.most)
    return replace(defaults, max_tokens=tokens, **said)


class _Reader:
    """Turns the messages' content into texts with a place for each picture, and lists the pictures."""

    def __init__(self, beside: list[str]) -> None:
        self._beside = beside
        self._taken = 0
        self.pictures: list[tuple[str, str]] = []
        """(reference, part of the request), in the order of their places."""

    def message(self, i: int, message: _MessageBody) -> Message:
        role = 'system' if message.role == 'developer' else message.role
        content = message.content or ''
        if isinstance(content, str):
            return Message(role, self._text(content))
        return Message(role, ''.join(self._part(part, f'messages.{i}.content.{j}') for j, part in enumerate(content)))

    def finish(self) -> None:
        """Refuses pictures beside the messages that no message has a place for."""
        if self._taken != len(self._beside):
            raise ApiError(
                400,
                f'{len(self._beside)} images beside the messages, {self._taken} places for them '
                f'({protocol.IMAGE_TAG}); expected as many',
                param='images',
            )

    def _text(self, text: str) -> str:
        """Words; a tag in them is a place for a picture only where pictures came beside the messages."""
        if _LONE_SURROGATE.search(text):
            raise ApiError(400, 'a text has half of a surrogate pair, which is no character', param='messages')
        if not self._beside:
            return protocol.neutralize_prompt(text)
        pieces = text.split(protocol.IMAGE_TAG)
        for _ in pieces[1:]:
            if self._taken < len(self._beside):
                self.pictures.append((self._beside[self._taken], f'images.{self._taken}'))
            self._taken += 1
        return protocol.IMAGE_TAG.join(map(protocol.neutralize_prompt, pieces))

    def _part(self, part: dict[str, Any], param: str) -> str:
        kind = part.get('type')
        if kind in ('text', 'input_text') and isinstance(part.get('text'), str):
            return self._text(part['text'])
        if kind in _PICTURE_KEYS:
            value = part.get('image_url', part.get('image'))
            reference = value.get('url') if isinstance(value, dict) else value
            if not isinstance(reference, str) or not reference:
                raise ApiError(400, f'{param} names no picture; expected image_url.url', param=param)
            self.pictures.append((reference.strip(), param))
            return protocol.IMAGE_TAG
        if kind in _NOT_SERVED:
            raise ApiError(400, f'{param} is {kind}; this model takes pictures and text', param=param)
        raise ApiError(400, f'{param} has type {kind!r}; expected text or image_url', param=param)
