"""One HTTP exchange with a judge: what is sent, and which failures there are.

Owns the exchange over aiohttp, which the host requires (httpx spends several times its processor time when 64 requests
are under way; `tests/rewards/test_judge_speed.py` holds the bar). How long an exchange may take is the client's
business. Reads no more of a reply than a verdict can need, follows no redirect (the key would go along), and turns
everything that can go wrong into one of two failures.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from time import time
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from ...config import JudgeSettings, shown_address
from ...errors import ConfigError

REPLY_BYTES = 1 << 20
"""Longest reply read, headers not counted."""
CONNECT_S = 10.0
KEEPALIVE_S = 30.0
"""An idle connection is not used again after this time; servers close theirs after a similar one."""
_LOOPBACK = ('localhost', '127.', '::1')


class EndpointFault(Exception):
    """The server, or the way to it, failed. Another address, or a later try, may do better."""

    def __init__(self, cause: str, *, pause_s: float | None = None, spent: int = 0) -> None:
        super().__init__(cause)
        self.pause_s = pause_s
        """How long the server asks to be left alone, seconds; None when it does not say."""
        self.spent = spent
        """In thirds of an attempt: how likely it is that the server failed because of what was asked."""


class RequestRefused(Exception):
    """The server rejects this very request (too long, not allowed, or it does not know `response_format`)."""


@dataclass(frozen=True)
class JudgeReply:
    """One choice of a chat completion."""

    text: str
    cut: bool
    """Whether it ended at the token limit: what it says may not be what it was about to say."""


@dataclass(frozen=True)
class _Target:
    """A server's address as it is called."""

    url: str
    headers: Mapping[str, str]
    proxy: str | None


class Transport:
    """Connections to all addresses of one client; used from one event loop, closed in it."""

    def __init__(self, settings: JudgeSettings) -> None:
        self._settings = settings
        self._targets = {url: _target(url, settings.api_key) for url in settings.addresses}
        self._made: aiohttp.ClientSession | None = None

    async def aclose(self) -> None:
        """Closes every connection."""
        if self._made is not None:
            await self._made.close()

    async def chat(self, url: str, body: dict[str, Any]) -> list[JudgeReply]:
        """Sends one chat completion; returns its choices.

        Raises:
            EndpointFault: no usable reply came.
            RequestRefused: the server rejects the request.
        """
        data = await self._request('POST', url, '/chat/completions', body)
        try:
            replies = [_reply(choice) for choice in data['choices']]
        except (KeyError, TypeError, AttributeError) as error:
            raise EndpointFault(f'the reply is no chat completion: {_short(json.dumps(data))}', spent=1) from error
        if not replies:
            raise EndpointFault(f'the reply has no choice: {_short(json.dumps(data))}', spent=1)
        return replies

    async def first_model(self, url: str) -> str:
        """The name of the first model that a server lists.

        Raises:
            EndpointFault: it lists none.
        """
        data = await self._request('GET', url, '/models', None)
        try:
            return str(data['data'][0]['id'])
        except (KeyError, TypeError, IndexError) as error:
            raise EndpointFault(
                f'{shown_address(url)}/models lists no model: {_short(json.dumps(data))}; set THYME_JUDGE_MODEL'
            ) from error

    async def _request(self, method: str, url: str, path: str, body: dict[str, Any] | None) -> Any:
        target = self._targets[url]
        try:
            async with self._session.request(
                method, target.url + path, json=body, headers=target.headers, proxy=target.proxy, allow_redirects=False
            ) as response:
                text = await _read(response)
        except aiohttp.ClientHttpProxyError as error:
            raise EndpointFault(f'the proxy says HTTP {error.status}: {error.message}') from error
        except (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError, aiohttp.ClientProxyConnectionError) as error:
            raise EndpointFault(f'cannot connect: {error or "no reply"}') from error
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError) as error:
            raise EndpointFault(f'{type(error).__name__}: {error}', spent=1) from error
        if response.status in (400, 413, 422) and body is not None:
            raise RequestRefused(f'HTTP {response.status}: {_short(text)}')
        if response.status != 200:
            where = f' to {response.headers["location"]}' if 'location' in response.headers else ''
            raise EndpointFault(
                f'HTTP {response.status}{where}: {_short(text)}',
                pause_s=_retry_after_s(response.headers),
                spent=int(response.status == 500),
            )
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise EndpointFault(f'the reply is no JSON: {_short(text)}', spent=1) from error

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._made is None:
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_S, ssl=self._tls())
            self._made = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._made

    def _tls(self) -> ssl.SSLContext | bool:
        """Trusts the system's authorities (`SSL_CERT_FILE`, `SSL_CERT_DIR` where set) and `THYME_JUDGE_CA_FILE`."""
        if not any(address.startswith('https') for address in self._settings.addresses):
            return True
        context = ssl.create_default_context()
        if self._settings.ca_file:
            try:
                context.load_verify_locations(self._settings.ca_file)
            except OSError as error:
                raise ConfigError(
                    f'THYME_JUDGE_CA_FILE cannot be used: got {self._settings.ca_file!r}: {error}; expected a PEM file '
                    f'of certificates; correct it'
                ) from error
        return context


def _target(url: str, api_key: str) -> _Target:
    parts = urlsplit(url)
    headers = {'Accept': 'application/json'}
    if parts.username is not None:
        user = f'{unquote(parts.username)}:{unquote(parts.password or "")}'
        headers['Authorization'] = f'Basic {b64encode(user.encode()).decode()}'
    elif api_key:
        headers['Authorization'] = f'Bearer {api_key}'
    host = parts.hostname or ''
    near = host.startswith(_LOOPBACK) or proxy_bypass(host)
    return _Target(shown_address(url), headers, None if near else getproxies().get(parts.scheme))


async def _read(response: aiohttp.ClientResponse) -> str:
    pieces, size = [], 0
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > REPLY_BYTES:
            response.close()
            raise EndpointFault(f'the reply is longer than {REPLY_BYTES} bytes', spent=1)
        pieces.append(piece)
    return b''.join(pieces).decode('utf-8', 'replace')


def _reply(choice: Mapping[str, Any]) -> JudgeReply:
    """One choice; content may be text, a list of parts, or null where the model only reasoned."""
    content = choice['message'].get('content') or ''
    if isinstance(content, list):
        content = ''.join(str(part.get('text') or '') for part in content if part.get('type', 'text') == 'text')
    if not isinstance(content, str):
        raise TypeError(f'content is {type(content).__name__}')
    return JudgeReply(content, choice.get('finish_reason') == 'length')


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
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
