"""A real server on a free port in this process, over the scripted model."""

from __future__ import annotations

import asyncio
import base64
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from swift_thyme.infer import Thinker
from swift_thyme.serve.app import make_app
from swift_thyme.serve.run import _config
from swift_thyme.serve.settings import ServeSettings

from ..infer.scripts import lent


@dataclass
class Running:
    """A server that listens."""

    url: str
    app: Any
    server: uvicorn.Server
    loop: asyncio.AbstractEventLoop

    @property
    def sessions(self) -> int:
        """Open sandbox sessions."""
        return int(self.app.state.sandbox.open_sessions)

    def wait_until_idle(self, timeout_s: float = 20.0) -> None:
        """Waits until no request is under way and no session open."""
        deadline = time.monotonic() + timeout_s
        while self.sessions or self.app.state.shared.admission.admitted:
            assert time.monotonic() < deadline, f'{self.sessions} sessions are still open'
            time.sleep(0.02)

    def post(self, body: Any, **options: Any) -> httpx.Response:
        """One chat request."""
        return httpx.post(f'{self.url}/v1/chat/completions', json=body, timeout=60, **options)


@contextmanager
def listening(thinker: Thinker, **settings: Any) -> Iterator[Running]:
    """A server with the given settings for as long as the block; it closes the thinker."""
    app = make_app(thinker, ServeSettings(**settings))
    config = _config(app, grace_s=15)
    config.port = 0
    server = uvicorn.Server(config)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(server.serve(),), daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Running(f'http://127.0.0.1:{port}', app, server, loop)
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture(scope='package')
def server(thinker: Thinker) -> Iterator[Running]:
    """One server with the default settings, for all tests that neither change nor count anything of it."""
    with listening(lent(thinker)) as found:
        yield found


@pytest.fixture
def serve(thinker: Thinker) -> Iterator[Callable[..., Running]]:
    """A function that starts a server of the test's own; all stop with the test."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(listening(lent(thinker), **settings))


def data_url(picture: Path) -> str:
    """A picture as clients send it."""
    return f'data:image/jpeg;base64,{base64.b64encode(picture.read_bytes()).decode()}'


def question(*pictures: Path | str, text: str = 'Which letter?', **fields: Any) -> dict[str, Any]:
    """A chat request with pictures before the text."""
    urls = [data_url(p) if isinstance(p, Path) else p for p in pictures]
    parts: list[dict[str, Any]] = [{'type': 'image_url', 'image_url': {'url': url}} for url in urls]
    return {'messages': [{'role': 'user', 'content': [*parts, {'type': 'text', 'text': text}]}], **fields}
