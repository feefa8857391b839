"""The server as an ASGI application: the routes, and what they share."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ..agent import ANSWER_RULE
from ..infer import Thinker
from ..infer.describe import describe_policy
from .admission import Admission, BoundedSandbox
from .chat import Chat
from .errors import ApiError
from .intake import Intake
from .metrics import Metrics
from .readiness import Readiness
from .settings import ServeSettings
from .state import ServerState, require_json
from .wire import LONE_SURROGATE

_NOT_OFFERED = ('completions', 'responses', 'embeddings', 'messages', 'generate')
_MOST_TEXT_BYTES = 4 << 20


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
    state = ServerState(
        thinker=bounded,
        settings=settings,
        admission=Admission(settings.running, settings.waiting),
        metrics=Metrics(),
        intake=Intake(),
        readiness=Readiness(bounded, uses_sandbox=settings.tools),
        folder=Path(temporary.name),
        names=settings.names or (thinker.engine.name or 'model',),
    )
    _watch(state, sandbox)

    @asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        await state.intake.start()
        yield
        await state.aclose()
        temporary.cleanup()

    pages = _Pages(state, sandbox)
    app = Starlette(
        routes=[
            Route('/v1/chat/completions', Chat(state), methods=['POST']),
            Route('/v1/models', pages.models),
            Route('/v1/models/{name:path}', pages.model),
            Route('/tokenize', pages.tokenize, methods=['POST']),
            Route('/health', pages.health),
            Route('/ready', pages.ready),
            Route('/metrics', pages.metrics),
        ],
        exception_handlers={ApiError: _api_error, HTTPException: _http_error},
        lifespan=life,
        middleware=[Middleware(_OneLength), *([_cross_origin(settings.origins)] if settings.origins else [])],
    )
    app.state.shared, app.state.sandbox = state, sandbox
    return app


class _OneLength:
    """Refuses requests that state their length twice, of which a proxy and this server might believe different ones."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        names = {name for name, _ in scope.get('headers', ())}
        if {b'content-length', b'transfer-encoding'} <= names:
            error = ApiError(400, 'the request has both a Content-Length and a Transfer-Encoding; send one of them')
            await JSONResponse(error.body, error.status, headers={'connection': 'close'})(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _cross_origin(origins: tuple[str, ...]) -> Middleware:
    return Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=['GET', 'POST'],
        allow_headers=['*'],
        expose_headers=['x-request-id', 'x-thyme-trajectory-id'],
    )


def _watch(state: ServerState, sandbox: BoundedSandbox) -> None:
    admission = state.admission
    state.metrics.watch('thyme_requests_running', 'Requests being answered', lambda: admission.running)
    state.metrics.watch('thyme_requests_admitted', 'Requests let in, waiting ones too', lambda: admission.admitted)
    state.metrics.watch('thyme_sandbox_sessions', 'Open sandbox sessions', lambda: sandbox.open_sessions)


class _Pages:
    """The small endpoints."""

    def __init__(self, state: ServerState, sandbox: BoundedSandbox) -> None:
        self._state, self._sandbox = state, sandbox
        self._created = int(time.time())

    async def models(self, request: Request) -> Response:
        """`GET /v1/models`."""
        self._state.check_key(request)
        return JSONResponse({'object': 'list', 'data': [self._model(name) for name in self._state.names]})

    async def model(self, request: Request) -> Response:
        """`GET /v1/models/NAME`."""
        self._state.check_key(request)
        name = request.path_params['name']
        self._state.check_model(name)
        policy = await asyncio.to_thread(self._policy)
        sampled = [
            {**(asdict(sampling) if sampling else {'others': True}), 'requests': n}
            for sampling, n in self._state.sampled.items()
        ]
        about = {'policy': policy, 'letters': self._state.settings.letters, 'sampled': sampled}
        return JSONResponse({**self._model(name), 'thyme': {**about, 'answer_rule': ANSWER_RULE}})

    async def tokenize(self, request: Request) -> Response:
        """`POST /tokenize`: the ids of a text, in vLLM's form."""
        self._state.check_key(request)
        require_json(request.headers)
        try:
            text = json.loads(await asyncio.wait_for(_bounded_body(request), self._state.settings.client_timeout_s))
            text = text['prompt']
        except (ValueError, TypeError, LookupError, RecursionError, asyncio.TimeoutError) as error:
            raise ApiError(400, 'expected a JSON object with a text in `prompt`', param='prompt') from error
        if not isinstance(text, str) or len(text) > self._state.settings.text_chars:
            raise ApiError(400, 'prompt must be a text, and not longer than this server reads', param='prompt')
        if LONE_SURROGATE.search(text):
            raise ApiError(400, 'a text has half of a surrogate pair, which is no character', param='prompt')
        ids = await asyncio.to_thread(self._state.thinker.engine.tokens_of, text)
        if ids is None:
            raise ApiError(404, 'not offered here: the tokenizer of this model is on another server; ask that')
        return JSONResponse({'count': len(ids), 'tokens': ids})

    @lru_cache(maxsize=1)  # noqa: B019 -- one object a server
    def _policy(self) -> dict[str, object]:
        engine = self._state.thinker.engine
        return describe_policy(engine.name, self._state.thinker.settings, folders=engine.weights)

    def _model(self, name: str) -> dict[str, object]:
        return {'id': name, 'object': 'model', 'created': self._created, 'owned_by': 'swift-thyme'}

    async def health(self, request: Request) -> Response:
        """`GET /health`: 200 as long as the process answers, whatever else is broken; needs no key."""
        admission = self._state.admission
        return JSONResponse(
            {
                'status': 'ok',
                'model': self._state.names[0],
                'running': admission.running,
                'waiting': admission.admitted - admission.running,
                'sandbox_sessions': self._sandbox.open_sessions,
            }
        )

    async def ready(self, request: Request) -> Response:
        """`GET /ready`: 200 where engine and sandbox work, 503 with the parts that do not; needs no key."""
        ready = await self._state.readiness.is_ready()
        broken = sorted(self._state.readiness.broken)
        return JSONResponse({'status': 'ready' if ready else 'not ready', 'broken': broken}, 200 if ready else 503)

    async def metrics(self, request: Request) -> Response:
        """`GET /metrics`: for Prometheus; needs no key."""
        return Response(self._state.metrics.text(), media_type='text/plain; version=0.0.4')


async def _bounded_body(request: Request) -> bytes:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > _MOST_TEXT_BYTES:
            raise ApiError(413, f'the body is larger than the {_MOST_TEXT_BYTES >> 20} MiB that a text may have')
    return bytes(content)


async def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return JSONResponse(error.body, error.status, headers=error.headers)


async def _http_error(request: Request, error: Exception) -> Response:
    """A path or method that is not there, in OpenAI's form."""
    assert isinstance(error, HTTPException)
    told = error.detail
    if error.status_code == 404 and request.url.path.rstrip('/').endswith(_NOT_OFFERED):
        told = 'this server has chat completions only: POST /v1/chat/completions'
    body = ApiError(error.status_code, f'{request.method} {request.url.path}: {told}').body
    return JSONResponse(body, error.status_code, headers=error.headers)
