"""One HTTP exchange with a judge: what is sent, and which failures there are.

Owns the exchange; how long it may take is the client's business, sockets are `connections`'. Reads no more of a reply
than a verdict can need, follows no redirect (the key would go along), and turns everything that can go wrong into one
of three failures.
"""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime
from time import time
from typing import Any

import h11
import httpx

from ...config import JudgeSettings
from .connections import BrokenExchange, Connection, Reply, ReplyTooLong

REPLY_BYTES = 1 << 20
"""Longest reply read, headers not counted."""


class EndpointFault(Exception):
    """The server, or the way to it, failed. Another address, or a later try, may do better."""

    def __init__(self, cause: str, pause_s: float | None = None) -> None:
        super().__init__(cause)
        self.pause_s = pause_s
        """How long the server asks to be left alone, seconds; None when it does not say."""


class SchemaRefused(Exception):
    """The server does not know `response_format`; the same request without it may pass."""


class QuestionRefused(Exception):
    """The server rejects this very request (too long, not allowed); sending it again will not help."""


class _Server:
    """What is the same for every request to one server, and its idle connections, the last used on top."""

    def __init__(self, url: httpx.URL, headers: list[tuple[str, str]]) -> None:
        self.url = url
        self.headers = [('Host', url.netloc.decode()), *headers]
        self.idle: list[Connection] = []


class Transport:
    """Connections to all addresses of one client; used from one event loop, closed in it."""

    def __init__(self, settings: JudgeSettings) -> None:
        self._headers = [('Content-Type', 'application/json'), ('Accept', 'application/json')]
        if settings.api_key:
            self._headers.append(('Authorization', f'Bearer {settings.api_key}'))
        secure = any(address.startswith('https') for address in settings.addresses)
        self._tls = httpx.create_ssl_context(trust_env=False) if secure else None
        self._servers: dict[str, _Server] = {}
        self._closed = False

    def close(self) -> None:
        """Closes every connection that is idle, and the others when they become so."""
        self._closed = True
        for server in self._servers.values():
            while server.idle:
                server.idle.pop().abort()

    async def chat(self, url: str, body: dict[str, Any]) -> list[str]:
        """Sends one chat completion; returns the texts of its choices.

        Raises:
            EndpointFault: no usable reply came.
            SchemaRefused: the server rejects the request, which has a `response_format`.
            QuestionRefused: the server rejects the request, which has none.
        """
        data = await self._request('POST', url + '/chat/completions', body)
        try:
            texts = [choice['message']['content'] for choice in data['choices']]
        except (KeyError, TypeError, IndexError) as error:
            raise EndpointFault(f'the reply is no chat completion: {_short(json.dumps(data))}') from error
        if not texts or not all(isinstance(text, str) for text in texts):
            raise EndpointFault(f'the reply has no text: {_short(json.dumps(data))}')
        return texts

    async def first_model(self, url: str) -> str:
        """The name of the first model that a server lists.

        Raises:
            EndpointFault: it lists none.
        """
        data = await self._request('GET', url + '/models', None)
        try:
            return str(data['data'][0]['id'])
        except (KeyError, TypeError, IndexError) as error:
            raise EndpointFault(
                f'{url}/models lists no model: {_short(json.dumps(data))}; set THYME_JUDGE_MODEL'
            ) from error

    async def _request(self, method: str, url: str, body: dict[str, Any] | None) -> Any:
        try:
            reply = await self._exchange(method, url, b'' if body is None else json.dumps(body).encode())
        except (BrokenExchange, ReplyTooLong) as error:
            raise EndpointFault(str(error)) from error
        text = reply.body.decode('utf-8', 'replace')
        if reply.status in (400, 413, 422) and body is not None:
            kind = SchemaRefused if 'response_format' in body else QuestionRefused
            raise kind(f'HTTP {reply.status}: {_short(text)}')
        if reply.status != 200:
            where = f' to {reply.headers["location"]}' if 'location' in reply.headers else ''
            raise EndpointFault(f'HTTP {reply.status}{where}: {_short(text)}', _retry_after_s(reply.headers))
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise EndpointFault(f'the reply is no JSON: {_short(text)}') from error

    async def _exchange(self, method: str, url: str, content: bytes) -> Reply:
        server = self._servers.get(url)
        if server is None:
            server = self._servers[url] = _Server(httpx.URL(url), self._headers)
        connection = None
        while server.idle and connection is None:
            connection = server.idle.pop()
            if not connection.usable:
                connection.abort()
                connection = None
        connection = connection or await Connection.open(server.url, self._tls)
        headers = [*server.headers, ('Content-Length', str(len(content)))]
        try:
            head = h11.Request(method=method, target=server.url.raw_path, headers=headers)
            reply = await connection.exchange(head, content, REPLY_BYTES)
        except BaseException:
            connection.abort()
            raise
        if self._closed or not connection.usable:
            connection.abort()
        else:
            server.idle.append(connection)
        return reply


def _retry_after_s(headers: httpx.Headers) -> float | None:
    value = headers.get('retry-after', '').strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time()
        except ValueError:
            return None
    return min(max(seconds, 0.0), 120.0)


def _short(text: str) -> str:
    text = ' '.join(text.split())
    return text if len(text) <= 160 else text[:160] + '…'
