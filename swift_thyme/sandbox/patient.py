"""A sandbox for training: one that is down is waited for, as a judge is, and then the run stops.

Owns telling a session that is lost from a sandbox that does not work: after every loss a session of its own is tried.
Which trajectory is set aside is the agent's business.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from ..errors import MachineryDown, SandboxError
from ..types import SandboxResult
from .base import InputImage, Limits, Sandbox, Session, require_working

T = TypeVar('T')
logger = logging.getLogger(__name__)
_LONGEST_PAUSE_S = 30.0


class PatientSandbox(Sandbox):
    """Another sandbox, with patience. Usable from any thread and event loop if that one is."""

    def __init__(self, inner: Sandbox, limit_s: float, first_pause_s: float = 1.0) -> None:
        """
        Args:
            inner: the one that is waited for.
            limit_s: how long.
            first_pause_s: between two tries; each pause is twice the one before, up to half a minute.
        """
        self._inner, self._limit_s, self._first_pause_s = inner, limit_s, first_pause_s

    @property
    def default_limits(self) -> Limits:
        """See `Sandbox.default_limits`."""
        return self._inner.default_limits

    async def open(
        self, images: Sequence[InputImage] = (), *, limits: Limits | None = None, output_dir: str | Path | None = None
    ) -> Session:
        """See `Sandbox.open`.

        Raises:
            ConfigError: a setting cannot work.
            DataError: a picture cannot be read.
            MachineryDown: no session could be opened within the limit.
        """

        async def try_it() -> Session:
            return await self._inner.open(images, limits=limits, output_dir=output_dir)

        return _PatientSession(self, try_it, await self._until(try_it))

    async def aclose(self) -> None:
        """See `Sandbox.aclose`."""
        await self._inner.aclose()

    def figures(self) -> dict[str, float]:
        """See `Sandbox.figures`."""
        return self._inner.figures()

    async def until_it_works(self) -> None:
        """Returns once a snippet runs in a session of its own, on one machine at least; a full one counts as well.

        Raises:
            MachineryDown: none did within the limit.
        """
        await self._until(lambda: require_working(self._inner))

    async def _until(self, try_it: Callable[[], Awaitable[T]]) -> T:
        begun, pause_s = time.monotonic(), self._first_pause_s
        while True:
            try:
                return await try_it()
            except SandboxError as error:
                waited_s = time.monotonic() - begun
                if waited_s + pause_s > self._limit_s:
                    raise MachineryDown(
                        f'the sandbox does not work, for {waited_s:.0f} s (THYME_SANDBOX_OUTAGE_LIMIT_S): {error}; run '
                        '`thyme doctor` on this machine, then go on with --resume_from_checkpoint'
                    ) from error
                logger.warning('the sandbox does not work (%s), for %.0f s; trying again', error, waited_s)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


class _PatientSession(Session):
    """A session that begins anew where it is lost before anything ran in it."""

    def __init__(self, sandbox: PatientSandbox, reopen: Callable[[], Awaitable[Session]], inner: Session) -> None:
        self._sandbox, self._reopen, self._inner = sandbox, reopen, inner
        self._has_run = self._closed = False

    async def run(self, code: str, *, timeout_s: float | None = None) -> SandboxResult:
        """See `Session.run`.

        Raises:
            SessionDead: the session is lost, though the sandbox works.
            MachineryDown: the sandbox does not work, for longer than the limit.
        """
        try:
            result = await self._inner.run(code, timeout_s=timeout_s)
        except SandboxError:
            if self._closed:
                raise
            await self._sandbox.until_it_works()
            if self._has_run:
                raise
            self._inner = await self._reopen()
            result = await self._inner.run(code, timeout_s=timeout_s)
        self._has_run = True
        return result

    async def close(self) -> None:
        """See `Session.close`."""
        self._closed = True
        await self._inner.close()

    def close_soon(self) -> None:
        """See `Session.close_soon`."""
        self._closed = True
        self._inner.close_soon()
