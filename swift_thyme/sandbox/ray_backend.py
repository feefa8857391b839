"""`RaySandbox`: sessions on all nodes of a Ray cluster, placed by free capacity. `ray_node` is what runs there.

A node is in the pool, for as many sessions as it says, if it was started with the resource `thyme_sandbox`; where none
has it, every node with processors is. A node or actor that is lost takes its own sessions with it, and nothing else.
All work happens in one event loop on a thread of its own, so nothing is shared between threads.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import shutil
import tempfile
import time
import uuid
import weakref
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError

from ..config import SandboxSettings
from ..errors import SandboxError, SandboxUnavailable, SessionDead, ThymeError
from ..loop import LoopThread
from ..types import SandboxResult
from .base import InputImage, Limits, Sandbox, Session, try_session
from .ray_cluster import RESOURCE, actor_of, join_cluster, nodes_of_the_pool
from .zygote_backend import look_at, make_output_dir

T = TypeVar('T')
logger = logging.getLogger(__name__)
BEAT_S, SILENCE_S, START_S, END_S = 2.0, 30.0, 120.0, 5.0
"""How often nodes are looked at, and what they have for an answer, for starting their sandbox, and at the end."""
QUEUE_S = 60.0
"""A session that finds no free place for so long is an outage of the pool."""


@dataclass(eq=False)
class _Node:
    """A node of the pool as this trainer sees it."""

    name: str
    actor: Any
    capacity: int
    gone: asyncio.Future[str]
    """Set, with the reason, when the node is lost."""
    open: int = 0
    """Sessions of all trainers, as last heard, and those that this one asked for since."""

    @property
    def room(self) -> int:
        return self.capacity - self.open


@dataclass(eq=False)
class _Picture:
    """A picture in the object store, as long as a session of this trainer has it."""

    reference: Any


@dataclass
class _Counts:
    """Since the figures were last asked for."""

    queued_s: list[float] = field(default_factory=list)
    placed: list[str] = field(default_factory=list)
    lost_nodes: int = 0
    lost_sessions: int = 0


class RaySession(Session):
    """See `Session`. Its pictures are copied to this machine."""

    def __init__(
        self,
        pool: RaySandbox,
        node: _Node,
        ident: str,
        directory: Path | None = None,
        pictures: Sequence[_Picture] = (),
        *,
        is_probe: bool = False,
    ) -> None:
        own = pool.folder / ident
        self._directory, self._prefix = directory or own, f'{ident}-' if directory else ''
        self._pool, self._node, self._ident, self._pictures = pool, node, ident, pictures
        self._dead, self._is_probe = '', is_probe
        self._closing = (node, ident, own)
        self._finalizer = weakref.finalize(self, pool.release, *self._closing)

    async def run(self, code: str, *, timeout_s: float | None = None) -> SandboxResult:
        """See `Session.run`."""
        try:
            if self._dead:
                raise SessionDead(self._dead)
            result, contents = await self._pool.submit(self._pool.ask(self._node, 'run', self._ident, code, timeout_s))
        except SandboxError as error:
            self._pool.counts.lost_sessions += not (self._dead or self._is_probe)
            self._dead = self._dead or f'session {self._ident} is lost: {error}'
            raise SessionDead(self._dead) from error
        return await asyncio.to_thread(self._keep, result, contents) if contents else result

    def _keep(self, result: SandboxResult, contents: list[bytes]) -> SandboxResult:
        self._directory.mkdir(parents=True, exist_ok=True)
        kept = []
        for image, content in zip(result.images, contents, strict=True):
            path = self._directory / f'{self._prefix}{os.path.basename(image.path)}'
            path.write_bytes(content)
            kept.append(replace(image, path=str(path)))
        return replace(result, images=tuple(kept))

    async def close(self) -> None:
        """See `Session.close`."""
        self._dead = self._dead or f'session {self._ident} is closed'
        if self._finalizer.detach() is not None:
            with suppress(Exception):
                await self._pool.submit(self._pool.close_session(*self._closing))

    def close_soon(self) -> None:
        """See `Session.close_soon`."""
        self._dead = self._dead or f'session {self._ident} is closed'
        self._finalizer()


class RaySandbox(Sandbox):
    """See `Sandbox`. Joins the cluster with the first session; usable from any thread and event loop."""

    def __init__(self, settings: SandboxSettings | None = None) -> None:
        """
        Args:
            settings: of every node's sandbox; by default those of the environment.

        Raises:
            ConfigError: a setting cannot be read.
        """
        self._settings = settings or SandboxSettings.from_env()
        self._trainer, self._pid = uuid.uuid4().hex, os.getpid()
        self._thread = LoopThread('thyme-sandbox-ray')
        self._scratch = tempfile.TemporaryDirectory(prefix='thyme-pictures-', ignore_cleanup_errors=True)
        self.folder = Path(self._scratch.name)
        """Pictures of sessions that were given no `output_dir`."""
        self.counts = _Counts()
        self._nodes: dict[str, _Node] = {}
        self._faults: dict[str, str] = {}
        self._pictures: weakref.WeakValueDictionary[str, _Picture] = weakref.WeakValueDictionary()
        self._beat: asyncio.Task[None] | None = None
        self._named = False
        """Whether some node said how many sessions it may hold."""
        self._examining: asyncio.Task[dict[str, str]] | None = None
        self._joining, self._queue = asyncio.Lock(), asyncio.Lock()

    @property
    def default_limits(self) -> Limits:
        """Limits of a session that names none."""
        return Limits.of(self._settings)

    async def open(
        self, images: Sequence[InputImage] = (), *, limits: Limits | None = None, output_dir: str | Path | None = None
    ) -> RaySession:
        """See `Sandbox.open`. Waits where all places are taken.

        Args:
            images: the pictures of the question.
            limits: overrides the sandbox's own.
            output_dir: of this machine; accepted pictures are put here and outlive the session.
        """
        return await self.submit(self._open(list(images), limits or self.default_limits, output_dir))

    async def _open(self, images: list[InputImage], limits: Limits, output_dir: str | Path | None) -> RaySession:
        read = await asyncio.to_thread(lambda: [_read(image) for image in images])
        directory = None if output_dir is None else Path(os.path.abspath(output_dir))
        if directory is not None:
            make_output_dir(str(directory))
        await self._join()
        begun, ident = time.monotonic(), uuid.uuid4().hex
        pictures = [await self._put(content) for content, _ in read]
        contents, paths = [picture.reference for picture in pictures], [path for _, path in read]
        node = await self._place(ident, contents, paths, limits)
        self.counts.queued_s.append(time.monotonic() - begun)
        self.counts.placed.append(node.name)
        return RaySession(self, node, ident, directory, pictures)

    async def _put(self, content: bytes) -> _Picture:
        sha256 = hashlib.sha256(content).hexdigest()
        if (known := self._pictures.get(sha256)) is not None:
            return known
        try:
            reference = await asyncio.to_thread(ray.put, content)
        except RayError as error:
            raise SandboxUnavailable(f'a picture cannot be put into the object store of Ray: {error}') from error
        return self._pictures.setdefault(sha256, _Picture(reference))

    async def _place(self, ident: str, contents: list[Any], paths: list[str | None], limits: Limits) -> _Node:
        """Opens a session where there is most room, and elsewhere where that fails."""
        until_s, failed = time.monotonic() + QUEUE_S, set[_Node]()
        while True:
            node = await self._reserve(until_s)
            try:
                if await self.ask(node, 'open', self._trainer, ident, contents, paths, limits):
                    return node
            except asyncio.CancelledError:
                self.release(node, ident, self.folder / ident)
                raise
            except SandboxError as error:
                failed.add(node)
                if failed.issuperset(self._nodes.values()):
                    raise SandboxUnavailable(str(error)) from error
            node.open = node.capacity  # as far as is known until it is looked at again

    async def _reserve(self, until_s: float) -> _Node:
        """A node with a free place, which is taken; first come, first served."""
        async with self._queue:
            while True:
                node = max(self._nodes.values(), key=lambda node: node.room, default=None)
                if node is None:
                    raise SandboxUnavailable(f'no node of the Ray cluster runs code: {self._faults or "it has none"}')
                if node.room > 0:
                    node.open += 1
                    return node
                if time.monotonic() > until_s:
                    raise SandboxUnavailable(
                        f'all {sum(node.capacity for node in self._nodes.values())} places of the pool are taken, for '
                        f'{QUEUE_S:.0f} s; start nodes with more of the resource {RESOURCE}, or roll out fewer '
                        'trajectories at a time'
                    )
                await asyncio.sleep(0.02)

    async def aclose(self) -> None:
        """See `Sandbox.aclose`. The nodes' own sandboxes stay warm for a while; a later `open` joins anew."""
        await self.submit(self._leave())

    async def _leave(self) -> None:
        if self._beat is not None:
            self._beat.cancel()
        nodes, self._nodes, self._beat = self._nodes, {}, None
        drops = (self.ask(node, 'drop', self._trainer, limit_s=END_S) for node in nodes.values())
        await asyncio.gather(*drops, return_exceptions=True)
        for node in nodes.values():
            self._lose(node, 'the sandbox is closed')

    async def examine(self) -> dict[str, str]:
        """See `Sandbox.examine`; a node that is full is not tried."""
        return await self.submit(self._examine_once())

    async def _examine_once(self) -> dict[str, str]:
        """For all who ask at a time: after the loss of a node that is each of its sessions."""
        if self._examining is None or self._examining.done():
            self._examining = asyncio.create_task(self._examine())
        return await asyncio.shield(self._examining)

    async def _examine(self) -> dict[str, str]:
        await self._join()
        found, none = dict(self._faults), list[Any]()
        for node in list(self._nodes.values()):
            found[node.name], ident = '', uuid.uuid4().hex
            try:
                if await self.ask(node, 'open', self._trainer, ident, none, none, self.default_limits):
                    await try_session(RaySession(self, node, ident, is_probe=True))
            except SandboxError as error:
                found[node.name] = str(error)
        if not found:
            raise SandboxUnavailable(f'the Ray cluster has no node with processors, or with the resource {RESOURCE}')
        return found

    def figures(self) -> dict[str, float]:
        """See `Sandbox.figures`: the pool's size and use, how long this trainer queued, and where its sessions went."""
        counts, self.counts = self.counts, _Counts()
        nodes, queued_s = list(self._nodes.values()), sorted(counts.queued_s)
        out: dict[str, float] = {
            'nodes': len(nodes),
            'capacity': sum(node.capacity for node in nodes),
            'open': sum(node.open for node in nodes),
            'lost_nodes': counts.lost_nodes,
            'lost_sessions': counts.lost_sessions,
        }
        if queued_s:
            out |= {'queue_p50_s': queued_s[len(queued_s) // 2], 'queue_max_s': queued_s[-1]}
            out['most_on_one_node'] = max(map(counts.placed.count, set(counts.placed))) / len(counts.placed)
        return out

    # -- for sessions ---------------------------------------------------------------------------------------------

    def submit(self, work: Coroutine[Any, Any, T]) -> asyncio.Future[T]:
        """Starts work in the pool's event loop; the future is of the caller's."""
        return asyncio.wrap_future(self._thread.submit(work))

    async def ask(self, node: _Node, method: str, *args: Any, limit_s: float | None = None) -> Any:
        """Calls a node's actor.

        Raises:
            ThymeError: what the node raised.
            SandboxError: the node is lost, or gives no answer within the limit, and is lost then.
        """
        try:
            reply = asyncio.wrap_future(getattr(node.actor, method).remote(*args).future())
            reply.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may wait for it by then
            await asyncio.wait((reply, node.gone), timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            if reply.done():
                return reply.result()
            self._lose(node, f'no answer for {limit_s} s')
        except RayTaskError as error:
            cause = error.cause
            raise cause if isinstance(cause, ThymeError) else SandboxError(f'{node.name}: {cause!r}') from None
        except RayError as error:
            self._lose(node, f'{type(error).__name__}: {str(error).partition(chr(10))[0]}')
        raise SandboxError(node.gone.result())

    def release(self, node: _Node, ident: str, folder: Path) -> None:
        """Ends a session without waiting, from any thread, finalizers included."""
        if self._pid == os.getpid():
            asyncio.run_coroutine_threadsafe(self.close_session(node, ident, folder), node.gone.get_loop())

    async def close_session(self, node: _Node, ident: str, folder: Path) -> None:
        """Ends a session and removes its own pictures."""
        with suppress(SandboxError):
            node.open = await self.ask(node, 'close', ident, limit_s=SILENCE_S)
        if folder.exists():
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    # -- the pool -------------------------------------------------------------------------------------------------

    async def _join(self) -> None:
        """Sees to it that there is a pool with a node in it, if there can be one."""
        if self._nodes and self._beats():
            return
        async with self._joining:
            if not self._beats():
                await asyncio.to_thread(join_cluster)
                self._beat = asyncio.create_task(self._look_again())
            if not self._nodes:
                try:
                    await self._look()
                except RayError as error:
                    raise SandboxUnavailable(f'the Ray cluster cannot be looked at: {error}') from error

    def _beats(self) -> bool:
        return self._beat is not None and not self._beat.done()

    async def _look_again(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            try:
                async with self._joining:
                    await self._look()
            except (RayError, RuntimeError, OSError) as error:
                logger.warning('the Ray cluster cannot be looked at: %s', error)

    async def _look(self) -> None:
        """Takes in nodes that came, gives up those that left, and says to the others that this trainer lives."""
        found, self._named = await asyncio.to_thread(nodes_of_the_pool, self._named)
        for ident in self._nodes.keys() - found.keys():
            self._lose(self._nodes[ident], 'it left the Ray cluster')
        self._faults = {}
        known = [self._renew(node) for node in self._nodes.values()]
        await asyncio.gather(*known, *(self._enlist(i, *found[i]) for i in found.keys() - self._nodes.keys()))

    async def _renew(self, node: _Node) -> None:
        with suppress(SandboxError):
            node.open = await self.ask(node, 'renew', self._trainer, limit_s=SILENCE_S)

    async def _enlist(self, ident: str, name: str, capacity: int) -> None:
        try:
            actor = await asyncio.to_thread(actor_of, ident, capacity, self._settings)
            node = _Node(name, actor, capacity, asyncio.get_running_loop().create_future())
            node.open = await self.ask(node, 'greet', self._trainer, limit_s=START_S)
            self._nodes[ident] = node
        except (SandboxError, RayError, ValueError) as error:
            self._faults[name] = str(error)

    def _lose(self, node: _Node, reason: str) -> None:
        if not node.gone.done():
            node.gone.set_result(f'node {node.name} is lost: {reason}')
        if node in self._nodes.values():
            self.counts.lost_nodes += 1
            self._nodes = {ident: other for ident, other in self._nodes.items() if other is not node}
            logger.warning('%s; its sessions are set aside, new ones go elsewhere', node.gone.result())


def _read(image: InputImage) -> tuple[bytes, str | None]:
    """The bytes of a picture, and the path by which code may call it: its own here where the prompt has none."""
    look_at(image)
    if isinstance(image.source, bytes):
        return image.source, image.prompt_path
    path = os.path.abspath(image.source)
    return Path(path).read_bytes(), image.prompt_path or path
