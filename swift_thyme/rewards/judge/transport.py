"""One HTTP exchange with a judge: what is sent, and which failures there are.

Owns httpx. Reads no more of a reply than a verdict can need, follows no redirect (the key would go along), and turns
everything that can go wrong into one of three failures.
"""

from __future__ import annotations

import asyncio
import json
from email.utils import parsedate_to_datetime
from time import time
from typing import Any

import httpx

from ...config import JudgeSettings

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


class Transport:
    """Connections to all addresses of one client; used from one event loop, closed in it."""

    def __init__(self, settings: JudgeSettings) -> None:
        self._settings = settings
        self._clients: dict[str, httpx.AsyncClient] = {}

    async def aclose(self) -> None:
        """Closes every connection."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

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
            status, headers, text = await asyncio.wait_for(self._exchange(method, url, body), self._settings.timeout_s)
        except (asyncio.TimeoutError, httpx.TimeoutException) as error:
            raise EndpointFault(f'no reply within {self._settings.timeout_s:g} s') from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise EndpointFault(f'{type(error).__name__}: {error}'.rstrip(': ')) from error
        if status in (400, 413, 422) and body is not None:
            kind = SchemaRefused if 'response_format' in body else QuestionRefused
            raise kind(f'HTTP {status}: {_short(text)}')
        if status != 200:
            where = f' to {headers["location"]}' if 300 <= status < 400 and 'location' in headers else ''
            raise EndpointFault(f'HTTP {status}{where}: {_short(text)}', _retry_after_s(headers))
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise EndpointFault(f'the reply is no JSON: {_short(text)}') from error

    async def _exchange(self, method: str, url: str, body: dict[str, Any] | None) -> tuple[int, httpx.Headers, str]:
        content = None if body is None else json.dumps(body).encode()
        async with self._client(url).stream(method, url, content=content) as response:
            pieces, size = [], 0
            async for piece in response.aiter_bytes():
                size += len(piece)
                if size > REPLY_BYTES:
                    raise EndpointFault(f'the reply is longer than {REPLY_BYTES} bytes')
                pieces.append(piece)
        return response.status_code, response.headers, b''.join(pieces).decode('utf-8', 'replace')

    def _client(self, url: str) -> httpx.AsyncClient:
        host = '/'.join(url.split('/', 3)[:3])
        if host not in self._clients:
            headers = {'Content-Type': 'application/json', 'Accept-Encoding': 'identity'}
            if self._settings.api_key:
                headers['Authorization'] = f'Bearer {self._settings.api_key}'
            limit = self._settings.concurrency + 8
            self._clients[host] = httpx.AsyncClient(
                headers=headers,
                timeout=httpx.Timeout(self._settings.timeout_s, connect=min(10.0, self._settings.timeout_s)),
                limits=httpx.Limits(max_connections=limit, max_keepalive_connections=limit, keepalive_expiry=60.0),
                follow_redirects=False,
                trust_env=False,
            )
        return self._clients[host]


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
