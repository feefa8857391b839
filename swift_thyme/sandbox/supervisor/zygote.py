"""The supervisor's side of the zygote: starts it, asks for forks, hears who ended, starts another when it is lost."""

from __future__ import annotations

import asyncio
import glob
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ...errors import SandboxUnavailable
from .. import wire
from .clock import Stopwatch
from .exits import Exits

_START_TIMEOUT_S = 60.0
"""Of its own time: on a busy machine its 5 s of imports may take minutes."""
_LOOK_S = 1.0
_STACK_BYTES = 64 << 20
_FREE_BYTES_KEPT = 64 << 20
"""Free memory that a session keeps for its next snippet; fresh pages cost more than all else a snippet needs."""
_FORK_TRIES = 8
_SEND_TIMEOUT_S = 5.0


def clean_environment(run_dir: str) -> dict[str, str]:
    """The whole environment of the zygote and of every snippet: nothing of the trainer's is in it."""
    return {
        'HOME': '/nonexistent',
        'LANG': 'C.UTF-8',
        'MALLOC_ARENA_MAX': '1',
        'MALLOC_MMAP_THRESHOLD_': str(_largest_heap_piece()),  # pictures go where the last ones were
        'MALLOC_TRIM_THRESHOLD_': str(_FREE_BYTES_KEPT),
        'GLIBC_TUNABLES': 'glibc.malloc.hugetlb=1',
        'MPLBACKEND': 'Agg',
        'MPLCONFIGDIR': os.path.join(run_dir, 'matplotlib'),
        'OMP_NUM_THREADS': '1',
        'OPENBLAS_NUM_THREADS': '1',
        'PATH': '/usr/bin:/bin',
        'PYTHONDONTWRITEBYTECODE': '1',
        'PYTHONMALLOC': 'malloc',
        'PYTHONPATH': os.pathsep.join(p for p in sys.path if p and os.path.isdir(p)),
    }


def _largest_heap_piece() -> int:
    """Bytes up to which the C library can be told to use its heap, not fresh pages of the kernel."""
    name, _, version = (os.confstr('CS_GNU_LIBC_VERSION') or '').partition(' ')
    recent = name == 'glibc' and tuple(int(part) for part in version.split('.')[:2]) >= (2, 35)
    return 1 << 30 if recent else 32 << 20


@dataclass(frozen=True)
class Child:
    """A process that the zygote made, as long as the supervisor wants it."""

    channel: socket.socket
    """Our end; non-blocking."""
    lifeline: socket.socket
    """Our end. Once it is closed, by us or by the end of this process, the kernel kills the child's whole group."""
    pid: int
    """Of the first process, which leads the group."""

    async def begin(self, request: dict[str, Any]) -> None:
        """Makes a spare one session's; it answers `wire.READY` once it is confined, or its channel ends.

        Args:
            request: what `worker.main` needs.
        """
        with suppress(ConnectionError, asyncio.TimeoutError):
            data = json.dumps(request).encode()
            await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(self.channel, data), _SEND_TIMEOUT_S)

    def end(self) -> None:
        """Ends all processes of the group; any number of times."""
        self.lifeline.close()
        self.channel.close()

    def is_gone(self) -> bool:
        """Whether no process of the group is left, not even one that nobody has waited for."""
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False


