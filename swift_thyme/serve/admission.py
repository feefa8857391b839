"""How many requests are let in, how many of them run, and how many of their snippets run at a time."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from ..sandbox import InputImage, Limits, Sandbox, Session
from ..types import SandboxResult
from .errors import ApiError

_SMOOTHING = 0.2
_ASSUMED_S = 10.0
"""How long a request is taken to run while none has ended."""
_MOST_RETRY_AFTER_S = 600


class Admission:
    """Lets in at most `running + waiting` requests and lets `running` of them run, first come, first served."""

    def __init__(self, running: int, waiting: int) -> None:
        self._limit = running + waiting
        self._slots = running
        self._running = asyncio.Semaphore(running)
        self._usual_s: float | None = None
        """How long a request runs, from those that ended."""
        self._begun: dict[object, float] = {}
        self.admitted = 0
        """Requests let in and not answered yet."""

    @property
    def running(self) -> int:
        """Of these, those that run."""
        return len(self._begun)

    def require_room(self) -> None:
        """Refuses a request where none more is let in.

        Raises:
            ApiError: the server is full (429, with the time after which to come back).
        """
        if self.admitted >= self._limit:
            raise ApiError(
                429,
                f'the server has {self.admitted} requests, its limit; come back later',
                code='server_overloaded',
                retry_after_s=self.retry_after_s,
            )

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Counts a request for as long as the block.

        Raises:
            ApiError: see `require_room`.
        """
        self.require_room()
        self.admitted += 1
        try:
            yield
        finally:
            self.admitted -= 1

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Waits for a turn, and holds it for as long as the block."""
        async with self._running:
            me, begun = object(), time.monotonic()
            self._begun[me] = begun
            try:
                yield
            finally:
                del self._begun[me]
                took = time.monotonic() - begun
                before = took if self._usual_s is None else self._usual_s
                self._usual_s = before + _SMOOTHING * (took - before)

    @property
    def retry_after_s(self) -> int:
        """Seconds until the requests that wait now will have had their turn: what usually passes until that many ended.

        Where none has ended yet, a request is taken to last `_ASSUMED_S`, or twice as long as the oldest has run.
        """
        oldest_s = max((time.monotonic() - begun for begun in self._begun.values()), default=0.0)
        usual_s = max(oldest_s, self._usual_s or max(_ASSUMED_S, 2 * oldest_s))
        first_s = usual_s - oldest_s
        waiting = self.admitted - self.running
        return min(max(1, math.ceil(first_s + usual_s * max(waiting - 1, 0) / self._slots)), _MOST_RETRY_AFTER_S)


class BoundedSandbox(Sandbox):
    """A sandbox in which at most `snippets` run, or sessions start, at a time. For one event loop.

    Open sessions are bounded by the requests that run: while the model generates, an idle one costs memory and no time.
    """

    def __init__(self, inner: Sandbox, snippets: int) -> None:
        self._inner = inner
        self.turns = asyncio.Semaphore(snippets)
        """One for each snippet that may run."""
        self._closing: set[asyncio.Task[None]] = set()
        self.open_sessions = 0
        """Sessions whose processes are alive."""

    @property
    def default_limits(self) -> Limits:
        """See `Sandbox.default_limits`."""
        return self._inner.default_limits

    async def open(
        self, images: Sequence[InputImage] = (), *, limits: Limits | None = None, output_dir: str | Path | None = None
    ) -> Session:
        """See `Sandbox.open`.

        Args:
            images: the pictures of the question.
            limits: overrides the sandbox's own.
            output_dir: where accepted pictures are kept.
        """
        async with self.turns:
            session = await self._inner.open(images, limits=limits, output_dir=output_dir)
        self.open_sessions += 1
        return _BoundedSession(session, self)

    async def aclose(self) -> None:
        """See `Sandbox.aclose`."""
        await asyncio.gather(*self._closing)
        await self._inner.aclose()

    def close_session(self, session: Session) -> asyncio.Task[None]:
        """Closes a session in the background."""
        task = asyncio.get_running_loop().create_task(self._close(session))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        return task

    async def _close(self, session: Session) -> None:
        try:
            await session.close()
        finally:
            self.open_sessions -= 1


class _BoundedSession(Session):
    def __init__(self, inner: Session, owner: BoundedSandbox) -> None:
        self._inner, self._owner = inner, owner
        self._closing: asyncio.Task[None] | None = None

    async def run(self, code: str, *, timeout_s: float | None = None) -> SandboxResult:
        async with self._owner.turns:
            return await self._inner.run(code, timeout_s=timeout_s)

    async def close(self) -> None:
        self.close_soon()
        if self._closing is not None:
            await asyncio.shield(self._closing)

    def close_soon(self) -> None:
        if self._closing is None:
            self._closing = self._owner.close_session(self._inner)
