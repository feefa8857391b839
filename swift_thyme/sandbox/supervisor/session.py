"""One session: turns, what became of them, and the return to the state before after anything but success."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ...errors import SessionDead
from ...types import Outcome, SandboxImage, SandboxResult
from .. import text as texts
from .. import wire
from ..base import Limits
from ..naming import RELEASED, Mention, Namer
from ..repair.modes import known_repairs, outcome_without
from . import tree
from .clock import Stopwatch
from .decoders import Decoders
from .exits import Exits
from .held import unseen_bytes
from .pictures import Gallery
from .policy import Place, Policy
from .process import ENDED, LOST, OVER, Process
from .procfs import has_ended, read_state
from .spares import Spares
from .turn import (
    SETTLE_TIMEOUT_S,
    Killed,
    check_end,
    explain,
    learn_of_snapshot,
    wait_for,
    wait_for_outcome,
)

_START_TIMEOUT_S = 30.0
_IDLE_TIMEOUT_S = 2.0
_GONE_TIMEOUT_S = 2.0
_POLL_S = 0.05
_LARGE_BYTES, _LONG_CHARS = 4 << 20, 2000
"""Work on files and texts of more is done beside the event loop."""
_BLAMED_SHARE = 0.5
"""Of its memory limit: a snippet that held more was chosen by the kernel for that."""
_START_TRIES = 3
"""A spare may have been killed while it waited."""
_STATUS = {
    b'ok': Outcome.OK,
    b'error': Outcome.CODE_ERROR,
    b'refused': Outcome.REFUSED,
    b'memory': Outcome.OUT_OF_MEMORY,
}


class SupervisedSession:
    """One trajectory's Python. Calls come one at a time (`run` queues them)."""

    def __init__(
        self,
        ident: str,
        place: Place,
        request: dict[str, Any],
        exits: Exits,
        spares: Spares,
        decoders: Decoders,
    ) -> None:
        """
        Args:
            ident: unique within the supervisor.
            place: its directories; `work` exists.
            request: what the worker needs (`worker.main`).
            exits: who says how processes ended.
            spares: whose processes it takes.
            decoders: who decodes pictures.
        """
        self.ident, self._place, self._request = ident, place, request
        self._exits, self._spares = exits, spares
        self.limits = Limits(**request['limits'])
        self._memory = tree.Memory(place.work, place.kept, self.limits.files * 2)
        prefix = f'{ident}-' if place.output_dir else ''
        self._gallery = Gallery(place.work, place.pictures, prefix, self.limits, decoders)
        inputs = [path for entry in request['inputs'] for path in (entry['path'], entry.get('prompt_path')) if path]
        self._namer = Namer(place.work, inputs)
        self._as_prompted = {e['path']: e['prompt_path'] for e in request['inputs'] if e.get('prompt_path')}
        self._process: Process | None = None
        self._fresh: asyncio.Task[Process] | None = None
        self._pristine = True
        self.lost_state = False
        """Whether the last snippet left nothing of the state before it, for want of a snapshot."""
        self._seen: dict[str, tree.Entry] | None = None
        """The session's files, as long as its process stands still since they were looked at."""
        self._dead = ''
        self._lock = asyncio.Lock()

    @property
    def running(self) -> Process | None:
        """The processes to watch while a snippet runs."""
        return self._process if self._lock.locked() else None

    @property
    def live_dir(self) -> str:
        """The directory whose size is limited."""
        return self._place.work

    async def start(self) -> None:
        """Makes the session ready for its first snippet.

        Raises:
            SandboxUnavailable: no process can be made.
        """
        self._process = await self._spawn()

    async def run(self, code: str, timeout_s: float, policy: Policy) -> SandboxResult:
        """Runs one snippet.

        Raises:
            SessionDead: the session is closed or was killed from outside.
        """
        async with self._lock:
            if self._dead:
                raise SessionDead(self._dead)
            begun, self.lost_state = time.monotonic(), False
            result = await self._turn_or_again(code, timeout_s, policy)
            if self._dead:
                raise SessionDead(self._dead)
            return replace(result, elapsed_s=time.monotonic() - begun)

    def kill(self, reason: str) -> None:
        """Ends the session's processes; every later call fails with the reason."""
        self._dead = self._dead or reason
        if self._fresh is not None:
            self._fresh.add_done_callback(_discard)
            self._fresh = None
        if self._process is not None:
            self._process.kill()

    @property
    def pids(self) -> list[int]:
        """The session's processes."""
        process = self._process
        return [] if process is None else [pid for pid in (process.pid, process.holder) if pid]

    async def wait_gone(self) -> None:
        """Waits until the killed processes have really ended."""
        if self._process is not None:
            await self._process.wait_gone(_GONE_TIMEOUT_S)

    def remove_files(self) -> None:
        """Removes the session's directories."""
        tree.remove(self._place.root)

    # -- one turn -----------------------------------------------------------------------------------------------

    async def _turn_or_again(self, code: str, timeout_s: float, policy: Policy) -> SandboxResult:
        """One turn; a second one where the first was ended by a `SIGKILL`, which no snippet can send.

        What ends both may still be the snippet's doing, through the kernel's search for memory.
        """
        for may_repeat in (True, False):
            try:
                return await self._turn(code, timeout_s, policy)
            except Killed as error:
                held_bytes = self._process.peak_bytes if self._process is not None else 0
                recovered = not self._dead and await self._recover()
                if recovered and may_repeat:
                    continue
                if held_bytes > self.limits.memory_bytes * _BLAMED_SHARE and not self._dead:
                    if not recovered and self._process is not None:
                        await self._start_anew(self._process)
                    return SandboxResult(Outcome.OUT_OF_MEMORY, 'LimitError: memory: this machine had no more')
                self.kill(f'session {self.ident} was killed from outside: {error}')
                raise SessionDead(self._dead) from error
        raise AssertionError

    async def _recover(self) -> bool:
        """Goes back to before the snippet, where something of that is left."""
        process = self._process
        if process is None:
            return False
        await learn_of_snapshot(process, ENDED)
        if await self._return_to_snapshot(process):
            return True
        if self._pristine:
            await self._start_anew(process)
        return self._pristine

    async def _turn(self, code: str, timeout_s: float, policy: Policy) -> SandboxResult:
        process = await self._ready_process()
        snapshot = policy.rollback and not self._pristine
        if snapshot:
            await self._beside(lambda: self._memory.remember(self._seen, stamps_tell=not process.maps_files))
        self._seen = None
        nonce = os.urandom(wire.NONCE_BYTES)
        process.begin(nonce, may_fork=snapshot)
        kind = wire.COMMAND_SNAPSHOT_RUN if snapshot else wire.COMMAND_RUN
        head = wire.command_head(nonce, process.pid)
        parts = wire.chunks(head, wire.COMMAND_MORE, kind, code.encode('utf-8', 'replace'))
        await process.send(parts, SETTLE_TIMEOUT_S)
        kind, payload = await wait_for_outcome(process, timeout_s)
        if snapshot:
            kind, snapshot = await learn_of_snapshot(process, kind)
        if kind == wire.REPORT:
            result, keep = await self._judge(process, payload, policy)
        else:
            result, keep = explain(kind, payload, timeout_s), False
        if keep and not await self._commit(process):
            if process.ended is not None:
                await check_end(process)
            text = 'ProcessDied: a thread that the code left running ended the Python process'
            result, keep, kind = SandboxResult(Outcome.DIED, text), False, ENDED
        if not keep and (policy.rollback or kind != wire.REPORT):
            await self._roll_back(process, snapshot)
        return result

    async def _ready_process(self) -> Process:
        if self._fresh is not None:
            self._process, self._fresh = await self._fresh, None
        process = self._process
        if process is None or process.lost:
            raise Killed('its process is gone')
        process.release_holder()
        process.peak_bytes = 0
        if not await process.settle(SETTLE_TIMEOUT_S):
            raise Killed('its last snapshot does not end')
        return process

    async def _judge(self, process: Process, payload: bytes, policy: Policy) -> tuple[SandboxResult, bool]:
        """Turns a report into a result; says whether its effects are kept."""
        idle = await process.is_idle(_IDLE_TIMEOUT_S)
        alive = await process.freeze()
        if not alive and has_ended(process.pid):
            await check_end(process)
        try:
            if not (idle and alive):
                raise ValueError('the report came before the end')
            status, text, dropped, made, seen, *names = (
                f.decode('utf-8', 'replace') for f in wire.unpack_fields(payload)
            )
            outcome = _STATUS[status.encode()]
        except (ValueError, KeyError):
            return SandboxResult(Outcome.DIED, 'ProcessDied: the Python process sent no proper reply'), False
        images: list[SandboxImage] = []
        if outcome is Outcome.OK:
            over, files = self._usage(process)
            if over:
                return SandboxResult(Outcome.REFUSED, f'LimitError: {over}'), False
            images, problems = await self._gallery.accept(await self._mentions(text, names[:64], files))
            if problems and not images:
                outcome, text = Outcome.BAD_IMAGE, 'ImageError: ' + '\n'.join(problems)
        own = {
            self._place.work: RELEASED,
            self._place.root: '/mnt/data',
            os.path.dirname(self._place.root): '/mnt/data',
        }
        text = texts.hide_paths(text, {**self._as_prompted, **own, **policy.hidden})
        cut = dropped.strip('0') != ''
        repairs = known_repairs(made)
        result = SandboxResult(
            outcome,
            texts.clean(text, self.limits.output_bytes, policy.special_tokens, dropped=cut),
            tuple(images),
            repairs=repairs,
            repairs_seen=known_repairs(seen),
            raw_outcome=outcome_without(repairs, outcome, self._request['repairs']),
        )
        return result, outcome is Outcome.OK

    async def _mentions(self, text: str, names: list[str], files: list[str]) -> list[Mention]:
        """The pictures named; long texts are searched beside the event loop."""
        if len(text) < _LONG_CHARS:
            return self._namer.mentions(text, names, files)
        return await asyncio.to_thread(self._namer.mentions, text, names, files)

    async def _beside(self, work: Callable[[], None]) -> None:
        """Does work on the session's files; beside the event loop where they are large."""
        large = True
        with suppress(tree.TooManyFiles):
            files = tree.scan(self._place.work, self.limits.files) if self._seen is None else self._seen
            large = tree.used_bytes(files) > _LARGE_BYTES
        if large:
            await asyncio.to_thread(work)
        else:
            work()

    def _usage(self, process: Process) -> tuple[str, list[str]]:
        """What quota is exceeded ('' for none), and the session's regular files."""
        try:
            self._seen = entries = tree.scan(self._place.work, self.limits.files)
        except tree.TooManyFiles:
            return f'more than {self.limits.files} files and directories', []
        used_bytes = tree.used_bytes(entries) + unseen_bytes(process, len(entries), self.limits.file_bytes)
        if used_bytes > self.limits.disk_bytes:
            return f'the files together have more than {self.limits.disk_bytes} bytes', []
        return '', [path for path, entry in entries.items() if entry.regular]

    # -- after a turn -------------------------------------------------------------------------------------------

    async def _commit(self, process: Process) -> bool:
        """Makes the state after the snippet the session's; False when its threads prevent that."""
        if process.had_threads and read_state(process.pid)[1] > 1:
            self._seen = None
            if not await self._shed(process):
                return False
        self._pristine = False
        asyncio.get_running_loop().call_soon(process.release_holder)  # once the reply is on its way
        return True

    async def _shed(self, process: Process) -> bool:
        """Leaves behind the threads a snippet did not end: the session goes on in a fork, which has only one."""
        nonce = os.urandom(wire.NONCE_BYTES)
        process.begin(nonce, may_fork=True)
        await process.send([wire.COMMAND_SHED + wire.command_head(nonce, process.pid)], SETTLE_TIMEOUT_S)
        event = await wait_for(process, (wire.SHED, ENDED, LOST, OVER), SETTLE_TIMEOUT_S)
        return event is not None and event[0] == wire.SHED and await process.freeze()

    async def _roll_back(self, process: Process, snapshot: bool) -> None:
        self._seen = None
        if not (snapshot and await self._return_to_snapshot(process)):
            await self._start_anew(process)

    async def _return_to_snapshot(self, process: Process) -> bool:
        """Ends the process that ran the snippet and goes on from its snapshot; False where there is none."""
        if process.lost or not process.holder:
            return False
        process.signal(process.pid, signal.SIGKILL)
        watch = Stopwatch(process.pid)
        while process.owns(process.pid) and not has_ended(process.pid):
            if process.lost or watch.elapsed_s() > SETTLE_TIMEOUT_S:
                return False
            await process.next_event(_POLL_S)
        if not process.owns(process.holder) or has_ended(process.holder):
            return False
        process.return_to_holder()
        await self._beside(self._memory.restore)
        return True

    async def _start_anew(self, process: Process) -> None:
        """Replaces lost processes by a fresh one; the session's state begins again."""
        process.kill()
        await process.wait_gone(_GONE_TIMEOUT_S)
        self._memory.forget()
        tree.remove(self._place.work, keep_root=True)
        self.lost_state |= not self._pristine
        self._pristine = True
        self._fresh = asyncio.create_task(self._spawn())

    async def _spawn(self) -> Process:
        for _ in range(_START_TRIES):
            spare = await self._spares.take()
            await spare.begin(self._request)
            process = Process(spare, self._exits, self.limits.processes, self.limits.output_bytes * 4)
            process.room_for_files = self._room_for_files
            event = await wait_for(process, (wire.READY, ENDED, LOST, OVER), _START_TIMEOUT_S)
            if event is not None and event[0] == wire.READY:
                return process
            process.kill()
        raise SessionDead(f'session {self.ident} did not start; run `thyme doctor`')

    def _room_for_files(self) -> int:
        try:
            return self.limits.files - len(tree.scan(self._place.work, self.limits.files))
        except tree.TooManyFiles:
            return 0
        except OSError:
            return 1  # it changes while it is looked at; asked again at the next file


def _discard(task: asyncio.Task[Process]) -> None:
    """Ends a process that came too late."""
    if not task.cancelled() and task.exception() is None:
        task.result().kill()
