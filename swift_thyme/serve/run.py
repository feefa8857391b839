"""Runs the application until it is told to stop; requests under way are finished first."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

from ..errors import ConfigError

_BACKLOG = 2048


class _Announcing(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()


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
    """
    listener = _listen(host, port)
    url = f'http://{host}:{listener.getsockname()[1]}'
    config = uvicorn.Config(
        app, log_level='warning', access_log=False, timeout_graceful_shutdown=grace_s, lifespan='on', backlog=_BACKLOG
    )
    with listener, _quiet_end():
        _Announcing(config, lambda: on_ready(url)).run(sockets=[listener])


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
