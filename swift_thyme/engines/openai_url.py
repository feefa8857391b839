"""Any server with OpenAI's chat API that can go on with an assistant message (vLLM, SGLang).

The assistant turn so far is sent as the last message with `continue_final_message`; pictures that code returned are
image parts inside it, as in training. vLLM takes those in messages of any role.

Text goes over the wire, not token ids, so borders between pieces may be tokenized differently from training.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import httpx

from .. import protocol
from ..errors import ContextFull, EngineError
from ..loop import LoopThread
from ..picture import data_url
from ..types import SegmentKind, Usage
from .base import Conversation, Engine, FinishReason, Generation, Sampling, on_this_loop

_UNFORESEEN = (LookupError, TypeError, ValueError, AttributeError)
"""What reading a reply in another form than OpenAI's raises."""
_TRY_AGAIN = (429, 502, 503, 504)
_CONTEXT_MARKS = {('code', 'context_length_exceeded'), ('param', 'input_tokens'), ('param', 'input_text')}
"""How an error body of OpenAI and vLLM says that the conversation is too long."""


class UrlEngine(Engine):
    """See the module's docstring and `Engine`."""

    comes_back = True

    def __init__(
        self,
        *,
        base_url: str,
        model: str = '',
        api_key: str = '',
        timeout_s: float = 600.0,
        attempts: int = 3,
    ) -> None:
        """
        Args:
            base_url: up to and including `/v1`.
            model: name the server knows the model by; '' takes the first it lists, at the first use.
            api_key: sent as a bearer token.
            timeout_s: longest silence of the server, seconds.
            attempts: tries of one generation when the server cannot be reached or is busy.
        """
        self.name = model
        self._url = base_url.rstrip('/')
        self._timeout = httpx.Timeout(timeout_s, connect=min(timeout_s, 10.0))
        self._headers = {'Authorization': f'Bearer {api_key}'} if api_key else {}
        self._attempts = attempts
        self._client: httpx.AsyncClient | None = None
        self._loop = LoopThread('thyme-url')

    async def generate(
        self, conversation: Conversation, sampling: Sampling, on_text: Callable[[str], None] | None = None
    ) -> Generation:
        """See `Engine.generate`."""
        return await asyncio.wrap_future(
            self._loop.submit(self._generate(conversation, sampling, on_this_loop(on_text)))
        )

    async def aclose(self) -> None:
        """See `Engine.aclose`."""
        client, self._client = self._client, None
        if client is not None:
            await asyncio.wrap_future(self._loop.submit(client.aclose()))
        self._loop.close()

    def stated(self) -> dict[str, Any]:
        """See `Engine.stated`: the model's name, vLLM's `root` of it, and the policy that a `thyme serve` states."""
        url = f'{self._url}/models'
        try:
            with httpx.Client(timeout=self._timeout, headers=self._headers) as client:
                listed = client.get(url).raise_for_status().json()['data']
                name = self.name or str(listed[0]['id'])
                card: dict[str, Any] = next((one for one in listed if one['id'] == name), {})
                if card.get('owned_by') == 'swift-thyme':
                    card = client.get(f'{url}/{name}').raise_for_status().json()
            return {'id': name, 'root': card.get('root'), 'policy': card.get('thyme', {}).get('policy')}
        except (httpx.HTTPError, httpx.InvalidURL, *_UNFORESEEN) as error:
            if self.name and isinstance(error, httpx.HTTPStatusError):
                return {'id': self.name}
            raise EngineError(
                f'{url} lists no model: {type(error).__name__}: {error}; start it, or name one with --model'
            ) from error

    # On the engine's own loop.

    async def _generate(
        self, conversation: Conversation, sampling: Sampling, show: Callable[[str], None] | None
    ) -> Generation:
        if self._client is None:
            self._client = httpx.AsyncClient(
                timeout=self._timeout, headers=self._headers, limits=httpx.Limits(max_connections=None)
            )
        if not self.name:
            self.name = (await asyncio.to_thread(self.stated))['id']
        body = self._body(conversation, sampling)
        for attempt in range(1, self._attempts + 1):
            reply = _Reply(show)
            try:
                await self._stream(self._client, body, reply)
                return reply.generation()
            except (httpx.TransportError, _Busy) as error:
                if reply.text or attempt == self._attempts:
                    raise EngineError(
                        f'{self._url} gave no complete reply in {attempt} attempts: {type(error).__name__}: {error}; '
                        'check that the server runs and is reachable'
                    ) from error
                await asyncio.sleep(min(2.0**attempt, 15.0) / 2)
            except (httpx.HTTPError, httpx.InvalidURL, *_UNFORESEEN) as error:
                raise EngineError(
                    f'{self._url} gave a reply that cannot be read: {type(error).__name__}: {error}; expected the chat '
                    'API of OpenAI; check the address'
                ) from error
        raise AssertionError('unreachable')

    def _body(self, conversation: Conversation, sampling: Sampling) -> dict[str, Any]:
        body: dict[str, Any] = {
            'model': self.name,
            'messages': messages(conversation),
            'max_tokens': sampling.max_tokens,
            'temperature': sampling.temperature,
            'stop': list(sampling.stop),
            'include_stop_str_in_output': True,
            'no_stop_trim': True,
            'stream': True,
            'stream_options': {'include_usage': True},
        }
        for name in ('top_p', 'top_k', 'repetition_penalty', 'seed'):
            value = getattr(sampling, name)
            if value is not None:
                body[name] = value
        if conversation.rounds:
            body |= {'continue_final_message': True, 'add_generation_prompt': False}
        return body

    async def _stream(self, client: httpx.AsyncClient, body: dict[str, Any], reply: _Reply) -> None:
        async with client.stream('POST', f'{self._url}/chat/completions', json=body) as response:
            if response.status_code != 200:
                raise self._refusal(response.status_code, await response.aread(), body)
            async for event in events(response):
                if 'error' in event:
                    raise EngineError(f'{self._url} failed: {json.dumps(event["error"])[:500]}')
                reply.take(event)
        if reply.finish is None:
            raise httpx.RemoteProtocolError('the stream ended before the reply did')

    def _refusal(self, status: int, content: bytes, body: dict[str, Any]) -> Exception:
        text = content.decode('utf-8', 'replace')[:1000]
        if status in _TRY_AGAIN:
            return _Busy(f'HTTP {status}: {text}')
        try:
            error = json.loads(content)['error']
            marks = {(key, error.get(key)) for key in ('code', 'param')}
        except (ValueError, LookupError, TypeError, AttributeError):
            marks = set()
        if marks & _CONTEXT_MARKS:
            return ContextFull('the conversation is longer than the model reads; shorten it')
        inside = any(m['role'] == 'assistant' and isinstance(m['content'], list) for m in body['messages'])
        hint = '; it may not take pictures in an assistant message: serve the model with vLLM' if inside else ''
        return EngineError(f'{self._url} refused with HTTP {status}: {text}{hint}')


