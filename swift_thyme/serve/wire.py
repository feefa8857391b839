"""The request: OpenAI's chat form with what real clients send beyond it, read into a `Question` and how to sample.

Fields that change nothing of an answer are ignored; those that would, and cannot be obeyed, are refused by name.
`max_tokens` is a hint with a floor, because clients that expect a bare answer send 16 and a trajectory needs its
rounds; `stop` is applied to the answer, because reasoning is full of such strings.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from .. import protocol
from ..engines import Message, Sampling
from ..infer import Question
from .errors import ApiError
from .pictures import Picture, PictureRules, read_reference

LONE_SURROGATE = re.compile('[\ud800-\udfff]')
_ESCAPED_SURROGATE = re.compile(rb'\\u[dD][89a-fA-F]')
"""Half of a character may be among them, of which msgspec does not say where it stands."""
_PICTURE_KEYS = ('image_url', 'image', 'input_image')
_NOT_SERVED = ('audio', 'audio_url', 'input_audio', 'video', 'video_url', 'file', 'input_file')
_MOST_SEED = 1 << 63
_MOST_STOPS = 64
_CHARS_OF_A_MESSAGE = 100
"""What a message counts besides its text."""
_LEAST_TEMPERATURE = 1e-3
_NO_LOGPROBS = 'log-probabilities: an answer comes after rounds of text and code; leave it out'
_NOT_OBEYED = {
    **dict.fromkeys(
        ('tools', 'functions', 'tool_choice', 'function_call'),
        'tools of a client: the model has its own sandbox; leave it out',
    ),
    'response_format': "a form for the answer: the model's turn holds thoughts and code that no grammar fits; ask for "
    'the form in words, and read `content`',
    **dict.fromkeys(('logprobs', 'top_logprobs', 'prompt_logprobs'), _NO_LOGPROBS),
    **dict.fromkeys(
        ('guided_json', 'guided_regex', 'guided_choice', 'guided_grammar', 'structured_outputs'),
        'guided decoding; leave it out',
    ),
    **dict.fromkeys(
        ('presence_penalty', 'frequency_penalty', 'logit_bias', 'min_p', 'min_tokens', 'ignore_eos', 'stop_token_ids',
         'bad_words', 'allowed_token_ids', 'best_of', 'use_beam_search', 'logits_processors'),
        'this way of sampling; leave it out',
    ),
    **dict.fromkeys(
        ('chat_template', 'documents', 'mm_processor_kwargs', 'truncate_prompt_tokens'),
        'another form of the prompt; leave it out',
    ),
    **dict.fromkeys(
        ('continue_final_message', 'echo'), 'prefill, a turn of the assistant that is begun by the client; leave it out'
    ),
    **dict.fromkeys(('audio', 'modalities'), 'sound; leave it out'),
    'prompt': 'a bare prompt; send messages',
}  # fmt: skip
"""Fields that would change the meaning of a reply, and what of them this server does not have."""
_DEFAULTS = (('best_of', 1), *((name, how) for name in ('tool_choice', 'function_call') for how in ('none', 'auto')))
_HARMLESS: tuple[Any, ...] = (None, False, 0, '', [], {}, {'type': 'text'}, ['text'])


def _temperature(value: Any) -> Any:
    if isinstance(value, (int, float)) and 0 < value < _LEAST_TEMPERATURE:
        raise ValueError(f'must be 0, which is greedy, or at least {_LEAST_TEMPERATURE}')
    return value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class _MessageBody(BaseModel):
    model_config = ConfigDict(extra='ignore')
    role: Literal['system', 'developer', 'user', 'assistant', 'tool', 'function']
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    tool_calls: list[dict[str, Any]] | None = None


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
    max_tokens: int | None = Field(None, ge=1, strict=True)
    max_completion_tokens: int | None = Field(None, ge=1, strict=True)
    temperature: Annotated[float | None, BeforeValidator(_temperature)] = Field(None, ge=0, le=2, strict=True)
    top_p: float | None = Field(None, ge=1e-4, le=1, strict=True)
    top_k: int | None = Field(None, ge=-1, lt=1 << 31, strict=True)
    """-1, as vLLM has it, and 0: all tokens."""
    repetition_penalty: float | None = Field(None, ge=0.1, le=10, strict=True)
    seed: int | None = Field(None, ge=-_MOST_SEED, lt=_MOST_SEED, strict=True)
    n: int | None = Field(None, strict=True)
    stop: Annotated[list[str], Field(max_length=_MOST_STOPS), BeforeValidator(_listed)] | None = None
    stream: bool | None = Field(False, strict=True)
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
class ReadRequest:
    """A body that was read: its fields without the pictures' bytes, which lie in files."""

    body: ChatBody
    """Without its messages."""
    messages: tuple[Message, ...]
    pictures: list[Picture]


def read_request(source: bytes | Path, rules: PictureRules, folder: Path, most_chars: int) -> ReadRequest:
    """Reads a body; runs in a process of the intake.

    Args:
        source: the body, or the file that has it.
        rules: for pictures.
        folder: where pictures are put.
        most_chars: of all texts together.

    Raises:
        ApiError: it is no JSON, a field cannot be used, a text is too long, a picture is not taken (400).
    """
    body = parse(source if isinstance(source, bytes) else source.read_bytes())
    reader = _Reader(list(body.images), rules, folder, most_chars)
    messages = _merged([reader.message(i, message) for i, message in enumerate(body.messages)])
    reader.finish()
    return ReadRequest(body.model_copy(update={'messages': [], 'images': []}), tuple(messages), reader.pictures)


