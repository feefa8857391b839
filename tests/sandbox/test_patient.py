"""A sandbox that is down is waited for; one that stays down, and a setting that cannot work, end the run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from swift_thyme.config import SandboxSettings
from swift_thyme.errors import ConfigError, MachineryDown, SandboxUnavailable, SessionDead
from swift_thyme.sandbox import InputImage, Limits, PatientSandbox, Sandbox, Session, ZygoteSandbox
from swift_thyme.types import Outcome, SandboxResult


class Flaky(Sandbox):
    """Real sessions of another sandbox, after some tries that fail."""

    def __init__(self, inner: Sandbox, refusals: int = 0, losses: int = 0) -> None:
        self.inner, self.refusals, self.losses = inner, refusals, losses
        self.opened = 0

    async def open(
        self, images: Sequence[InputImage] = (), *, limits: Limits | None = None, output_dir: str | Path | None = None
    ) -> Session:
        if self.refusals:
            self.refusals -= 1
            raise SandboxUnavailable('no process can be made')
        self.opened += 1
        session = await self.inner.open(images, limits=limits, output_dir=output_dir)
        if self.losses:
            self.losses -= 1
            await session.close()
        return session

    async def aclose(self) -> None:
        await self.inner.aclose()


def text_of(sandbox: Sandbox, *codes: str) -> str:
    async def go() -> SandboxResult:
        async with await sandbox.open() as session:
            for code in codes:
                result = await session.run(code)
            return result

    result = asyncio.run(go())
    assert result.outcome is Outcome.OK
    return result.text


def test_a_sandbox_that_comes_back_is_waited_for(sandbox: ZygoteSandbox) -> None:
    assert text_of(PatientSandbox(Flaky(sandbox, refusals=3), 5, 0.01), 'print(7)') == '7\n'


def test_one_that_does_not_come_back_ends_the_run(sandbox: ZygoteSandbox) -> None:
    with pytest.raises(MachineryDown, match=r'THYME_SANDBOX_OUTAGE_LIMIT_S.*no process can be made.*thyme doctor'):
        text_of(PatientSandbox(Flaky(sandbox, refusals=1000), 0.1, 0.01), 'print(7)')


def test_a_session_that_is_lost_before_it_ran_anything_begins_anew(sandbox: ZygoteSandbox) -> None:
    flaky = Flaky(sandbox, losses=1)
    assert text_of(PatientSandbox(flaky, 5, 0.01), 'print(7)') == '7\n'
    assert flaky.opened == 3, 'the lost one, the trial, the new one'


def test_a_session_with_a_past_that_is_lost_is_lost_though_the_sandbox_works(sandbox: ZygoteSandbox) -> None:
    async def go() -> None:
        session = await PatientSandbox(sandbox, 5, 0.01).open()
        await session.run('x = 1')
        await session._inner.close()  # type: ignore[attr-defined]
        await session.run('print(x)')

    with pytest.raises(SessionDead):
        asyncio.run(go())


@pytest.mark.parametrize('place', ['/proc', '/proc/nowhere', '/dev/null'])
def test_a_place_for_sessions_that_cannot_work_is_said_at_once(place: str) -> None:
    broken = ZygoteSandbox(SandboxSettings(base_dir=place))
    with pytest.raises(ConfigError, match='THYME_SANDBOX_DIR'):
        text_of(PatientSandbox(broken, 600), 'print(7)')
