"""What the server says of its parts: a healthy one is never ended, a broken one is tried until it works."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from swift_thyme.errors import SandboxUnavailable
from swift_thyme.infer import Thinker
from swift_thyme.sandbox import Sandbox, Session, try_snippet
from swift_thyme.serve import readiness
from swift_thyme.serve.readiness import Readiness
from swift_thyme.types import Outcome, SandboxResult

from ..evaluate.scripted import ScriptedEngine, answering


class Stuck(ScriptedEngine):
    """Answers no probe."""

    async def generate(self, *args: Any) -> Any:
        await asyncio.sleep(600)


class Saying(Sandbox, Session):
    """Gives one result, whatever is run."""

    def __init__(self, result: SandboxResult) -> None:
        self.result = result

    async def open(self, *args: Any, **options: Any) -> Session:
        return self

    async def run(self, code: str, *, timeout_s: float | None = None) -> SandboxResult:
        return self.result

    async def close(self) -> None:
        pass

    async def aclose(self) -> None:
        pass

    def close_soon(self) -> None:
        pass


def looked_after(engine: ScriptedEngine, **more: Any) -> Readiness:
    return Readiness(Thinker(engine, **more), uses_sandbox=bool(more))


def test_a_busy_engine_that_answers_others_does_not_end_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, '_LIMIT_S', 0.1)

    async def go(answers: bool) -> list[str]:
        engine = Stuck(lambda _: '')
        engine.comes_back = False
        parts = looked_after(engine)
        died: list[str] = []
        parts.on_dead = died.append
        parts.failed('engine', 'it broke')
        await asyncio.sleep(0.02)
        if answers:
            parts.worked('engine')
        await asyncio.sleep(0.3)
        assert not parts._looking
        return died

    assert asyncio.run(go(answers=True)) == []
    assert len(asyncio.run(go(answers=False))) == 1


def test_a_try_that_raises_anything_is_followed_by_another(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(readiness, '_PAUSE_S', 0.01)
    left = [KeyError('odd'), ValueError('odder')]

    def speak(_: Any) -> str:
        if left:
            raise left.pop()
        return answering('B')

    async def go() -> None:
        parts = looked_after(ScriptedEngine(speak))
        parts.failed('engine', 'it broke')
        while parts.broken:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(go(), 5))
    assert 'odder' in caplog.text and 'Traceback' in caplog.text


def test_the_first_question_waits_for_no_endless_try_and_ends_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, '_FIRST_S', 0.1)

    async def go() -> None:
        parts = looked_after(Stuck(lambda _: ''))
        assert not await asyncio.wait_for(parts.is_ready(), 5)
        assert list(parts._looking) == ['engine']
        await parts.aclose()

        parts = looked_after(Stuck(lambda _: ''))
        asking = asyncio.ensure_future(parts.is_ready())
        await asyncio.sleep(0.01)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await asyncio.sleep(0.01)
        assert not any(task.done() for task in parts._looking.values())
        await parts.aclose()

    asyncio.run(go())


@pytest.mark.parametrize('result', [SandboxResult(Outcome.CODE_ERROR, '42'), SandboxResult(Outcome.OK, '')])
def test_a_sandbox_works_only_where_a_snippet_gives_what_it_should(result: SandboxResult) -> None:
    with pytest.raises(SandboxUnavailable, match='test snippet'):
        asyncio.run(try_snippet(Saying(result)))
    parts = looked_after(ScriptedEngine(lambda _: answering('B')), sandbox=Saying(result))
    with pytest.raises(SandboxUnavailable):
        asyncio.run(parts.start())
