"""`RaySandbox`: sessions on the nodes of a Ray cluster, placed by free capacity. `ray_node` is what runs there.

A node or actor that is lost takes its own sessions with it, and nothing else. The pool lives in an event loop on a
thread of its own; only snippets go to their node from the caller's, so that no other thread is between.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import os
import random
import shutil
import tempfile
import time
import uuid
import weakref
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import ray
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from .. import __version__
from ..config import SandboxSettings
from ..errors import SandboxError, SandboxUnavailable, SessionDead, ThymeError
from ..loop import LoopThread
from ..types import SandboxResult
from . import ray_node
from .base import InputImage, Limits, Sandbox, Session
from .remote import keep_pictures, to_send
from .times import p50_p99
from .zygote_backend import make_output_dir

T = TypeVar('T')
logger = logging.getLogger(__name__)
RESOURCE = 'thyme_sandbox'
"""Makes a node one of the pool; its amount is the number of sessions that the node may hold."""
CURE = f'start nodes with `ray start --address=HOST:6379 --resources=\'{{"{RESOURCE}": 256}}\'`'
BEAT_S, SILENCE_S, START_S = 2.0, 30.0, 120.0
"""How often nodes are looked at, and what they have for an answer and for starting their sandbox."""
QUEUE_S = 60.0
"""A session that finds no free place for so long is an outage of the pool."""


@dataclass(eq=False)
class _Node:
    """A node of the pool as this trainer sees it."""

    name: str
    actor: Any
    capacity: int
    losses: list[str]
    """Of the pool: a word for each node and session that was lost since the figures were asked for."""
    enlisted: bool = False
    """Whether it answered once; before, nothing is lost with it."""
    open: int = 0
    """Sessions of all trainers, as last heard, and those that this one asked for since."""
    lost: str = ''
    """Why, once it is."""
    sessions: set[str] = field(default_factory=set)
    """This trainer's; those of one that does not name them any more end by themselves."""
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    """Of the pool."""

    async def ask(self, method: str, *args: Any, limit_s: float = math.inf) -> Any:
        """Calls the actor, from any event loop.

        Raises:
            ThymeError: what it raised.
            SandboxError: the node is lost, or gives no answer within the limit, and is lost then.
        """
        until_s = time.monotonic() + limit_s
        try:
            reply = asyncio.wrap_future(getattr(self.actor, method).remote(*args).future())
            reply.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may wait for it by then
            while not self.lost:
                await asyncio.wait([reply], timeout=BEAT_S)
                if reply.done():
                    return reply.result()
                if time.monotonic() > until_s:
                    self.lose(f'no answer for {limit_s} s')
        except RayTaskError as error:
            cause = error.cause
            raise cause if isinstance(cause, ThymeError) else SandboxError(f'{self.name}: {cause!r}') from None
        except RayError as error:
            self.lose(f'{type(error).__name__}: {str(error).partition(chr(10))[0]}')
        raise SandboxError(self.lost)

    def lose(self, reason: str) -> None:
        """Gives the node up, with all that is asked of it; from any thread."""
        if not self.lost:
            self.lost = f'node {self.name} is lost: {reason}'
        if self.enlisted:
            self.enlisted = False
            self.losses.append('node')
            logger.warning('%s; its sessions are set aside, new ones go elsewhere', self.lost)

    async def close(self, ident: str) -> None:
        """Ends a session."""
        self.sessions.discard(ident)
        with suppress(SandboxError):
            self.open = await self.ask('close', ident, limit_s=SILENCE_S)

    def close_soon(self, ident: str) -> Future[None]:
        """As `close`, from any thread, finalizers included."""
        return asyncio.run_coroutine_threadsafe(self.close(ident), self.loop)


