"""`POST /v1/chat/completions`: one request from arrival to the last byte.

In order: key, admission, body, pictures, a turn to run, the answer. A client that goes away ends the request where
it is: the generation stops and the sandbox session closes.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from ..errors import ContextFull, DataError
from ..infer import Event, Reply, Thinker
from ..infer.report import reply_record
from ..trajectories import as_document
from ..types import StopReason
from .admission import Admission
from .errors import ApiError
from .metrics import Metrics
from .pictures import PictureDesk
from .replies import DONE, Replier, event_bytes
from .settings import ServeSettings
from .wire import ChatRequest, parse, understand

logger = logging.getLogger(__name__)
_ID = re.compile(r'[\w.:-]{1,128}')
_GONE = 499
"""The status under which a request is counted whose client went away."""
_CUT_OFF = 503
_MOST_READ = 4
"""Times the limit that is read of a body that is too large."""


@dataclass
class House:
    """What all requests of a server share."""

    thinker: Thinker
    settings: ServeSettings
    admission: Admission
    metrics: Metrics
    desk: PictureDesk
    folder: Path
    """For pictures of requests under way."""
    names: tuple[str, ...]
    intake: asyncio.Semaphore

    def check_key(self, request: Request) -> None:
        """Compares the client's key in constant time.

        Raises:
            ApiError: it is missing or wrong (401).
        """
        if not self.settings.api_key:
            return
        given = request.headers.get('authorization', '').partition(' ')
        right = hmac.compare_digest(given[2].strip().encode(), self.settings.api_key.encode())
        if given[0].lower() != 'bearer' or not right:
            raise ApiError(
                401, 'the API key is missing or wrong; send Authorization: Bearer KEY', code='invalid_api_key'
            )

    def check_model(self, name: str | None) -> None:
        """Refuses requests for another model.

        Raises:
            ApiError: there is no such model (404).
        """
        if name and name not in self.names:
            raise ApiError(
                404, f'no model {name!r} here; this server has {", ".join(self.names)}', code='model_not_found'
            )


class Chat:
    """The endpoint, as an ASGI application."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        call = _Call(self._house, Request(scope, receive), send)
        await call.run()


