"""The server as an ASGI application: the routes, and what they share."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..infer import Thinker
from .admission import Admission, BoundedSandbox
from .chat import Chat, House
from .errors import ApiError
from .metrics import Metrics
from .pictures import PictureDesk
from .settings import ServeSettings


def make_app(thinker: Thinker, settings: ServeSettings | None = None) -> Starlette:
    """The application that serves one model.

    Args:
        thinker: answers; its engine and sandbox are closed with the application.
        settings: of the server; by default those of `ServeSettings`.
    """
    settings = settings or ServeSettings()
    sandbox = BoundedSandbox(thinker.sandbox, settings.snippets)
    bounded = Thinker(thinker.engine, settings=thinker.settings, sandbox=sandbox)
    temporary = tempfile.TemporaryDirectory(prefix='thyme-serve-')
    house = House(
        thinker=bounded,
        settings=settings,
        admission=Admission(settings.running, settings.waiting),
        metrics=Metrics(),
        desk=PictureDesk(settings.pictures),
        folder=Path(temporary.name),
        names=settings.names or (thinker.engine.name or 'model',),
        intake=asyncio.Semaphore(settings.intake),
    )
    _watch(house, sandbox)

    @asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        yield
        await bounded.aclose()
        await sandbox.aclose()
        temporary.cleanup()

    pages = _Pages(house, sandbox)
    app = Starlette(
        routes=[
            Route('/v1/chat/completions', Chat(house), methods=['POST']),
            Route('/v1/models', pages.models),
            Route('/v1/models/{name:path}', pages.model),
            Route('/health', pages.health),
            Route('/metrics', pages.metrics),
        ],
        exception_handlers={ApiError: _api_error, HTTPException: _http_error},
        lifespan=life,
    )
    app.state.house, app.state.sandbox = house, sandbox
    return app


def _watch(house: House, sandbox: BoundedSandbox) -> None:
    admission = house.admission
    house.metrics.watch('thyme_requests_running', 'Requests being answered', lambda: admission.running)
    house.metrics.watch('thyme_requests_admitted', 'Requests let in, waiting ones too', lambda: admission.admitted)
    house.metrics.watch('thyme_sandbox_sessions', 'Open sandbox sessions', lambda: sandbox.open_sessions)


class _Pages:
    """The small endpoints."""

    def __init__(self, house: House, sandbox: BoundedSandbox) -> None:
        self._house, self._sandbox = house, sandbox
        self._created = int(time.time())

    async def models(self, request: Request) -> Response:
        """`GET /v1/models`."""
        self._house.check_key(request)
        return JSONResponse({'object': 'list', 'data': [self._model(name) for name in self._house.names]})

    async def model(self, request: Request) -> Response:
        """`GET /v1/models/NAME`."""
        self._house.check_key(request)
        name = request.path_params['name']
        self._house.check_model(name)
        return JSONResponse(self._model(name))

    def _model(self, name: str) -> dict[str, object]:
        return {'id': name, 'object': 'model', 'created': self._created, 'owned_by': 'swift-thyme'}

    async def health(self, request: Request) -> Response:
        """`GET /health`: 200 as long as the server answers; needs no key."""
        admission = self._house.admission
        return JSONResponse(
            {
                'status': 'ok',
                'model': self._house.names[0],
                'running': admission.running,
                'waiting': admission.admitted - admission.running,
                'sandbox_sessions': self._sandbox.open_sessions,
            }
        )

    async def metrics(self, request: Request) -> Response:
        """`GET /metrics`: for Prometheus; needs no key."""
        return Response(self._house.metrics.text(), media_type='text/plain; version=0.0.4')


async def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return JSONResponse(error.body, error.status, headers=error.headers)


async def _http_error(request: Request, error: Exception) -> Response:
    """A path or method that is not there, in OpenAI's form."""
    assert isinstance(error, HTTPException)
    body = ApiError(error.status_code, f'{request.method} {request.url.path}: {error.detail}').body
    return JSONResponse(body, error.status_code, headers=error.headers)
