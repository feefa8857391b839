"""The trainer's side of the zygote backend: one socket, and one thread with an event loop of its own.

Requests go out from any thread, without waiting for it and without a lock; their futures are of `concurrent.futures`,
so that every thread and every event loop can wait for them. All work (limits, decoding, files) happens in the
supervisor's process.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from .. import errors
from ..errors import SandboxError, SandboxUnavailable, SessionDead
from . import wire


class Client:
    """The connection to one supervisor process, which it starts."""

    def __init__(self, setup: dict[str, Any]) -> None:
        """Starts the supervisor without waiting for it.

        Args:
            setup: the fields of `supervisor.server.Setup`.

        Raises:
            SandboxUnavailable: the process cannot be started.
        """
        self._pid = os.getpid()
        self._waiting: dict[int, Future[Any]] = {}
        self._serials = itertools.count(1)
        self._dead = ''
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = _start(theirs.fileno(), setup)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name='thyme-sandbox', daemon=True)
        self._thread.start()
        connect = asyncio.open_connection(sock=self._socket)
        reader, self._writer = asyncio.run_coroutine_threadsafe(connect, self._loop).result()
        asyncio.run_coroutine_threadsafe(self._hear(reader), self._loop)
        self.hello: Future[Any] = self.request('hello')

    @property
    def alive(self) -> bool:
        """Whether requests can be made; False in a forked child of the process that made it."""
        return not self._dead and self._pid == os.getpid()

    def request(self, op: str, **fields: Any) -> Future[Any]:
        """Sends one request; the future gets its value or a `SandboxError`. Never blocks, so finalizers may call it."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        serial = next(self._serials)
        self._waiting[serial] = future
        self.tell(op, id=serial, **fields)
        if not self.alive and self._waiting.pop(serial, None) is not None:
            future.set_exception(SessionDead(self._dead or 'the sandbox belongs to another process'))
        return future

    def tell(self, op: str, **fields: Any) -> None:
        """Sends a message; one without an `id` has no reply. Never blocks."""
        message = wire.frame({'op': op, **fields})
        if self.alive:
            with suppress(RuntimeError):  # closed meanwhile
                self._loop.call_soon_threadsafe(self._writer.write, message)

    def _serve(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        try:
            while (reply := await wire.read_message(reader)) is not None:
                future = self._waiting.pop(reply['id'], None)
                if future is not None:
                    _resolve(future, reply)
        finally:  # whatever happened: nobody waits for ever
            self._dead = self._dead or 'the sandbox process is gone'
            self._writer.close()
            for serial in list(self._waiting):
                future = self._waiting.pop(serial, None)
                if future is not None:
                    future.set_exception(SessionDead(f'{self._dead}; the result is not known'))
            self._loop.call_soon(self._loop.stop)

    def close(self, timeout_s: float = 10.0) -> None:
        """Ends the supervisor with all sessions, and waits for it."""
        if self._pid != os.getpid():
            return
        self._dead = self._dead or 'the sandbox is closed'
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout_s)
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def abandon(self) -> None:
        """In a forked child: lets go of the socket, so that the parent's supervisor sees only the parent."""
        with suppress(OSError):  # the supervisor was gone before, and the socket with it
            os.close(self._socket.detach())


def _start(channel_fd: int, setup: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Starts a supervisor by exec, in a session of its own and with a clean environment."""
    environment = {
        'HOME': '/nonexistent',
        'LANG': 'C.UTF-8',
        'PATH': '/usr/bin:/bin',
        'PYTHONDONTWRITEBYTECODE': '1',
        'PYTHONPATH': os.pathsep.join(os.path.abspath(p) for p in sys.path if p and os.path.isdir(p)),
    }
    package_root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    environment['PYTHONPATH'] = package_root + os.pathsep + environment['PYTHONPATH']
    try:
        process = subprocess.Popen(
            [sys.executable, '-m', 'swift_thyme.sandbox.supervisor', str(channel_fd)],
            pass_fds=[channel_fd],
            env=environment,
            cwd='/',
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(setup).encode())
        process.stdin.close()
    except OSError as error:
        raise SandboxUnavailable(f'the sandbox process cannot be started: {error}') from error
    return process


def _resolve(future: Future[Any], reply: dict[str, Any]) -> None:
    if 'error' in reply:
        kind = getattr(errors, reply['error'], SandboxError)
        future.set_exception(kind(reply['text']))
    else:
        future.set_result(reply.get('value'))
