"""The trainer's side of the zygote backend: one socket, one small thread, bound to no event loop.

Requests go out from the caller's thread without blocking; one daemon thread reads replies and resolves
`concurrent.futures` futures, which any event loop or thread can wait for. All work (limits, decoding, files) happens
in the supervisor's process.
"""

from __future__ import annotations

import itertools
import json
import os
import select
import socket
import subprocess
import sys
import threading
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from .. import errors
from ..errors import SandboxError, SandboxUnavailable, SessionDead
from . import wire

_START_TIMEOUT_S = 90.0


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
        self._lock = threading.Lock()
        self._waiting: dict[int, Future[Any]] = {}
        self._outgoing: deque[bytes] = deque()
        self._backlog = bytearray()
        self._serials = itertools.count(1)
        self._dead = ''
        self._socket, theirs = socket.socketpair()
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        with theirs:
            self._process = _start(theirs.fileno(), setup)
        self._socket.setblocking(False)
        self._thread = threading.Thread(target=self._serve, name='thyme-sandbox', daemon=True)
        self._thread.start()
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
        if self.alive:
            self._deliver(wire.frame({'id': serial, 'op': op, **fields}))
        if not self.alive and self._waiting.pop(serial, None) is not None:
            future.set_exception(SessionDead(self._dead or 'the sandbox belongs to another process'))
        return future

    def tell(self, op: str, **fields: Any) -> None:
        """Sends a message that has no reply. Never blocks."""
        if self.alive:
            self._deliver(wire.frame({'op': op, **fields}))

    def _deliver(self, *frames: bytes) -> None:
        """Sends frames in order, or leaves them to whoever is sending: another thread, or this one further up.

        The latter happens when garbage is collected while it sends, and a session is among it.
        """
        self._outgoing.extend(frames)
        while self._outgoing and self._lock.acquire(blocking=False):
            try:
                while self._outgoing:
                    self._send(self._outgoing.popleft())
            finally:
                self._lock.release()

    def _send(self, data: bytes) -> None:
        sent = 0
        if not self._backlog:
            try:
                sent = self._socket.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                return
        if sent < len(data) and not self._dead:
            self._backlog += data[sent:]
            self._wake()

    def _wake(self) -> None:
        with suppress(BlockingIOError):
            os.write(self._wake_write, b'.')

    def _serve(self) -> None:
        unframer = wire.Unframer()
        poll = select.poll()
        poll.register(self._wake_read, select.POLLIN)
        while True:
            poll.register(self._socket, select.POLLIN | (select.POLLOUT if self._backlog else 0))
            ready = dict(poll.poll())
            if self._wake_read in ready:
                os.read(self._wake_read, 4096)
                if self._dead:
                    break
            if ready.get(self._socket.fileno(), 0) & select.POLLOUT:
                self._flush()
            if ready.get(self._socket.fileno(), 0) & ~select.POLLOUT and not self._hear(unframer):
                break
        self._finish('the sandbox process is gone')

    def _flush(self) -> None:
        with self._lock, suppress(OSError):
            del self._backlog[: self._socket.send(self._backlog)]
        self._deliver()

    def _hear(self, unframer: wire.Unframer) -> bool:
        try:
            data = self._socket.recv(1 << 18)
        except BlockingIOError:
            return True
        except OSError:
            return False
        for reply in unframer.feed(data):
            future = self._waiting.pop(reply['id'], None)
            if future is not None:
                _resolve(future, reply)
        return bool(data)

    def _finish(self, reason: str) -> None:
        with self._lock:
            self._dead = self._dead or reason
            self._socket.close()
            os.close(self._wake_read)
            os.close(self._wake_write)
        for serial in list(self._waiting):
            future = self._waiting.pop(serial, None)
            if future is not None:
                future.set_exception(SessionDead(f'{self._dead}; the result is not known'))

    def close(self, timeout_s: float = 10.0) -> None:
        """Ends the supervisor with all sessions, and waits for it."""
        with self._lock:
            if self._pid != os.getpid():
                return
            if not self._dead:
                self._dead = 'the sandbox is closed'
                self._wake()
        self._thread.join(timeout_s)
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def abandon(self) -> None:
        """In a forked child: lets go of the descriptors, so that the parent's supervisor sees only the parent."""
        for fd in (self._socket.fileno(), self._wake_read, self._wake_write):
            with suppress(OSError):
                os.close(fd)
        self._socket.detach()


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
