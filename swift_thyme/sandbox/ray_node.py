"""The part of the Ray backend that runs on every node: one actor, which owns the node's ordinary local sandbox.

Code is confined as on a machine of its own: the supervisor gets neither the environment nor a descriptor of the actor.
Owns the node's bound on sessions, and the end of what a trainer left. Where sessions go is `ray_backend`'s business.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from ..config import SandboxSettings
from ..errors import SessionDead
from ..types import SandboxResult
from .base import InputImage, Limits, Session
from .zygote_backend import ZygoteSandbox

LEASE_S = 300.0
"""A trainer that was not heard of for so long is gone, and its sessions with it; without any the actor ends."""


class NodeSandbox:
    """The actor. Its methods run in one event loop; what they raise as `SandboxError` is the node's own failure."""

    def __init__(self, settings: SandboxSettings, capacity: int, end: Callable[[], None]) -> None:
        """
        Args:
            settings: of the local sandbox.
            capacity: sessions at a time.
            end: ends the actor's process.
        """
        self._sandbox = ZygoteSandbox(settings)
        self._capacity, self._end = capacity, end
        self._owners: dict[str, str] = {}
        """Session → its trainer; a place is taken before the session is there."""
        self._sessions: dict[str, Session] = {}
        self._heard: dict[str, float] = {}
        self._watch: asyncio.Task[None] | None = None

    async def greet(self, trainer: str) -> int:
        """Starts the sandbox for a trainer; what an earlier connection of it left is closed.

        Returns:
            Open sessions; so do `renew` and `close`.

        Raises:
            SandboxUnavailable: code cannot be confined on this node.
        """
        self._watch = self._watch or asyncio.create_task(self._end_what_is_left())
        await self.drop(trainer)
        self._heard[trainer] = time.monotonic()
        await asyncio.wrap_future((await asyncio.to_thread(self._sandbox.connect)).hello)
        return len(self._owners)

    async def renew(self, trainer: str) -> int:
        """Says that a trainer lives."""
        self._heard[trainer] = time.monotonic()
        return len(self._owners)

    async def open(
        self,
        trainer: str,
        ident: str,
        contents: Sequence[Awaitable[bytes]],
        paths: Sequence[str | None],
        limits: Limits,
    ) -> bool:
        """Opens a session under a name that the trainer chose.

        Args:
            trainer: who asks.
            ident: the session's name.
            contents: pictures in the object store.
            paths: by which code calls them.
            limits: of the session.

        Returns:
            False where all places are taken.

        Raises:
            SandboxUnavailable: no session can be opened on this node.
        """
        if len(self._owners) >= self._capacity:
            return False
        self._owners[ident] = trainer
        try:
            images = [InputImage(await content, path) for content, path in zip(contents, paths, strict=True)]
            session = await self._sandbox.open(images, limits=limits)
        except BaseException:
            self._owners.pop(ident, None)
            raise
        if ident in self._owners:
            self._sessions[ident] = session
        else:  # closed meanwhile
            await session.close()
        return True

    async def run(self, ident: str, code: str, timeout_s: float | None) -> tuple[SandboxResult, list[bytes]]:
        """Runs one snippet.

        Returns:
            Its result, whose paths are this node's, and the bytes of its pictures.

        Raises:
            SessionDead: the session is closed or lost.
        """
        if ident not in self._sessions:
            raise SessionDead(f'session {ident} is closed')
        result = await self._sessions[ident].run(code, timeout_s=timeout_s)
        return result, [Path(image.path).read_bytes() for image in result.images]

    async def close(self, ident: str) -> int:
        """Ends a session, if there is one of this name."""
        session = self._sessions.pop(ident, None)
        if session is not None:
            await session.close()
        self._owners.pop(ident, None)
        return len(self._owners)

    async def drop(self, trainer: str) -> None:
        """Ends all sessions of a trainer."""
        self._heard.pop(trainer, None)
        await asyncio.gather(*(self.close(ident) for ident, owner in list(self._owners.items()) if owner == trainer))

    async def _end_what_is_left(self) -> None:
        while True:
            await asyncio.sleep(LEASE_S / 10)
            for trainer in [who for who, heard in self._heard.items() if time.monotonic() - heard > LEASE_S]:
                await self.drop(trainer)
            if not self._heard:
                await self._sandbox.aclose()
                if not self._heard:  # nobody came meanwhile; who did has a supervisor of its own
                    self._end()