@dataclass
class _Call:
    house: House
    request: Request
    send: Send
    trajectory_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    start: float = field(default_factory=time.monotonic)
    status: int = 200
    """What is counted."""
    streaming: bool = False
    closing: bool = False
    """The last bytes are on their way: a client that leaves now has its answer."""
    request_id: str = ''
    note: str = ''
    """For the log."""

    async def run(self) -> None:
        given = self.request.headers.get('x-request-id', '')
        self.request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
        try:
            await self._guarded()
        except asyncio.CancelledError:  # the server's time to stop is over
            self.status = _CUT_OFF
            raise
        finally:
            seconds = time.monotonic() - self.start
            self.house.metrics.request(self.status, seconds)
            logger.info(
                'request %s trajectory %s: %d in %.2f s%s',
                self.request_id,
                self.trajectory_id,
                self.status,
                seconds,
                self.note,
            )

    async def _guarded(self) -> None:
        """Runs the request; whatever goes wrong becomes a reply, or an event where the reply has begun."""
        try:
            self.house.check_key(self.request)
            with self.house.admission.enter():
                await self._admitted()
        except ClientDisconnect:
            self.status = _GONE
        except ApiError as error:
            await self._fail(error)
        except DataError as error:
            await self._fail(ApiError(400, str(error), code='invalid_request'))
        except ContextFull as error:
            await self._fail(ApiError(400, str(error), code='context_length_exceeded', param='messages'))
        except Exception:  # the border of the server: a defect must not take the other requests down
            logger.exception('request %s failed', self.request_id)
            await self._fail(ApiError(500, 'the server failed; its log says why', code='internal_error'))

    async def _admitted(self) -> None:
        with tempfile.TemporaryDirectory(dir=self.house.folder) as folder:
            async with self.house.intake:
                chat = await self._take_in(Path(folder))
            work = asyncio.ensure_future(self._turn(chat))
            async with _Presence(self.request.receive, work) as presence:
                try:
                    await work
                except asyncio.CancelledError:
                    if not presence.gone:
                        raise
                    if not self.closing:
                        raise ClientDisconnect from None

    async def _turn(self, chat: ChatRequest) -> None:
        async with self.house.admission.run():
            with tempfile.TemporaryDirectory(dir=self.house.folder) as shown:
                await self._answer(chat, Path(shown))

    async def _take_in(self, folder: Path) -> ChatRequest:
        settings = self.house.settings
        try:
            raw = await asyncio.wait_for(self._body(settings.body_bytes), settings.body_timeout_s)
        except asyncio.TimeoutError as error:
            raise ApiError(408, f'the body did not come within {settings.body_timeout_s:g} s') from error
        body = await asyncio.to_thread(parse, raw)
        self.house.check_model(body.model)
        defaults = self.house.thinker.settings.sampling
        return await understand(body, self.house.desk, folder, defaults, settings.tokens)

    async def _body(self, most: int) -> bytes:
        """The body. One that is too large is read on for a while: a client in the middle of sending reads no reply."""
        content, size = bytearray(), 0
        async for chunk in self.request.stream():
            size += len(chunk)
            if size <= most:
                content += chunk
            elif size > _MOST_READ * most:
                break
        if size > most:
            raise ApiError(413, f'the body is larger than the {most >> 20} MiB that this server takes')
        return bytes(content)

    async def _answer(self, chat: ChatRequest, shown: Path) -> None:
        """Answers; `shown` keeps the pictures that a stream shows until they are sent."""
        asked = chat.question.text if self.house.settings.letters else ''
        replier = Replier(self.house.names[0], self.trajectory_id, asked, chat.events)
        events: asyncio.Queue[Event] = asyncio.Queue()
        folder = self.house.settings.save / self.trajectory_id if self.house.settings.save is not None else None
        thinking = asyncio.ensure_future(
            self.house.thinker.answer(
                chat.question,
                sampling=chat.sampling,
                tools=chat.tools and self.house.settings.tools,
                on_event=events.put_nowait if chat.stream else None,
                output_dir=folder / 'images' if folder is not None else shown if chat.events else None,
            )
        )
        try:
            if chat.stream:
                await self._stream(replier, events, thinking)
            reply = await thinking
        finally:
            if not thinking.done():
                thinking.cancel()
                await asyncio.gather(thinking, return_exceptions=True)
        self._record(reply, chat, folder)
        self._check(reply)
        if chat.stream:
            await self._begin(replier)
        self.closing = True
        if chat.stream:
            await self._write(replier.last(reply, chat.stop, include_usage=chat.include_usage), more=False)
        else:
            await self._reply(JSONResponse(replier.whole(reply, chat.stop)))

    async def _stream(self, replier: Replier, events: asyncio.Queue[Event], thinking: asyncio.Future[Reply]) -> None:
        """Sends events as they come, until the reply is there and no event is left."""
        while not (thinking.done() and events.empty()):
            if events.empty():
                getting = asyncio.ensure_future(events.get())
                either: set[asyncio.Future[Any]] = {getting, thinking}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if not getting.done():
                    getting.cancel()
                    continue
                event = getting.result()
            else:
                event = events.get_nowait()
            chunk = replier.of_event(event)
            if chunk is not None:
                await self._begin(replier)
                await self._write(chunk)

    def _record(self, reply: Reply, chat: ChatRequest, folder: Path | None) -> None:
        self.house.metrics.reply(reply)
        self.note = f', {reply.stop_reason.value} after {len(reply.turns)} rounds'
        if folder is not None:
            record = replace(
                reply_record(reply, chat.question, model=self.house.names[0]),
                request_id=self.request_id,
                extra={'trajectory_id': self.trajectory_id},
            )
            try:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / 'trajectory.json').write_bytes(as_document(record))
            except OSError as error:  # a record that is lost must not cost the client its answer
                logger.error('request %s is not saved: %s', self.request_id, error)

    def _check(self, reply: Reply) -> None:
        """Turns a failure of the machinery into an error, so that no client takes it for an answer."""
        if reply.stop_reason is StopReason.SANDBOX_FAILURE:
            raise ApiError(503, f'the sandbox failed: {reply.error}', code='sandbox_failure', retry_after_s=5)
        if reply.stop_reason is StopReason.ERROR:
            raise ApiError(502, f'the model could not be asked: {reply.error}', code='engine_error')

    # Sending.

    @property
    def _headers(self) -> dict[str, str]:
        return {'x-request-id': self.request_id, 'x-thyme-trajectory-id': self.trajectory_id}

    async def _reply(self, response: JSONResponse) -> None:
        response.headers.update(self._headers)
        await response(self.request.scope, self.request.receive, self.send)

    async def _fail(self, error: ApiError) -> None:
        self.status = error.status
        self.note = f', {error}'
        if self.streaming:
            await self._write(event_bytes(error.body) + DONE, more=False)
        else:
            await self._reply(JSONResponse(error.body, error.status, headers=error.headers))

    async def _begin(self, replier: Replier) -> None:
        if self.streaming:
            return
        self.streaming = True
        headers = {**self._headers, 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache'}
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self.send({'type': 'http.response.start', 'status': 200, 'headers': raw})
        await self._write(replier.first())

    async def _write(self, chunk: bytes, *, more: bool = True) -> None:
        await self.send({'type': 'http.response.body', 'body': chunk, 'more_body': more})


class _Presence:
    """Cancels work when the client that waits for it goes away."""

    def __init__(self, receive: Receive, work: asyncio.Future[None]) -> None:
        self._receive, self._work = receive, work
        self.gone = False

    async def _watch(self) -> None:
        while (await self._receive())['type'] != 'http.disconnect':
            pass
        self.gone = True
        self._work.cancel()

    async def __aenter__(self) -> _Presence:
        self._watcher = asyncio.ensure_future(self._watch())
        return self

    async def __aexit__(self, *error: object) -> None:
        self._watcher.cancel()
        await asyncio.gather(self._watcher, return_exceptions=True)
