"""The part of the Ray backend that runs on every node: one actor, which owns the node's ordinary local sandbox.

Code is confined as on a machine of its own: the supervisor gets neither the environment nor a descriptor of the actor.
Owns the node's bound on sessions, and the end of what a trainer left. Where sessions go is `ray_backend`'s business.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from ..config import SandboxSettings
from ..errors import SessionDead
from ..types import SandboxResult
from .base import InputImage, Limits, Session, try_snippet
from .zygote_backend import ZygoteSandbox

LEASE_S = 300.0
"""A session that its trainer did not name for so long ends; so does the actor where there is no trainer."""

Asked = tuple[str, bytes, float | None]
"""A session's name, a snippet as UTF-8 with what surrogates it has, and its time in seconds."""
Reply = tuple[SandboxResult, list[bytes]]
"""What it gave, with paths of the node, and the bytes of its pictures."""


class NodeSandbox:
    """The actor. Its methods run in one event loop; what they raise as `SandboxError` is the node's own failure."""

    def __init__(self, settings: SandboxSettings, capacity: int, lease_s: float, end: Callable[[], None]) -> None:
        """
        Args:
            settings: of the local sandbox.
            capacity: sessions at a time.
            lease_s: how long trainers may be silent, seconds.
            end: ends the actor's process.
        """
        self._sandbox, self._capacity, self._lease_s, self._end = ZygoteSandbox(settings), capacity, lease_s, end
        self._sessions: dict[str, Session | None] = {}
        """By name; a place is taken before the session is there."""
        self._named: dict[str, float] = {}
        """When, by the session's name."""
        self._renewed = time.monotonic()
        self._watch: asyncio.Task[None] | None = None

    async def renew(self, trainer: str, names: Collection[str]) -> int:
        """Says that a trainer lives, and sees to it that the sandbox does.

        Args:
            trainer: with what the names of its sessions begin.
            names: those that it has; what is left of others is ended.

        Returns:
            Open sessions of all trainers; so does `close`.

        Raises:
            SandboxUnavailable: code cannot be confined on this node.
        """
        self._watch = self._watch or asyncio.create_task(self._end_what_is_left())
        self._renewed = time.monotonic()
        self._named |= {name: self._renewed for name in names if name in self._sessions}
        left = [name for name in self._sessions if name.startswith(trainer) and name not in names]
        await asyncio.gather(*(self.close(name) for name in left))
        await asyncio.wrap_future((await asyncio.to_thread(self._sandbox.connect)).hello)
        return len(self._sessions)

    async def examine(self) -> None:
        """Tries a snippet, in a session that takes no place.

        Raises:
            SandboxError: it cannot run, or gives something else than it should.
        """
        await try_snippet(self._sandbox)

    async def open(
        self, name: str, contents: Sequence[Awaitable[bytes]], images: Sequence[InputImage], limits: Limits
    ) -> bool:
        """Opens a session.

        Args:
            name: one that the trainer chose.
            contents: pictures in the object store.
            images: what is said of them, without the bytes.
            limits: of the session.

        Returns:
            False where all places are taken.

        Raises:
            SandboxUnavailable: no session can be opened on this node.
        """
        if len(self._sessions) >= self._capacity:
            return False
        self._sessions[name], self._named[name] = None, math.inf
        try:
            inputs = [replace(image, source=await content) for content, image in zip(contents, images, strict=True)]
            self._sessions[name] = await self._sandbox.open(inputs, limits=limits)
        except BaseException:
            del self._sessions[name], self._named[name]
            raise
        self._named[name] = time.monotonic()
        return True

    async def run(self, asked: bytes) -> bytes:
        """Runs one snippet.

        Args:
            asked: `Asked` as MessagePack: Ray takes bytes as they are, and pickles everything else.

        Returns:
            `Reply` as MessagePack.

        Raises:
            SessionDead: the session is closed or lost.
        """
        name, code, timeout_s = msgspec.msgpack.decode(asked, type=Asked)
        session = self._sessions.get(name)
        if session is None:
            raise SessionDead(f'session {name} is closed')
        result = await session.run(code.decode('utf-8', 'surrogatepass'), timeout_s=timeout_s)
        return msgspec.msgpack.encode((result, [Path(image.path).read_bytes() for image in result.images]))

    async def close(self, name: str) -> int:
        """Ends a session, if there is one of this name; its place is free once its processes are gone."""
        session = self._sessions.get(name)
        if session is not None:
            await session.close()
            self._sessions.pop(name, None)
            self._named.pop(name, None)
        return len(self._sessions)

    async def _end_what_is_left(self) -> None:
        while True:
            await asyncio.sleep(self._lease_s / 10)
            since = time.monotonic() - self._lease_s
            await asyncio.gather(*(self.close(name) for name, named in self._named.items() if named < since))
            if self._renewed < since:
                await self._sandbox.aclose()
                if self._renewed < since:  # nobody came meanwhile; who did has a supervisor of its own
                    self._end()
