"""One HTTP/1.1 connection to a judge: h11 for the protocol, asyncio streams for the bytes.

Owns sockets. httpx's client would do, but spends 1 to 15 ms of processor time on a request when 64 are under way (its
pool looks at every connection for every request, its network layer adds scheduling points to every read), against
replies that take 50 ms; the figures are in docs/dev-log/rewards.md. h11 is the parser that httpx itself uses.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass

import h11
import httpx

CONNECT_S = 10.0
KEEPALIVE_S = 30.0
"""An idle connection is not used again after this time; servers close theirs after a similar one."""
_READ_BYTES = 1 << 16


class BrokenExchange(Exception):
    """The connection failed, or what came is no HTTP."""


class ReplyTooLong(Exception):
    """More than the limit came."""


@dataclass(frozen=True)
class Reply:
    """An HTTP reply, read to its end."""

    status: int
    headers: httpx.Headers
    body: bytes


class Connection:
    """One connection; carries one exchange at a time, and is of no use after an exception."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._protocol = h11.Connection(h11.CLIENT)
        self._idle_since = time.monotonic()

    @classmethod
    async def open(cls, url: httpx.URL, tls: ssl.SSLContext | None) -> Connection:
        """Connects to the server of a URL.

        Raises:
            BrokenExchange: it cannot be reached.
        """
        port = url.port or (443 if url.scheme == 'https' else 80)
        context = tls if url.scheme == 'https' else None
        try:
            return cls(*await asyncio.wait_for(asyncio.open_connection(url.host, port, ssl=context), CONNECT_S))
        except (OSError, asyncio.TimeoutError) as error:
            raise BrokenExchange(f'cannot connect: {error or "no reply"}') from error

    @property
    def usable(self) -> bool:
        """Whether it may carry another request."""
        fresh = time.monotonic() - self._idle_since < KEEPALIVE_S
        return fresh and self._protocol.our_state is h11.IDLE and not self._reader.at_eof()

    def abort(self) -> None:
        """Closes it at once."""
        self._writer.transport.abort()

    async def exchange(self, head: h11.Request, content: bytes, limit_bytes: int) -> Reply:
        """Sends a request and reads its reply.

        Raises:
            BrokenExchange: the connection ended, or what came is no HTTP.
            ReplyTooLong: the body is longer than the limit.
        """
        try:
            data = self._protocol.send(head) or b''
            if content:
                data += self._protocol.send(h11.Data(data=content)) or b''
            self._writer.write(data + (self._protocol.send(h11.EndOfMessage()) or b''))
            await self._writer.drain()
            reply = await self._read(limit_bytes)
        except (OSError, h11.ProtocolError) as error:
            raise BrokenExchange(f'{type(error).__name__}: {error}') from error
        if self._protocol.our_state is h11.DONE and self._protocol.their_state is h11.DONE:
            self._protocol.start_next_cycle()
        self._idle_since = time.monotonic()
        return reply

    async def _read(self, limit_bytes: int) -> Reply:
        status, headers, pieces, size = 0, httpx.Headers(), list[bytes](), 0
        while True:
            event = self._protocol.next_event()
            if event is h11.NEED_DATA:
                data = await self._reader.read(_READ_BYTES)
                if not data and self._protocol.their_state is h11.SEND_RESPONSE:
                    raise BrokenExchange('the server closed the connection without a reply')
                self._protocol.receive_data(data)
            elif isinstance(event, h11.Response):
                status, headers = event.status_code, httpx.Headers(list(event.headers))
            elif isinstance(event, h11.Data):
                size += len(event.data)
                if size > limit_bytes:
                    raise ReplyTooLong(f'the reply is longer than {limit_bytes} bytes')
                pieces.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                return Reply(status, headers, b''.join(pieces))
            elif not isinstance(event, h11.InformationalResponse):
                raise BrokenExchange('the server closed the connection')