class RaySession(Session):
    """See `Session`. Its pictures are copied to this machine."""

    def __init__(self, node: _Node, ident: str, output_dir: Path | None, pictures: Sequence[Any]) -> None:
        self._node, self._ident, self._directory, self._dead = node, ident, output_dir, ''
        self._pictures = pictures  # in the object store as long as somebody has them
        self._finalizers: list[weakref.finalize[..., Any]] = [weakref.finalize(self, node.close_soon, ident)]

    async def run(self, code: str, *, timeout_s: float | None = None) -> SandboxResult:
        """See `Session.run`."""
        try:
            if self._dead:
                raise SessionDead(self._dead)
            asked = msgspec.msgpack.encode((self._ident, code.encode('utf-8', 'surrogatepass'), timeout_s))
            reply = await self._node.ask('run', asked)
            result, contents = msgspec.msgpack.decode(reply, type=ray_node.Reply)
            return await asyncio.to_thread(self._keep, result, contents) if contents else result
        except (SandboxError, OSError) as error:
            if not self._dead:
                self._dead = f'session {self._ident} is lost: {error}'
                self._node.losses.append('session')
            raise SessionDead(self._dead) from error

    def _keep(self, result: SandboxResult, contents: list[bytes]) -> SandboxResult:
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix='thyme-pictures-'))
            self._finalizers.append(weakref.finalize(self, shutil.rmtree, self._directory, True))
        return keep_pictures(result, contents, self._directory, f'{self._ident}-')

    async def close(self) -> None:
        """See `Session.close`."""
        self._dead = self._dead or f'session {self._ident} is closed'
        if self._finalizers[0].detach() is not None:
            with suppress(Exception):
                await asyncio.shield(asyncio.wrap_future(self._node.close_soon(self._ident)))
        self.close_soon()

    def close_soon(self) -> None:
        """See `Session.close_soon`."""
        self._dead = self._dead or f'session {self._ident} is closed'
        for finalize in self._finalizers:
            finalize()


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
        self._trainer, self._thread = uuid.uuid4().hex, LoopThread('thyme-sandbox-ray')
        self._nodes: dict[str, _Node] = {}
        self._faults: dict[str, str] = {}
        self._pictures: weakref.WeakValueDictionary[bytes, asyncio.Task[Any]] = weakref.WeakValueDictionary()
        self._shared: dict[str, asyncio.Task[Any]] = {}
        self._beat: asyncio.Task[None] | None = None
        self._placed, self._losses = list[tuple[float, str]](), list[str]()
        """Since the figures were last asked for: what each session waited, seconds, and its node; what was lost."""

    @property
    def default_limits(self) -> Limits:
        """Limits of a session that names none."""
        return Limits.of(self._settings)

    async def open(
        self, images: Sequence[InputImage] = (), *, limits: Limits | None = None, output_dir: str | Path | None = None
    ) -> RaySession:
        """See `Sandbox.open`. Waits where all places are taken; `output_dir` is of this machine."""
        opening = self._thread.submit(self._open(images, limits or self.default_limits, output_dir))
        return await asyncio.shield(asyncio.wrap_future(opening))  # one that nobody waits for closes as it is collected

    async def _open(self, images: Sequence[InputImage], limits: Limits, output_dir: str | Path | None) -> RaySession:
        read = await asyncio.to_thread(lambda: [to_send(image) for image in images])
        directory = None if output_dir is None else Path(os.path.abspath(output_dir))
        if directory is not None:
            make_output_dir(str(directory))
        if not self._alive():
            await self._once(self._look)
        begun, ident = time.monotonic(), f'{self._trainer}-{uuid.uuid4().hex}'
        pictures = [self._put(content) for content, _ in read]
        try:
            sent = [await picture for picture in pictures], [image for _, image in read]
        except RayError as error:
            raise SandboxUnavailable(f'a picture cannot be put into the object store of Ray: {error}') from error
        node = await self._place(ident, *sent, limits)
        self._placed.append((time.monotonic() - begun, node.name))
        return RaySession(node, ident, directory, pictures)

    def _put(self, content: bytes) -> asyncio.Task[Any]:
        """Puts a picture into the object store, where it is as long as a session of this trainer has it."""
        key = hashlib.sha256(content).digest()
        if (put := self._pictures.get(key)) is None:
            put = self._pictures[key] = asyncio.create_task(asyncio.to_thread(ray.put, content))
        return put

    async def _place(self, ident: str, contents: list[Any], images: list[InputImage], limits: Limits) -> _Node:
        """Opens a session where most places are free, and elsewhere where that fails; waits where none is."""
        until_s, failed = time.monotonic() + QUEUE_S, set[_Node]()
        while True:
            node = max(self._alive() - failed, key=lambda node: node.capacity - node.open, default=None)
            if node is None:
                raise SandboxUnavailable(f'no node of the Ray cluster opens a session: {self._faults}')
            if node.open < node.capacity:
                node.open += 1
                node.sessions.add(ident)
                try:
                    if await node.ask('open', ident, contents, images, limits):
                        return node
                    node.open = node.capacity  # as far as is known until it is looked at again
                except SandboxError as error:
                    failed.add(node)
                    self._faults[node.name] = str(error)
                node.sessions.discard(ident)
            elif time.monotonic() < until_s:
                await asyncio.sleep(0.02)
            else:
                raise SandboxUnavailable(
                    f'all {sum(node.capacity for node in self._alive())} places of the pool are taken, for '
                    f'{QUEUE_S:.0f} s; {CURE}, or roll out fewer trajectories at a time'
                )

    async def aclose(self) -> None:
        """See `Sandbox.aclose`. The nodes' own sandboxes stay warm for a while; a later `open` joins anew."""
        await asyncio.wrap_future(self._thread.submit(self._leave()))

    async def _leave(self) -> None:
        if self._beat is not None:
            self._beat.cancel()
        await asyncio.gather(*self._shared.values(), return_exceptions=True)  # what is under way
        nodes, self._nodes, self._beat = self._alive(), {}, None
        await asyncio.gather(*(node.close(ident) for node in nodes for ident in list(node.sessions)))
        for node in nodes:
            node.lost = node.lost or 'the sandbox is closed'

    async def examine(self) -> dict[str, str]:
        """See `Sandbox.examine`. A node that is full is tried as well."""
        return await asyncio.wrap_future(self._thread.submit(self._once(self._examine)))

    async def _examine(self) -> dict[str, str]:
        if not self._alive():
            await self._once(self._look)
        nodes = list(self._alive())
        errors = await asyncio.gather(*(node.ask('examine') for node in nodes), return_exceptions=True)
        return self._faults | {node.name: str(error or '') for node, error in zip(nodes, errors, strict=True)}

    def figures(self) -> dict[str, float]:
        """See `Sandbox.figures`: the pool's size and use, how long this trainer queued, and where its sessions went."""
        placed, self._placed = self._placed, []
        losses, nodes = [self._losses.pop() for _ in self._losses[:]], self._alive()
        out: dict[str, float] = {
            'nodes': len(nodes),
            'capacity': sum(node.capacity for node in nodes),
            'open': sum(node.open for node in nodes),
            'lost_nodes': losses.count('node'),
            'lost_sessions': losses.count('session'),
            **p50_p99('queue', [waited_s for waited_s, _ in placed]),
        }
        if placed:
            out['most_on_one_node'] = max(Counter(name for _, name in placed).values()) / len(placed)
        return out

    # -- the pool -------------------------------------------------------------------------------------------------

    def _alive(self) -> set[_Node]:
        return {node for node in list(self._nodes.values()) if not node.lost}

    async def _once(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Does something for all who ask at a time: after the loss of a node that is each of its sessions."""
        task: asyncio.Task[T] | None = self._shared.get(work.__name__)
        if task is None or task.done():
            task = self._shared[work.__name__] = asyncio.create_task(work())
        return await asyncio.shield(task)

    async def _look(self) -> None:
        """Takes in nodes that came, gives up those that left, and says to the others which sessions are held here."""
        found = await asyncio.to_thread(nodes_of_the_pool, join=self._beat is None)
        self._beat = self._beat or asyncio.create_task(self._look_again())
        for ident in self._nodes.keys() - found.keys():
            self._nodes[ident].lose('it left the Ray cluster')
        self._nodes = {ident: node for ident, node in self._nodes.items() if not node.lost}
        self._faults = {}
        if not found:
            raise SandboxUnavailable(f'the Ray cluster has no node with the resource {RESOURCE}; {CURE}')
        await asyncio.gather(*(self._renew(ident, *node) for ident, node in found.items()))

    async def _look_again(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            try:
                await self._once(self._look)
            except Exception as error:  # noqa: BLE001 (sessions that are not named any more end)
                logger.warning('the Ray cluster cannot be looked at: %s', error)

    async def _renew(self, ident: str, name: str, capacity: int) -> None:
        try:
            if (node := self._nodes.get(ident)) is None:
                actor = await asyncio.to_thread(actor_of, ident, capacity, self._settings)
                node = _Node(name, actor, capacity, self._losses)
            limit_s = SILENCE_S if ident in self._nodes else START_S
            node.open = await node.ask('renew', self._trainer, list(node.sessions), limit_s=limit_s)
            self._nodes[ident], node.enlisted = node, True
        except (SandboxError, RayError, ValueError) as error:
            self._faults[name] = str(error)


def nodes_of_the_pool(*, join: bool) -> dict[str, tuple[str, int]]:
    """The nodes on which sessions may be opened.

    Args:
        join: become one of the cluster's processes first, where this one is of none.

    Returns:
        Ray's name of every node of the pool → a name for people, and the number of its sessions.

    Raises:
        SandboxUnavailable: there is no cluster that can be joined from this machine.
    """
    try:
        if join and not ray.is_initialized():
            drawn = random.getstate()
            ray.init(address='auto', configure_logging=False, log_to_driver=False)
            random.setstate(drawn)  # Ray draws from it; the run's own numbers are those of a run without a pool
        nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    except (ConnectionError, RuntimeError, ValueError, AttributeError, RayError) as error:
        raise SandboxUnavailable(
            f'THYME_SANDBOX=ray, and no Ray cluster can be joined: {error}; on this machine run `ray start --head`, or '
            '`ray start --address=HOST:6379` for a cluster that is there'
        ) from error
    return {
        node['NodeID']: (f'{node["NodeManagerHostname"]}/{node["NodeID"][:8]}', int(node['Resources'][RESOURCE]))
        for node in nodes
        if node['Alive'] and RESOURCE in node['Resources']
    }


def actor_of(ident: str, capacity: int, settings: SandboxSettings) -> Any:
    """The actor of a node, shared by all trainers with these settings; made where there is none."""
    options = {
        'name': f'{ident} {__version__} {settings}',
        'namespace': 'swift_thyme',
        'get_if_exists': True,
        'lifetime': 'detached',
        'num_cpus': 0,
        'max_concurrency': 2 * capacity + 1000,
        'scheduling_strategy': NodeAffinitySchedulingStrategy(ident, soft=False),
    }
    return ray.remote(ray_node.NodeSandbox).options(**options).remote(settings, capacity, ray_node.LEASE_S, _end_actor)


def _end_actor() -> None:
    ray.kill(ray.get_runtime_context().current_actor)
