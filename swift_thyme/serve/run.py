"""Runs the application until it is told to stop; requests under way are finished first."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from ..errors import ConfigError, EngineError
from .state import ServerState

_BACKLOG = 2048
_HEADER_S = 20.0
"""How long a connection may take to send a request's header."""
_IDLE_S = 60
"""How long uvicorn keeps an idle connection: longer than `_HEADER_S`, and so than clients do, of which httpx (5 s, as
uvicorn's default) would now and then send a request into one that closes."""
_LAST_WORDS_S = 5


class _Server(uvicorn.Server):
    """Listens once engine and sandbox work, and says so; ends requests itself, so that clients are told."""

    def __init__(self, config: uvicorn.Config, state: ServerState, grace_s: int, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._state, self._grace_s, self._on_ready = state, grace_s, on_ready
        self.dead = ''
        """Why there is nothing left to serve with."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await self._state.readiness.start()
        except BaseException:
            await self._state.aclose()
            raise
        self._state.readiness.on_dead = self._die
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        timer = asyncio.get_running_loop().call_later(self._grace_s, self._state.cut_off)
        try:
            await super().shutdown(sockets)
        finally:
            timer.cancel()

    def _die(self, cause: str) -> None:
        self.dead, self.should_exit = cause, True


class _Impatient(AutoHTTPProtocol):  # type: ignore[misc,valid-type]
    """Closes connections that do not send a request's header in time, which uvicorn waits for without an end."""

    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def _watch(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
        self._limit = self.loop.call_later(_HEADER_S, self._close_if_idle)

    def _close_if_idle(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()


def refuse_taken(host: str, port: int) -> None:
    """Ends before a model is loaded where the address cannot be listened on.

    Raises:
        ConfigError: the address cannot be used.
    """
    _listen(host, port).close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=_BACKLOG)
    except OSError as error:
        raise ConfigError(f'cannot listen on {host}:{port}: {error}; choose another --port or --host') from error


def _config(app: Starlette, grace_s: int) -> uvicorn.Config:
    """How uvicorn runs the application."""
    return uvicorn.Config(
        app,
        http=_Impatient,
        log_level='warning',
        access_log=False,
        timeout_keep_alive=_IDLE_S,
        timeout_graceful_shutdown=grace_s + _LAST_WORDS_S,
        lifespan='on',
        backlog=_BACKLOG,
    )


def run_app(app: Starlette, host: str, port: int, *, grace_s: int, on_ready: Callable[[str], None]) -> None:
    """Serves until SIGINT or SIGTERM. New connections are refused then, and requests under way get `grace_s` to end.

    Args:
        app: the application.
        host: address to listen on.
        port: 0 for a free one.
        grace_s: seconds after which requests under way are cut off.
        on_ready: called with the server's URL once it listens.

    Raises:
        ConfigError: the address cannot be used.
        EngineError: the engine does not work any more; requests under way were ended.
        ThymeError: engine or sandbox do not work from the start.
    """
    listener = _listen(host, port)
    url = f'http://{host}:{listener.getsockname()[1]}'
    server = _Server(_config(app, grace_s), app.state.shared, grace_s, lambda: on_ready(url))
    with listener, _quiet_end():
        server.run(sockets=[listener])
    if server.dead:
        raise EngineError(f'{server.dead}; the server has ended, start it again')


@contextmanager
def _quiet_end() -> Iterator[None]:
    """Being told to stop is a regular end: uvicorn raises the signal again once it has stopped, and that is ignored."""
    told = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: None) for number in told}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
