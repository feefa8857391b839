"""Who answers: a model in this process, or a `thyme serve` at an address. Both tell what happens as it happens."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx

from ... import protocol
from ...engines.openai_url import events
from ...errors import ConfigError, EngineError
from ...infer import CodeStarted, Event, SandboxReplied, Stopped, TextDelta, Thinker
from ...infer.events import TextSplitter
from ...picture import data_url, save, size
from ...types import Outcome, SandboxImage, SandboxResult, StopReason

OnEvent = Callable[[Event], None]
_TIMEOUT_S = 600.0
"""Longest silence of a server; a queued request may wait."""


class Source(Protocol):
    """Answers questions."""

    @property
    def name(self) -> str:
        """Of the model, for the page."""
        ...

    async def answer(self, question: str, images: Sequence[Path], on_event: OnEvent, folder: Path) -> str:
        """Answers one question; cancelling frees everything that it holds.

        Args:
            question: the user's words.
            images: the pictures' files.
            on_event: called with what happens; `Stopped` is the last event.
            folder: where pictures that code returns are put.

        Returns:
            What failed, for people; empty when nothing did.

        Raises:
            ThymeError: the question cannot be asked.
        """
        ...


@dataclass
class Local:
    """A model in this process."""

    thinker: Thinker
    tools: bool = True
    """False: prompts without tools, and no code is run."""

    @property
    def name(self) -> str:
        """Of the model."""
        return self.thinker.engine.name

    async def answer(self, question: str, images: Sequence[Path], on_event: OnEvent, folder: Path) -> str:
        """See `Source`."""
        reply = await self.thinker.answer(question, images, on_event=on_event, output_dir=folder, tools=self.tools)
        return reply.error


@dataclass
class Remote:
    """A `thyme serve`."""

    base_url: str
    """Up to and including `/v1`."""
    api_key: str = ''
    name: str = ''

    @classmethod
    def connect(cls, base_url: str, api_key: str = '') -> Remote:
        """Asks the server which model it has.

        Raises:
            ConfigError: no server answers there.
        """
        remote = cls(base_url.rstrip('/'), api_key)
        try:
            with httpx.Client(headers=remote._headers, timeout=10.0) as client:
                reply = client.get(f'{remote.base_url}/models').raise_for_status()
                remote.name = str(reply.json()['data'][0]['id'])
        except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
            raise ConfigError(
                f'no server answers at {base_url}: {error}; start one with `thyme serve` and give its address with /v1'
            ) from error
        return remote

    @property
    def _headers(self) -> dict[str, str]:
        return {'authorization': f'Bearer {self.api_key}'} if self.api_key else {}

    async def answer(self, question: str, images: Sequence[Path], on_event: OnEvent, folder: Path) -> str:
        """See `Source`. Leaving the stream early makes the server stop and close its session."""
        content: list[dict[str, Any]] = [{'type': 'image_url', 'image_url': {'url': data_url(i)}} for i in images]
        body = {
            'model': self.name,
            'messages': [{'role': 'user', 'content': [*content, {'type': 'text', 'text': question}]}],
            'stream': True,
            'thyme': {'events': True},
        }
        reader = _StreamReader(on_event, folder)
        try:
            async with (
                httpx.AsyncClient(headers=self._headers, timeout=_TIMEOUT_S) as client,
                client.stream('POST', f'{self.base_url}/chat/completions', json=body) as reply,
            ):
                if reply.status_code != httpx.codes.OK:
                    return f'the server refused: {reply.status_code} {_message(await reply.aread())}'
                async for chunk in events(reply):
                    reader.feed(chunk)
        except httpx.HTTPError as error:
            raise EngineError(f'the server at {self.base_url} failed: {type(error).__name__}: {error}') from error
        reader.end()
        return reader.error


class _StreamReader:
    """Makes events of the chunks of one reply."""

    def __init__(self, on_event: OnEvent, folder: Path) -> None:
        self._show, self._folder = on_event, folder
        self._splitter, self._round = TextSplitter(), ''
        self._answer = ''
        self._summary: dict[str, Any] = {}
        self.error = ''

    def feed(self, chunk: dict[str, Any]) -> None:
        """Takes one chunk."""
        self._summary |= chunk.get('thyme') or {}
        if isinstance(chunk.get('error'), dict):
            self.error = str(chunk['error'].get('message') or chunk['error'])
        delta = (chunk.get('choices') or [{}])[0].get('delta') or {}
        self._answer += delta.get('content') or ''
        event = chunk.get('thyme_event')
        if isinstance(event, dict):
            self._replied(event, str(delta.get('reasoning_content') or ''))
        elif delta.get('reasoning_content'):
            self._said(delta['reasoning_content'])

    def end(self) -> None:
        """The stream is over."""
        self._flush()
        known = self._summary.get('stop_reason')
        reason = StopReason(known) if known in {r.value for r in StopReason} else StopReason.ERROR
        answer = self._answer if self._summary.get('answered') else None
        self._show(Stopped(reason, answer))

    def _said(self, text: str) -> None:
        self._round += text
        for part in self._splitter.feed(text):
            self._show(TextDelta(part.text, part.kind))
        code = protocol.code_at_end(self._round)
        if code is not None:
            self._flush()
            self._show(CodeStarted(code))

    def _flush(self) -> None:
        for part in self._splitter.end():
            self._show(TextDelta(part.text, part.kind))

    def _replied(self, event: dict[str, Any], output: str) -> None:
        result = SandboxResult(
            Outcome(event.get('outcome') or Outcome.OK.value),
            str(event.get('text') or ''),
            tuple(self._picture(url) for url in event.get('images') or []),
            float(event.get('elapsed_s') or 0.0),
            tuple(event.get('repairs') or ()),
        )
        self._show(SandboxReplied(result, output))
        self._splitter, self._round = TextSplitter(), ''

    def _picture(self, url: str) -> SandboxImage:
        content = base64.b64decode(url.partition(',')[2])
        path = save(content, self._folder)
        return SandboxImage(str(path), *size(path), hashlib.sha256(content).hexdigest())


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)['error']['message'])
    except (ValueError, LookupError, TypeError):
        return body[:300].decode('utf-8', 'replace')
