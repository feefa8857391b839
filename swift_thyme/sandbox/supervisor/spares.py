"""Processes forked ahead of time, so that a session need not wait for the fork, by one zygote after another.

A spare has run no snippet, holds nothing of any session, and waits for the one message that makes it one session's
(`worker.main`). Each is used once. Python draws the seed of `hash` when it starts, so sessions of one zygote share it:
more zygotes are started once there are more sessions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from ...errors import SandboxError
from .. import wire
from .zygote import Child, ZygoteHandle

_KEPT = 2
"""How many are kept ready. More would help only where many sessions are opened at once, and there forking is the
limit in any case."""


class Spares:
    """Keeps a few spares; makes the next ones while nobody waits for them."""

    def __init__(self, zygotes: Sequence[ZygoteHandle]) -> None:
        """
        Args:
            zygotes: who makes them, in turn; no more of them run than sessions were opened.
        """
        self._zygotes = list(zygotes)
        """The one that made something last comes last."""
        self._ready: list[Child] = []
        self._taken = 0
        self._refilling: asyncio.Task[None] | None = None
        self._growing: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def pids(self) -> list[int]:
        """Of the processes that wait."""
        return [spare.pid for spare in self._ready]

    async def take(self) -> Child:
        """One that waits, or else a new one.

        Raises:
            SandboxUnavailable: no process can be made.
        """
        self._taken += 1
        spare = self._ready.pop(0) if self._ready else await self._make()
        self.refill()
        return spare

    def refill(self) -> None:
        """Begins to make as many as are missing, zygotes included; returns at once."""
        missing = [zygote for zygote in self._zygotes if not zygote.runs]
        running = len(self._zygotes) - len(missing)
        if missing and running < self._taken and self._growing is None and not self._closed:
            self._growing = asyncio.create_task(self._grow(missing[0]))
        if self._refilling is None and not self._closed:
            self._refilling = asyncio.create_task(self._refill())

    async def _refill(self) -> None:
        try:
            with suppress(SandboxError):  # whoever then needs one is told
                while len(self._ready) < _KEPT and not self._closed:
                    self._ready.append(await self._make())
        finally:
            self._refilling = None
        if self._closed:
            self.kill()

    async def _make(self) -> Child:
        zygote = next((zygote for zygote in self._zygotes if zygote.runs), self._zygotes[0])
        self._zygotes.remove(zygote)
        self._zygotes.append(zygote)
        return await zygote.fork(wire.ZYGOTE_SPARE)

    async def _grow(self, zygote: ZygoteHandle) -> None:
        try:
            with suppress(SandboxError, OSError):  # the others go on, and it is tried again with the next session
                await zygote.start()
        finally:
            self._growing = None
        if zygote.runs:
            self.refill()

    def kill(self) -> None:
        """Ends all of them; no more are made."""
        self._closed = True
        for spare in self._ready:
            spare.end()
        self._ready.clear()
