"""`POST /v1/chat/completions`: one request from arrival to the last byte.

In order: key, body, pictures, admission, a turn to run, the answer. A client that goes away ends the request where
it is: the generation stops and the sandbox session closes. What arrives slowly holds no place that others wait for.
"""

from __future__ import annotations

import asyncio
import logging
import re
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from msgspec.structs import replace
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

from ..errors import ContextFull, DataError
from ..infer import Event, Reply
from ..trajectories import Record, as_document
from ..trajectories.record import kept
from ..types import StopReason
from .errors import ApiError
from .intake import HEAVY_BYTES, HEAVY_PIXELS
from .pictures import examine_fetched, fetch, settle
from .replies import DONE, Replier, event_bytes
from .state import ServerState, require_json
from .wire import ChatRequest, read_request, understand

logger = logging.getLogger(__name__)
_ID = re.compile(r'[\w.:-]{1,128}')
_GONE = 499
"""The status under which a request is counted whose client went away."""
_CUT_OFF = 503
_RESTART_S = 5
"""Seconds in which a sandbox or a server is usually there again."""
_IN_MEMORY_BYTES = 1 << 16
_MOST_KINDS = 64
_MAYBE_PICTURES = (b'image', b'\\u')
"""A body without these names no picture: JSON can write the key with escapes only."""
_SEE_LOG = "the server's log says why, under this reply's x-request-id"
_MOST_READ = 4
"""Times the limit that is read of a body that is too large."""


class Chat:
    """The endpoint, as an ASGI application."""

    def __init__(self, state: ServerState) -> None:
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        call = _Call(self._state, Request(scope, receive), send)
        await call.run()