class _Busy(Exception):
    """The server asks to come back later."""


@dataclass
class _Reply:
    """One reply as its events come."""

    show: Callable[[str], None] | None
    text: str = ''
    finish: str | None = None
    stopped_at: Any = None
    """The stop string the server names (vLLM: `stop_reason`, SGLang: `matched_stop`)."""
    names_stop: bool = False
    usage: dict[str, Any] = field(default_factory=dict)

    def take(self, event: dict[str, Any]) -> None:
        self.usage = event.get('usage') or self.usage
        for choice in event.get('choices') or ():
            self._add(choice.get('delta', {}).get('content') or '')
            for key in ('stop_reason', 'matched_stop'):
                if key in choice:
                    self.names_stop, self.stopped_at = True, choice[key]
            self.finish = choice.get('finish_reason') or self.finish

    def _add(self, piece: str) -> None:
        self.text += piece
        if piece and self.show is not None:
            self.show(piece)

    def generation(self) -> Generation:
        """The result, with the stop string put back where the server left it out."""
        if self.finish == 'stop':
            closing = self.stopped_at if self.names_stop else _missing_close(self.text)
            if closing in protocol.STOP_STRINGS and not self.text.rstrip().endswith(closing):
                self._add(closing)
        usage = Usage(
            int(self.usage.get('prompt_tokens') or 0), int(self.usage.get('completion_tokens') or 0), image_tokens=None
        )
        return Generation(self.text, FinishReason.LENGTH if self.finish == 'length' else FinishReason.STOP, usage)


def _missing_close(text: str) -> str | None:
    """The closing tag that a text lacks whose end was cut off at a stop string."""
    parts = protocol.segments(text)
    if parts and parts[-1].kind is SegmentKind.CODE and not parts[-1].text.endswith(protocol.CODE_CLOSE):
        return protocol.CODE_CLOSE
    words = protocol.without_tools(text)
    opened = words.rfind(protocol.ANSWER_OPEN) > words.rfind(protocol.ANSWER_CLOSE)
    return protocol.ANSWER_CLOSE if opened else None


async def events(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """The objects of an event stream, in order.

    Raises:
        EngineError: one is no JSON.
    """
    async for line in response.aiter_lines():
        if line.startswith('data:') and (data := line[5:].strip()) != '[DONE]':
            try:
                event = json.loads(data)
            except ValueError as error:
                raise EngineError(f'the server sent an event that is no JSON: {data[:200]!r}') from error
            if isinstance(event, dict):
                yield event


def messages(conversation: Conversation) -> list[dict[str, Any]]:
    """A conversation in OpenAI's form. Reads the pictures.

    Raises:
        DataError: a picture cannot be read.
    """
    images = iter(conversation.images)
    out: list[dict[str, Any]] = []
    for message in conversation.messages:
        mine = list(islice(images, message.content.count(protocol.IMAGE_TAG)))
        out.append({'role': message.role, 'content': _joined(parts(message.content, mine))})
    turn: list[Any] = []
    for piece in conversation.rounds:
        turn += parts(piece.generation.text, [])
        turn += parts(piece.step.output, [Path(image.path) for image in piece.images])
    if turn:
        out.append({'role': 'assistant', 'content': _joined(turn)})
    return out


def parts(content: str, images: Sequence[Path | bytes]) -> list[dict[str, Any]]:
    """Words and pictures as text and image parts. With no `images` every `<image>` in the text is plain text."""
    if not images:
        return [{'type': 'text', 'text': content}] if content else []
    out: list[dict[str, Any]] = []
    for i, text in enumerate(content.split(protocol.IMAGE_TAG)):
        if i:
            out.append({'type': 'image_url', 'image_url': {'url': data_url(images[i - 1])}})
        if text:
            out.append({'type': 'text', 'text': text})
    return out


def _joined(turn: list[dict[str, Any]]) -> Any:
    """Neighbouring texts as one part; a plain string when there is nothing else."""
    if all(part['type'] == 'text' for part in turn):
        return ''.join(part['text'] for part in turn)
    out: list[dict[str, Any]] = []
    for part in turn:
        if part['type'] == 'text' and out and out[-1]['type'] == 'text':
            out[-1] = {'type': 'text', 'text': out[-1]['text'] + part['text']}
        else:
            out.append(part)
    return out
