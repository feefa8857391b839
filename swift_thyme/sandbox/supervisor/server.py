"""The supervisor's main object: requests of one trainer, its sessions, its zygote, and the clean end of all of them."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import socket
import sys
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from ...errors import SandboxError, SandboxUnavailable, SessionDead
from .. import confine, linux, wire
from ..base import Limits
from . import janitor
from .decoders import Decoders
from .exits import Exits
from .policy import Place, Policy
from .session import SupervisedSession
from .spares import Spares
from .watch import watch
from .zygote import ZygoteHandle

_ZYGOTES = 3
"""Each has a seed of its own for `hash`; one holds some 150 MB."""
_FIRST_SESSION_UID = 2_000_000_000
"""Tier B gives every session a uid of its own from here on."""


@dataclass(frozen=True)
class Setup:
    """What the trainer says when it starts a supervisor."""

    base_dir: str
    tier: str
    rollback: bool
    repairs: dict[str, str]
    font_cache: str
    warm: bool = True


class Server:
    """Serves one trainer over one stream socket."""

    def __init__(self, channel: socket.socket, setup: Setup) -> None:
        """
        Args:
            channel: the trainer's socket; end of file means the trainer is gone.
            setup: its settings.
        """
        self._channel = channel
        self._setup = setup
        hidden = {p: 'python' for p in confine.readable_paths() if 'site-packages' in p or 'python' in p}
        hidden.update((p, 'python') for p in (*sys.path, sys.prefix, sys.base_prefix) if p.count('/') > 2)
        self._policy = Policy(setup.rollback, hidden)
        self._run_dir = janitor.claim(setup.base_dir, others_may_pass=setup.tier == confine.Tier.B.value)
        self._janitor_pid = self._run_dir.guard()
        self._exits = Exits()
        self._zygotes = [
            ZygoteHandle(self._run_dir.path, setup.font_cache, self._exits, warm=setup.warm) for _ in range(_ZYGOTES)
        ]
        self._zygote = self._zygotes[0]
        self._spares = Spares(self._zygotes)
        self._decoders = Decoders(self._zygote, max(1, min(os.cpu_count() or 1, 8)))
        self._sessions: dict[str, SupervisedSession] = {}
        self._serial = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Until the trainer is gone; leaves no process and no file behind."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        ended = asyncio.Event()
        ends = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        for number in ends:
            loop.add_signal_handler(number, ended.set)
        watching = asyncio.create_task(watch(self._sessions.values))
        reader, self._trainer = await asyncio.open_connection(sock=self._channel)
        hearing = asyncio.create_task(self._hear(reader, ended))
        try:
            with suppress(SandboxUnavailable):
                await self._zygote.start()
                self._spares.refill()
            await ended.wait()
        finally:
            watching.cancel()
            hearing.cancel()
            for session in list(self._sessions.values()):
                session.kill('the sandbox is closed')
            for session in list(self._sessions.values()):
                await session.wait_gone()
            self._decoders.kill()
            self._spares.kill()
            for zygote in self._zygotes:
                zygote.stop()
            self._run_dir.remove()
            for number in (*ends, signal.SIGCHLD):  # none may come while the loop is closed
                loop.remove_signal_handler(number)

    async def _hear(self, reader: asyncio.StreamReader, ended: asyncio.Event) -> None:
        try:
            while (message := await wire.read_message(reader)) is not None:
                self._start(self._handle(message))
        finally:
            ended.set()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle(self, message: dict[str, Any]) -> None:
        reply: dict[str, Any] = {'id': message.get('id')}
        try:
            reply['value'] = await getattr(self, '_do_' + message['op'])(message)
        except SandboxError as error:
            reply['error'], reply['text'] = type(error).__name__, str(error)
        except Exception as error:  # noqa: BLE001 (the boundary: whatever fails here is the sandbox's failure)
            reply['error'], reply['text'] = 'SandboxError', f'{type(error).__name__}: {error}'
        if reply['id'] is not None:
            self._trainer.write(wire.frame(reply))

    # -- operations ---------------------------------------------------------------------------------------------

    async def _do_hello(self, _: dict[str, Any]) -> dict[str, Any]:
        await self._zygote.start()
        return {'run_dir': self._run_dir.path}

    async def _do_tokens(self, message: dict[str, Any]) -> None:
        self._policy = replace(self._policy, special_tokens=tuple(message['tokens']))

    async def _do_open(self, message: dict[str, Any]) -> dict[str, Any]:
        self._serial += 1
        ident = f'{os.getpid()}-{self._serial}'
        # its files can be seen by whoever knows their names, though not opened: no other session can guess this one
        place = Place(os.path.join(self._run_dir.path, secrets.token_hex(8)), message.get('output_dir'))
        limits = asdict(Limits(**message['limits']))
        os.mkdir(place.root, 0o711)
        os.mkdir(place.work, 0o700)
        inputs = message['inputs']
        uid = None
        if self._setup.tier == confine.Tier.B.value:
            uid = _FIRST_SESSION_UID + (os.getpid() % 10_000) * 10_000 + self._serial % 10_000
            os.chown(place.work, uid, uid)
            inputs = [hand_over(entry, f'{place.root}/input{n}', uid) for n, entry in enumerate(inputs)]
        request = {
            'tier': self._setup.tier,
            'uid': uid,
            'work': place.work,
            'inputs': inputs,
            'readable': [*(entry['path'] for entry in inputs), self._run_dir.path + '/matplotlib'],
            'limits': limits,
            'repairs': self._setup.repairs,
        }
        session = SupervisedSession(ident, place, request, self._exits, self._spares, self._decoders)
        try:
            await session.start()
        except SandboxError:
            session.kill('it did not start')
            session.remove_files()
            raise
        self._sessions[ident] = session
        return {'session': ident, 'dir': place.work}

    async def _do_run(self, message: dict[str, Any]) -> dict[str, Any]:
        session = self._sessions.get(message['session'])
        if session is None:
            raise SessionDead(f'session {message["session"]} is closed')
        timeout_s = message.get('timeout_s') or session.limits.timeout_s
        result = await session.run(message['code'], timeout_s, self._policy)
        return {**asdict(result), 'lost': session.lost_state}

    async def _do_close(self, message: dict[str, Any]) -> None:
        session = self._sessions.pop(message['session'], None)
        if session is not None:
            session.kill(f'session {session.ident} is closed')
            await session.wait_gone()
            session.remove_files()

    async def _do_stats(self, _: dict[str, Any]) -> dict[str, Any]:
        return {
            'pid': os.getpid(),
            'zygote_pid': self._zygote.pid,
            'zygotes': [zygote.pid for zygote in self._zygotes if zygote.runs],
            'sessions': {ident: session.pids for ident, session in self._sessions.items()},
            'spares': self._spares.pids,
            'run_dir': self._run_dir.path,
            'descriptors': len(os.listdir('/proc/self/fd')),
        }

    # -- children -----------------------------------------------------------------------------------------------

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid == self._janitor_pid:
                self._janitor_pid = self._run_dir.guard()
            self._exits.note(pid, status)


def hand_over(entry: dict[str, Any], target: str, uid: int) -> dict[str, Any]:
    """Copies an input picture for a session's own user, who need not be able to read the original.

    Returns:
        The entry with the copy's path; the original's is what the snippet sees where the prompt has no other.
    """
    path = target + os.path.splitext(entry['path'])[1]
    shutil.copyfile(entry['path'], path)
    os.chown(path, uid, uid)
    os.chmod(path, 0o400)
    return {**entry, 'path': path, 'prompt_path': entry.get('prompt_path') or entry['path']}


def serve(channel_fd: int, setup: Setup) -> None:
    """Runs a supervisor in the calling process until its trainer is gone."""
    linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
    linux.prctl(linux.PR_SET_DUMPABLE, 0)
    channel = socket.socket(fileno=channel_fd)
    asyncio.run(Server(channel, setup).serve())
