"""The house around the requests: keys, limits, clients that leave, figures."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from swift_thyme.engines import Generation
from swift_thyme.errors import ConfigError, EngineError
from swift_thyme.infer import Thinker
from swift_thyme.sandbox import Sandbox, Session
from swift_thyme.serve.admission import BoundedSandbox
from swift_thyme.serve.app import make_app
from swift_thyme.serve.pictures import PictureRules
from swift_thyme.serve.run import run_app
from swift_thyme.serve.settings import ServeSettings
from swift_thyme.types import Outcome, SandboxResult

from ..evaluate.scripted import ScriptedEngine
from ..infer.scripts import ANSWER, SIZE, SLEEP, lent
from .conftest import Running, listening, question


def wait_for(condition: Any, timeout_s: float = 15.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def in_background(running: Running, body: dict[str, Any]) -> tuple[threading.Thread, list[httpx.Response]]:
    replies: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: replies.append(running.post(body)))
    thread.start()
    return thread, replies


def test_a_key_is_asked_for_where_there_is_one(serve: Any, scripted: Any, picture: Path) -> None:
    scripted([ANSWER])
    running = serve(api_key='s3cret')
    wrong = (
        'Bearer wrong',
        's3cret',
        'Bearer',
        'Bearer s',
        'Bearer s3cre',
        'Bearer s3crets',
        'Basic s3cret',
    )
    for headers in ({}, *({'authorization': value} for value in wrong)):
        reply = running.post(question(picture), headers=headers)
        assert (reply.status_code, reply.json()['error']['type']) == (401, 'authentication_error')
    assert httpx.get(f'{running.url}/v1/models').status_code == 401
    assert running.post(question(picture), headers={'authorization': 'Bearer s3cret'}).status_code == 200
    assert httpx.get(f'{running.url}/health').status_code == 200


@pytest.mark.parametrize('streaming', [False, True])
def test_a_client_that_leaves_frees_its_session(serve: Any, scripted: Any, picture: Path, streaming: bool) -> None:
    scripted([SLEEP, ANSWER])
    running = serve()

    async def leave() -> None:
        async with httpx.AsyncClient(timeout=60) as client:
            body = question(picture, stream=streaming)
            task = asyncio.ensure_future(client.post(f'{running.url}/v1/chat/completions', json=body))
            while not running.sessions:
                await asyncio.sleep(0.02)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(leave())
    start = time.monotonic()
    running.wait_until_idle()
    assert time.monotonic() - start < 3
    assert 'thyme_requests_total{status="499"} 1.0' in httpx.get(f'{running.url}/metrics').text


class Held(ScriptedEngine):
    """Answers when it is let go."""

    def __init__(self) -> None:
        super().__init__(lambda conversation: ANSWER)
        self.let_go = threading.Event()

    async def generate(self, *args: Any) -> Generation:
        await asyncio.to_thread(self.let_go.wait, 15)
        return await super().generate(*args)


def test_a_full_house_says_when_to_come_back() -> None:
    engine = Held()
    with listening(lent(Thinker(engine)), running=1, waiting=1) as running:  # type: ignore[arg-type]
        admission = running.app.state.shared.admission
        first = in_background(running, question())
        wait_for(lambda: admission.running == 1)
        second = in_background(running, question())
        wait_for(lambda: admission.admitted == 2)
        third = running.post(question())
        assert third.status_code == 429 and int(third.headers['retry-after']) >= 1
        engine.let_go.set()
        for thread, replies in (first, second):
            thread.join()
            assert replies[0].json()['choices'][0]['message']['content'] == 'B'


class _Slow(Session):
    def __init__(self, owner: _SlowSandbox) -> None:
        self._owner = owner

    async def run(self, code: str, *, timeout_s: float | None = None) -> SandboxResult:
        async with self._owner.at_work():
            return SandboxResult(Outcome.OK, code)

    async def close(self) -> None:
        pass

    def close_soon(self) -> None:
        pass


class _SlowSandbox(Sandbox):
    """Counts what is opened and run at a time."""

    now = most = 0

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.01)
        self.now -= 1
        yield

    async def open(self, images: Any = (), *, limits: Any = None, output_dir: Any = None) -> Session:
        async with self.at_work():
            return _Slow(self)

    async def aclose(self) -> None:
        pass


def test_snippets_at_work_are_bounded_and_open_sessions_are_not() -> None:
    async def use() -> tuple[int, int]:
        inner = _SlowSandbox()
        sandbox = BoundedSandbox(inner, 2)
        sessions = await asyncio.wait_for(asyncio.gather(*(sandbox.open() for _ in range(8))), 5)
        await asyncio.gather(*(session.run('1') for session in sessions))
        opened = sandbox.open_sessions
        await asyncio.gather(*(session.close() for session in sessions))
        assert sandbox.open_sessions == 0
        return opened, inner.most

    assert asyncio.run(use()) == (8, 2)


def test_a_snippet_that_is_given_up_makes_room() -> None:
    async def use() -> str:
        sandbox = BoundedSandbox(_SlowSandbox(), 1)
        first, second = await sandbox.open(), await sandbox.open()
        running = asyncio.ensure_future(first.run('1'))
        await asyncio.sleep(0)
        running.cancel()
        return (await asyncio.wait_for(second.run('2'), 5)).text

    assert asyncio.run(use()) == '2'


def test_requests_under_way_are_finished_when_the_server_stops() -> None:
    engine = Held()
    with listening(lent(Thinker(engine))) as running:  # type: ignore[arg-type]
        thread, replies = in_background(running, question())
        wait_for(lambda: running.app.state.shared.admission.running == 1)
        running.server.should_exit = True
        wait_for(lambda: not running.server.servers[0].is_serving())
        engine.let_go.set()
        thread.join()
    assert replies[0].json()['choices'][0]['message']['content'] == 'B'


def test_engine_and_sandbox_are_closed_with_the_server() -> None:
    closed = []

    class Closable:
        name = 'm'

        async def aclose(self) -> None:
            closed.append(self)

    engine, sandbox = Closable(), Closable()
    with listening(Thinker(engine, sandbox=sandbox)):  # type: ignore[arg-type]
        assert closed == []
    assert closed == [engine, sandbox]


def test_engine_and_sandbox_are_closed_where_the_server_does_not_get_ready() -> None:
    closed = []

    class Closable(_SlowSandbox):
        async def aclose(self) -> None:
            closed.append(self)

    class Broken(ScriptedEngine):
        async def generate(self, *args: Any) -> Generation:
            raise EngineError('no')

        async def aclose(self) -> None:
            closed.append(self)

    engine, sandbox = Broken(lambda _: ''), Closable()
    app = make_app(Thinker(engine, sandbox=sandbox))
    with pytest.raises(EngineError, match='no'):
        run_app(app, '127.0.0.1', 0, grace_s=1, on_ready=print)
    assert closed == [engine, sandbox]


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        *(('running', 0), ('waiting', -1), ('body_bytes', 0), ('arriving_bytes', 0), ('grace_s', -1)),
        *(('client_timeout_s', 0.0), ('client_timeout_s', float('nan')), ('text_chars', 0), ('most_tokens', 0)),
        *(('pictures', PictureRules(most=-1)), ('pictures', PictureRules(pixels_each=0))),
        ('pictures', PictureRules(fetch_timeout_s=float('inf'))),
    ],
)
def test_numbers_out_of_range_are_refused(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match='must be >='):
        ServeSettings(**{name: value})


def test_health_and_metrics_tell_what_happened(serve: Any, scripted: Any, picture: Path) -> None:
    scripted([SIZE, ANSWER])
    running = serve(names=('shown', 'other'))
    assert running.post(question(picture, model='other')).json()['model'] == 'other'
    running.wait_until_idle()
    health = httpx.get(f'{running.url}/health').json()
    assert health == {'status': 'ok', 'model': 'shown', 'running': 0, 'waiting': 0, 'sandbox_sessions': 0}
    text = httpx.get(f'{running.url}/metrics').text
    for line in (
        'thyme_requests_total{status="200"} 1.0',
        'thyme_trajectories_total{stop_reason="answer"} 1.0',
        'thyme_snippets_total{outcome="ok"} 1.0',
        'thyme_sandbox_sessions 0.0',
        'thyme_requests_admitted 0.0',
    ):
        assert line in text
