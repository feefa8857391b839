"""A judge made of sockets: answers after a latency, and fails in every way a server can. Also runs as a process."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

VERDICT = json.dumps({'Correctness': 1})


def reply(content: str = VERDICT, count: int = 1) -> bytes:
    """The body of a chat completion."""
    choice = {'index': 0, 'message': {'role': 'assistant', 'content': content}, 'finish_reason': 'stop'}
    return json.dumps({'object': 'chat.completion', 'model': 'stub', 'choices': [choice] * count}).encode()


def http(status: str = '200 OK', body: bytes = b'', headers: str = '') -> bytes:
    """A whole HTTP reply."""
    head = f'HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n'
    return head.encode() + body


class Hang:
    """Never answer."""


class Reset:
    """Drop the connection without a word."""


class Half:
    """Promise a body, send half of it, hang up."""


class Endless:
    """Send a body that does not end."""


Action = bytes | type
Behaviour = Callable[[int, dict], Action]
"""(number of the chat request, its JSON body) → what to do."""


class StubJudge:
    """Serves in a thread of its own; `requests` holds every chat request's body."""

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        latency_s: float = 0.0,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.behaviour = behaviour or (lambda n, body: http(body=reply(count=body.get('n', 1))))
        self.latency_s = latency_s
        self._tls = tls
        self.requests: list[dict] = []
        self.heads: list[str] = []
        self.sent_bytes = 0
        self.port = port
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self.port}/v1'

    def __enter__(self) -> StubJudge:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        if self._loop.is_running():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._connection, '127.0.0.1', self.port, backlog=512, reuse_port=False, ssl=self._tls)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b'\r\n\r\n')).decode()
                length = next(
                    (int(h.split(':')[1]) for h in head.split('\r\n') if h.lower().startswith('content-length')), 0
                )
                body = await reader.readexactly(length)
                self.heads.append(head)
                if head.startswith('GET'):
                    models = json.dumps({'object': 'list', 'data': [{'id': 'stub'}]}).encode()
                    writer.write(http(body=models) if 'models' in head else http('404 Not Found'))
                    continue
                request = json.loads(body)
                self.requests.append(request)
                action = self.behaviour(len(self.requests), request)
                if self.latency_s:
                    await asyncio.sleep(self.latency_s)
                if not await self._act(action, writer):
                    break
        with suppress(Exception):
            writer.close()

    async def _act(self, action: Action, writer: asyncio.StreamWriter) -> bool:
        if isinstance(action, bytes):
            writer.write(action)
            await writer.drain()
            return True
        if action is Hang:
            await asyncio.sleep(3600)
        if action is Reset:
            writer.transport.abort()
        if action is Half:
            whole = http(body=reply())
            writer.write(whole[: len(whole) - 20])
            await writer.drain()
        if action is Endless:
            writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n')
            while True:
                writer.write(b'10000\r\n' + b' ' * 0x10000 + b'\r\n')
                self.sent_bytes += 0x10000
                await writer.drain()
        return False


def main() -> None:
    """`python -m tests.rewards.stub_judge LATENCY_S [WAY]`: serves until stdin closes; prints the port."""
    behaviour = None
    if sys.argv[2:]:
        from .test_judge_blame import EIGHT_WAYS, right

        behaviour = EIGHT_WAYS.get(sys.argv[2], right)
    with StubJudge(behaviour, latency_s=float(sys.argv[1])) as stub:
        sys.stdout.write(f'{stub.port}\n')
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == '__main__':
    main()