@dataclass(eq=False)
class _Call:
    state: ServerState
    request: Request
    send: Send
    trajectory_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    start: float = field(default_factory=time.monotonic)
    status: int = 200
    """What is counted."""
    streaming: bool = False
    closing: bool = False
    """The last bytes are on their way: a client that leaves now has its answer."""
    model: str = ''
    """As the client named it."""
    request_id: str = ''
    note: str = ''
    """For the log."""
    held_bytes: int = 0
    """Of the body that lies in a file."""

    async def run(self) -> None:
        given = self.request.headers.get('x-request-id', '')
        self.request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
        task = asyncio.current_task()
        assert task is not None
        self.state.calls.add(task)
        try:
            await self._guarded()
        except ClientDisconnect:  # while an error was sent
            self.status = _GONE
        finally:
            self._give_back()
            self.state.calls.discard(task)
            seconds = time.monotonic() - self.start
            self.state.metrics.request(self.status, seconds)
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
            self.state.check_key(self.request)
            self.state.admission.require_room()
            with tempfile.TemporaryDirectory(dir=self.state.folder) as folder:
                await self._received(Path(folder))
        except asyncio.CancelledError:
            self.status = _CUT_OFF
            if not self.state.stopping:
                raise
            await self._fail(ApiError(_CUT_OFF, 'the server stops', code='stopping', retry_after_s=_RESTART_S))
        except ClientDisconnect:
            self.status = _GONE
        except ApiError as error:
            await self._fail(error)
        except DataError as error:
            shown = re.sub(rf'{re.escape(str(self.state.folder))}[^\s\'"]*/', '', str(error))
            await self._fail(ApiError(400, shown, code='invalid_request'))
        except ContextFull as error:
            await self._fail(ApiError(400, str(error), code='context_length_exceeded', param='messages'))
        except Exception:  # the border of the server: a defect must not take the other requests down
            logger.exception('request %s failed', self.request_id)
            await self._fail(ApiError(500, 'the server failed; its log says why', code='internal_error'))

    async def _received(self, folder: Path) -> None:
        with self._arriving():
            body = await self._body(folder)
        work = asyncio.ensure_future(self._work(body, folder))
        gone = False

        async def watch() -> None:
            """Cancels the work when the client that waits for it goes away."""
            nonlocal gone
            while (await self.request.receive())['type'] != 'http.disconnect':
                pass
            gone = True
            work.cancel()

        watcher = asyncio.ensure_future(watch())
        try:
            await work
        except asyncio.CancelledError:
            if not gone:
                raise
            if not self.closing:
                raise ClientDisconnect from None
        finally:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)

    async def _work(self, body: bytes | Path, folder: Path) -> None:
        with self._arriving():
            chat = await self._take_in(body, folder)
        with self.state.admission.enter():
            async with self.state.admission.run():
                await self._answer(chat, folder)

    @contextmanager
    def _arriving(self) -> Iterator[None]:
        state = self.state
        if state.arriving >= state.settings.arriving:
            raise ApiError(429, f'{state.arriving} requests are on their way, the limit', retry_after_s=_RESTART_S)
        state.arriving += 1
        try:
            yield
        finally:
            state.arriving -= 1

    async def _take_in(self, body: bytes | Path, folder: Path) -> ChatRequest:
        """Reads the request and its pictures, in other processes where that may take long."""
        state, rules = self.state, self.state.settings.pictures
        size = len(body) if isinstance(body, bytes) else body.stat().st_size
        arguments = (body, rules, folder, state.settings.text_chars)
        try:
            if isinstance(body, bytes) and not any(mark in body for mark in _MAYBE_PICTURES):
                read = read_request(*arguments)
            else:
                read = await state.intake.run(read_request, *arguments, heavy=size >= HEAVY_BYTES)
        finally:
            if isinstance(body, Path):
                body.unlink()
            self._give_back()
        self.model = read.body.model or state.names[0]
        state.check_model(self.model)
        decode = not state.thinker.engine.decodes_pictures
        pictures = []
        for found in await fetch(read.pictures, rules):
            if found.url:
                found = await state.intake.run(examine_fetched, found, rules)
            pictures.append(
                await state.intake.run(settle, found, rules, decode=decode, heavy=found.pixels >= HEAVY_PIXELS)
            )
        return understand(read, tuple(pictures), state.thinker.settings.sampling, state.settings.most_tokens)

    def _give_back(self) -> None:
        """Frees what the body's file took of the room that all bodies share."""
        self.state.arriving_bytes -= self.held_bytes
        self.held_bytes = 0

    async def _body(self, folder: Path) -> bytes | Path:
        """The body, in a file where it is large.

        Raises:
            ApiError: it is too large, packed, no JSON by its type, or does not come in time.
        """
        require_json(self.request.headers)
        if self.request.headers.get('content-encoding', 'identity').lower() != 'identity':
            raise ApiError(415, 'the body is packed; send it without Content-Encoding')
        limit_s = self.state.settings.client_timeout_s
        try:
            return await asyncio.wait_for(self._read_body(folder / 'body'), limit_s)
        except asyncio.TimeoutError as error:
            raise ApiError(408, f'the body did not come within {limit_s:g} s') from error

    async def _read_body(self, path: Path) -> bytes | Path:
        """Reads the body. One that is too large is read on for a while: a client that still sends reads no reply."""
        state, most = self.state, self.state.settings.body_bytes
        content, size = bytearray(), 0
        with ExitStack() as files:
            file: BinaryIO | None = None
            async for chunk in self.request.stream():
                size += len(chunk)
                if size > _MOST_READ * most:
                    break
                if size > most:
                    continue
                content += chunk
                if len(content) < _IN_MEMORY_BYTES:
                    continue
                if state.arriving_bytes + len(content) > state.settings.arriving_bytes:
                    raise ApiError(429, 'too many large bodies are on their way', retry_after_s=_RESTART_S)
                file = file or files.enter_context(path.open('wb'))
                state.arriving_bytes += len(content)
                self.held_bytes += len(content)
                file.write(content)
                content.clear()
            if size > most:
                raise ApiError(413, f'the body is larger than the {most >> 20} MiB that this server takes')
            if file is None:
                return bytes(content)
            file.write(content)
        return path

    async def _answer(self, chat: ChatRequest, shown: Path) -> None:
        """Answers; `shown` keeps returned pictures until they are sent or saved, and goes with the request."""
        state, settings = self.state, self.state.settings
        asked = chat.question.text if settings.letters else ''
        replier = Replier(self.model, self.trajectory_id, asked, chat.events)
        known = chat.sampling in state.sampled or len(state.sampled) < _MOST_KINDS
        state.sampled[chat.sampling if known else None] += 1
        events: asyncio.Queue[Event | None] = asyncio.Queue()
        thinking = asyncio.ensure_future(
            state.thinker.answer(
                chat.question,
                sampling=chat.sampling,
                tools=chat.tools and settings.tools,
                on_event=events.put_nowait if chat.stream else None,
                output_dir=shown / 'shown' if settings.save is not None or chat.events else None,
            )
        )
        thinking.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while chat.stream and (event := await events.get()) is not None:
                if (chunk := replier.of_event(event)) is not None:
                    await self._begin(replier)
                    await self._write(chunk)
            reply = await thinking
        finally:
            if not thinking.done():
                thinking.cancel()
                await asyncio.gather(thinking, return_exceptions=True)
        await self._record(reply, chat)
        self._check(reply)
        if chat.stream:
            await self._begin(replier)
        self.closing = True
        if chat.stream:
            await self._write(replier.last(reply, chat.stop, include_usage=chat.include_usage), more=False)
        else:
            await self._reply(JSONResponse(replier.whole(reply, chat.stop)))

    async def _record(self, reply: Reply, chat: ChatRequest) -> None:
        self.state.metrics.reply(reply)
        self.note = f', {reply.stop_reason.value} after {len(reply.turns)} rounds'
        if self.state.settings.save is None:
            return
        record = replace(
            reply.record(chat.question, model=self.state.names[0]),
            request_id=self.request_id,
            extra={'trajectory_id': self.trajectory_id},
        )
        folder = self.state.settings.save / self.trajectory_id
        saving = asyncio.ensure_future(asyncio.to_thread(_save, record, folder))
        try:
            await asyncio.shield(saving)
        except OSError as error:  # a record that is lost must not cost the client its answer
            logger.error('request %s is not saved: %s', self.request_id, error)
        finally:
            await asyncio.wait([saving])  # its pictures go with the request, also where the client leaves now

    def _check(self, reply: Reply) -> None:
        """Turns a failure of the machinery into an error, so that no client takes it for an answer.

        Its cause is for the log: it may name addresses and folders that are no client's business.
        """
        readiness, failed = self.state.readiness, reply.stop_reason
        if failed is StopReason.SANDBOX_FAILURE:
            logger.error('request %s: the sandbox failed: %s', self.request_id, reply.error)
            readiness.failed('sandbox', reply.error)
            raise ApiError(503, f'the sandbox failed ({_SEE_LOG})', code='sandbox_failure', retry_after_s=_RESTART_S)
        if failed is StopReason.ERROR:
            logger.error('request %s: the model could not be asked: %s', self.request_id, reply.error)
            readiness.failed('engine', reply.error)
            raise ApiError(502, f'the model could not be asked ({_SEE_LOG})', code='engine_error')
        readiness.worked('engine')

    # Sending.

    @property
    def _headers(self) -> dict[str, str]:
        return {'x-request-id': self.request_id, 'x-thyme-trajectory-id': self.trajectory_id}

    async def _reply(self, response: JSONResponse) -> None:
        response.headers.update(self._headers)
        await response(self.request.scope, self.request.receive, self._send)

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
        await self._send({'type': 'http.response.start', 'status': 200, 'headers': raw})
        await self._write(replier.first())

    async def _write(self, chunk: bytes, *, more: bool = True) -> None:
        await self._send({'type': 'http.response.body', 'body': chunk, 'more_body': more})

    async def _send(self, message: Message) -> None:
        """Sends; a client that does not read for long has left."""
        try:
            await asyncio.wait_for(self.send(message), self.state.settings.client_timeout_s)
        except asyncio.TimeoutError:
            raise ClientDisconnect from None


def _save(record: Record, folder: Path) -> None:
    """Writes a record into a folder of its own, with all pictures that it names."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'trajectory.json').write_bytes(as_document(kept(record, folder)))