class ZygoteHandle:
    """One zygote at a time; the next one is started when it is needed."""

    def __init__(self, run_dir: str, font_cache: str, exits: Exits, *, warm: bool = True) -> None:
        """
        Args:
            run_dir: the supervisor's directory.
            font_cache: matplotlib's cache directory of the user, copied to save the time of making one.
            exits: who is told how processes ended.
            warm: whether it imports ahead what snippets use.
        """
        self.run_dir, self._font_cache, self._warm = run_dir, font_cache, warm
        self.exits = exits
        self._control: socket.socket | None = None
        self._starting: asyncio.Future[int] | None = None
        self._waiting: dict[int, asyncio.Future[int]] = {}
        self._serial = 0
        self._lock = asyncio.Lock()
        self.pid = 0

    @property
    def runs(self) -> bool:
        """Whether it answers at once."""
        return self._control is not None and self._starting is not None and self._starting.done()

    async def start(self) -> None:
        """Starts the zygote if none is running.

        Raises:
            SandboxUnavailable: it did not come up.
        """
        async with self._lock:
            if self._control is not None:
                return
            loop = asyncio.get_running_loop()
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self.pid = self._spawn(theirs.fileno())
            ours.setblocking(False)
            self._control, self._starting = ours, loop.create_future()
            loop.add_reader(ours.fileno(), self._hear, ours)
            watch = Stopwatch(self.pid)
            while watch.elapsed_s() < _START_TIMEOUT_S:
                done, _ = await asyncio.wait({self._starting}, timeout=_LOOK_S)
                if done:
                    return
            self.stop()
            raise SandboxUnavailable(f'the zygote did not start within {_START_TIMEOUT_S:g} s; run `thyme doctor`')

    def _spawn(self, control_fd: int) -> int:
        fonts = os.path.join(self.run_dir, 'matplotlib')
        os.makedirs(fonts, mode=0o755, exist_ok=True)
        for path in glob.glob(os.path.join(self._font_cache, 'fontlist-*.json')):
            with suppress(OSError):
                shutil.copy(path, fonts)
        hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
        stack = _STACK_BYTES if hard < 0 else min(_STACK_BYTES, hard)
        previous = resource.getrlimit(resource.RLIMIT_STACK)
        resource.setrlimit(resource.RLIMIT_STACK, (stack, previous[1]))
        try:
            process = subprocess.Popen(
                [sys.executable, '-m', 'swift_thyme.sandbox.zygote', str(control_fd), 'warm' if self._warm else 'cold'],
                pass_fds=[control_fd],
                env=clean_environment(self.run_dir),
                cwd='/',
                stdin=subprocess.DEVNULL,
            )
        finally:
            resource.setrlimit(resource.RLIMIT_STACK, previous)
        process.returncode = 0  # reaped by the supervisor's own SIGCHLD handler
        return process.pid

    async def fork(self, kind: bytes) -> Child:
        """Asks for a process.

        Every try has a channel and a lifeline of its own: a zygote that is killed may have made a process that nobody
        heard of, which ends when the other end of its lifeline is closed.

        Args:
            kind: `wire.ZYGOTE_SPARE` or `wire.ZYGOTE_DECODER`.

        Raises:
            SandboxUnavailable: no zygote can be started, or it was lost again and again.
        """
        for _ in range(_FORK_TRIES):
            await self.start()
            control = self._control
            if control is None:
                continue
            (ours, theirs), (held, given) = wire.socket_pair(), socket.socketpair()
            ours.setblocking(False)
            pid = 0
            try:
                with theirs, given:
                    pid = await self._ask_for_fork(control, kind, [theirs.fileno(), given.fileno()])
            finally:
                if not pid:
                    ours.close()
                    held.close()
            if pid:
                return Child(ours, held, pid)
        raise SandboxUnavailable(
            f'the zygote was lost {_FORK_TRIES} times while a session was opened; run `thyme doctor`'
        )

    async def _ask_for_fork(self, control: socket.socket, kind: bytes, fds: list[int]) -> int:
        """The process's pid; 0 when the zygote is lost meanwhile."""
        self._serial += 1
        serial = self._serial
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[serial] = future
        try:
            await self._send(control, wire.ZYGOTE.pack(kind, serial, 0), fds)
            return await future
        except OSError:
            if control is self._control:
                self._hear(control)  # its last words and its end, of which the event loop has not told yet
            return 0
        finally:
            self._waiting.pop(serial, None)

    async def _send(self, control: socket.socket, data: bytes, fds: list[int]) -> None:
        while True:
            try:
                socket.send_fds(control, [data], fds)
                return
            except BlockingIOError:
                await asyncio.sleep(0.001)

    def _hear(self, control: socket.socket) -> None:
        while True:
            try:
                data = control.recv(65536)
            except BlockingIOError:
                return
            except OSError:
                data = b''
            if not data:
                self.lost()
                return
            kind, number, value = wire.ZYGOTE.unpack(data)
            if kind == wire.ZYGOTE_ENDED:
                self.exits.note(number, value)
            elif kind == wire.ZYGOTE_FORKED:
                self.exits.born(value)
                future = self._waiting.get(number)
                if future is not None and not future.done():
                    future.set_result(value)
            elif self._starting is not None and not self._starting.done():
                self._starting.set_result(number)

    def stop(self) -> None:
        """Ends the zygote and waits for it."""
        pid = self.pid
        self.lost()
        if pid:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)

    def lost(self) -> None:
        """Drops the present zygote; sessions it made live on."""
        if self._control is None:
            return
        asyncio.get_running_loop().remove_reader(self._control.fileno())
        self._control.close()
        self._control, self.pid = None, 0
        for future in [*self._waiting.values(), self._starting]:
            if future is not None and not future.done():
                future.set_result(0)