def parse(raw: bytes) -> ChatBody:
    """Reads the fields of a body.

    Raises:
        ApiError: it is no JSON, or a field has a value that cannot be used (400).
    """
    try:
        value = json.loads(raw) if _ESCAPED_SURROGATE.search(raw) else msgspec.json.decode(raw)
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
    for name, what in _NOT_OBEYED.items():
        given = value.get(name)
        is_default = (name, given) in _DEFAULTS or (name == 'tools' and value.get('tool_choice') == 'none')
        if given not in _HARMLESS and not is_default:
            raise ApiError(400, f'{name}: this server does not offer {what}', code='unsupported_parameter', param=name)
    if body.messages[-1].role not in ('user', 'tool', 'function'):
        told = ': prefill, a turn that the client begins, is not offered' * (body.messages[-1].role == 'assistant')
        raise ApiError(
            400, f"the last message must be the user's, got {body.messages[-1].role}{told}", param='messages'
        )
    return body


def _merged(messages: list[Message]) -> list[Message]:
    """Neighbours of one role as one message, as the model's own form has it.

    Raises:
        ApiError: an assistant speaks first (400).
    """
    merged: list[Message] = []
    for message in messages:
        if merged and merged[-1].role == message.role != 'system':
            message = Message(message.role, f'{merged.pop().content}\n\n{message.content}')
        merged.append(message)
    spoken = [message.role for message in merged if message.role != 'system']
    if spoken[0] != 'user':
        raise ApiError(400, "the first message after the system's must be the user's", param='messages')
    return merged


def understand(read: ReadRequest, pictures: tuple[Path, ...], defaults: Sampling, most_tokens: int) -> ChatRequest:
    """Puts the question together.

    Args:
        read: the request.
        pictures: where its pictures lie, in order.
        defaults: sampling where the client says nothing; its `max_tokens` are also the fewest.
        most_tokens: that a client may ask for.
    """
    body, messages = read.body, read.messages
    return ChatRequest(
        Question(messages[-1].content, pictures, messages[:-1]),
        _sampling(body, defaults, most_tokens),
        tuple(filter(None, body.stop or ())),
        bool(body.stream),
        body.stream_options is not None and body.stream_options.include_usage,
        body.thyme is None or body.thyme.tools,
        body.thyme is not None and body.thyme.events,
    )


def _sampling(body: ChatBody, defaults: Sampling, most_tokens: int) -> Sampling:
    asked = body.max_completion_tokens or body.max_tokens
    said = {
        name: value
        for name in ('temperature', 'top_p', 'top_k', 'repetition_penalty', 'seed')
        if (value := getattr(body, name)) is not None
    }
    if 'top_k' in said:
        said['top_k'] = max(said['top_k'], 0)
    tokens = max(defaults.max_tokens, min(asked or 0, most_tokens))
    return replace(defaults, max_tokens=tokens, **said)


class _Reader:
    """Turns the messages' content into texts with a place for each picture, and lists the pictures."""

    def __init__(self, beside: list[str], rules: PictureRules, folder: Path, most_chars: int) -> None:
        self._beside = beside
        self._rules, self._folder = rules, folder
        self._most_chars = self._chars_left = most_chars
        self._taken = 0
        self.pictures: list[Picture] = []
        """In the order of their places."""

    def message(self, i: int, message: _MessageBody) -> Message:
        self._chars_left -= _CHARS_OF_A_MESSAGE
        content = message.content or ''
        if isinstance(content, str):
            text = self._text(content)
        else:
            text = ''.join(self._part(part, f'messages.{i}.content.{j}') for j, part in enumerate(content))
        if message.role in ('tool', 'function'):
            head = self._text(f'Result of the tool {message.name or ""}'.rstrip())
            return Message('user', f'{head}:\n{text}')
        calls = [self._text(json.dumps(call.get('function', call))) for call in message.tool_calls or ()]
        text = '\n'.join([*filter(None, [text]), *(f'Call of a tool: {call}' for call in calls)])
        return Message('system' if message.role == 'developer' else message.role, text)

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
        self._chars_left -= len(text)
        if self._chars_left < 0:
            message = f'the texts have more than the {self._most_chars} characters that this server takes; shorten them'
            raise ApiError(400, message, code='context_length_exceeded', param='messages')
        if LONE_SURROGATE.search(text):
            raise ApiError(400, 'a text has half of a surrogate pair, which is no character', param='messages')
        if not self._beside:
            return protocol.neutralize_prompt(text)
        pieces = text.split(protocol.IMAGE_TAG)
        for _ in pieces[1:]:
            if self._taken < len(self._beside):
                self._picture(self._beside[self._taken], f'images.{self._taken}')
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
            self._picture(reference.strip(), param)
            return protocol.IMAGE_TAG
        if kind == 'refusal' and isinstance(part.get('refusal'), str):
            return self._text(part['refusal'])
        if kind in _NOT_SERVED:
            raise ApiError(400, f'{param} is {kind}; this model takes pictures and text', param=param)
        raise ApiError(400, f'{param} has type {kind!r}; expected text or image_url', param=param)

    def _picture(self, reference: str, param: str) -> None:
        if len(self.pictures) >= self._rules.most:
            raise ApiError(400, f'too many pictures; this server takes at most {self._rules.most} a request')
        path = self._folder / f'{len(self.pictures) + 1:02d}'
        self.pictures.append(read_reference(reference, param, self._rules, path))
