"""One session's processes as the supervisor sees them: the channel, the listener, who is who, stop, kill.

At most two processes exist: the one that runs the snippet, and, where a snapshot was asked for, its fork, which stands
still. Both are in one process group that they cannot leave. Who sent a message is known from the kernel
(`SCM_CREDENTIALS`), and how a process ended from its reaper (`_note_exit`), so neither can speak for the other. All end
with the group's lifeline (`zygote.Child`), whatever a snippet made of the code around it.
"""

from __future__ import annotations

import array
import asyncio
import errno
import os
import select
import signal
import socket
import struct
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from .. import seccomp, wire
from ..syscalls import numbers
from . import notify
from .clock import Stopwatch
from .exits import Exits
from .procfs import all_stand_still, children, contents, has_ended, read_state
from .zygote import Child

_CLONE_THREAD = 0x00010000
_PLAIN_FORK = 0x01200011
"""CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD: what fork() of the C library passes."""
_FORK_TRIES = 16
"""A fork begins anew, and is handed over anew, when a signal is pending: the kernel restarts the call."""
_REPORT_SLACK_BYTES = 1 << 20
_MOST_MESSAGES = 4000
"""Datagrams of one turn; an honest process sends a handful."""
_AT_ONCE = 32
_AT_ONCE_S = 0.0001
"""Until then it is asked again at once whether a process is back: an event loop sleeps for a millisecond at least."""
_FREE_CALLS, _CALL_PAUSE_S = 2000, 0.002
"""Calls of one turn that are answered at once; further ones are slowed down, so that no session floods the rest."""
_RECVMSG = str(numbers().get('recvmsg', -1)).encode()

_CREDENTIALS = struct.Struct('iII')
"""`struct ucred`: pid, uid, gid of a message's sender."""
_ANCILLARY_BYTES = socket.CMSG_SPACE(_CREDENTIALS.size) + socket.CMSG_SPACE(4)

Event = tuple[bytes, bytes]
"""Kind (as in `wire`, or one of the three below) and payload."""
LOST, OVER, ENDED = b'eof', b'over', b'end'


class Process:
    """The processes of one session."""

    def __init__(self, child: Child, exits: Exits, most_threads: int, most_report_bytes: int) -> None:
        """
        Args:
            child: the first process, which leads the group.
            exits: who tells how it ended.
            most_threads: threads a snippet may have at a time.
            most_report_bytes: text a report may carry.
        """
        self._loop = asyncio.get_running_loop()
        self._child, self._channel = child, child.channel
        self.group = self.pid = child.pid
        self._exits = exits
        self.holder = 0
        """The process that stands still as snapshot, if any."""
        self._leaving = 0
        """One that was killed while it ran. Until it has ended it may still take a message from the channel."""
        self._dismissed: deque[int] = deque(maxlen=8)
        """The last ones that were killed: until they have ended, they are still children of who runs."""
        self._events: deque[Event] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self.lost = False
        self.ended: int | None = None
        """Wait status of the running process, once it is known to have ended."""
        self.room_for_files: Callable[[], int] = lambda: 1 << 30
        """Counts how many files and directories the session may still make; asked rarely, when it may be few."""
        self.files_made = 0
        """Files and directories the session asked to make so far."""
        self.maps_files = False
        """Whether the session ever mapped a file shared: what it writes there later leaves no time stamp."""
        self._files_left = self._messages = self._calls = 0
        self._listener = -1
        self._is_ready = False
        self.had_threads = False
        """Whether the running process ever asked to make a thread."""
        self._most_threads, self._most_report_bytes = most_threads, most_report_bytes + _REPORT_SLACK_BYTES
        self._nonce = b''
        self.begun_s = 0.0
        """When the turn began, on the event loop's clock."""
        self.watch = Stopwatch(child.pid)
        """What the running process has had of its time in this turn."""
        self.peak_bytes = 0
        """The most memory that was seen in this turn."""
        self._awaits_fork = False
        self._forks_allowed = self._forker = 0
        self._report = bytearray()
        self._loop.add_reader(self._channel.fileno(), self._hear)
        exits.ask(child.pid, self._note_exit)

    # -- turn ---------------------------------------------------------------------------------------------------

    def begin(self, nonce: bytes, *, may_fork: bool) -> None:
        """Forgets everything of the turn before; from here on only messages with this nonce count.

        Args:
            nonce: not used before.
            may_fork: one fork is expected; it is allowed until its maker says that it is done.
        """
        self._nonce, self.begun_s, self.peak_bytes = nonce, self._loop.time(), 0
        self.watch = Stopwatch(self.pid)
        self._awaits_fork = may_fork
        self._forks_allowed, self._forker = _FORK_TRIES if may_fork else 0, 0
        self._report.clear()
        self._files_left = self._messages = self._calls = 0
        self._events.clear()
        if self.lost:
            self.happen((LOST, b''))

    async def settle(self, timeout_s: float) -> bool:
        """Waits until a process that was dismissed has ended; False when it does not."""
        watch = Stopwatch(self._leaving)
        while self.owns(self._leaving) and not has_ended(self._leaving):
            if watch.elapsed_s() > timeout_s:
                return False
            await asyncio.sleep(0.0005)
        self._leaving = 0
        return True

    async def send(self, parts: list[bytes], timeout_s: float) -> None:
        """Wakes whoever waits on the channel and sends it datagrams; gives up when they are not taken in time.

        Each is tried at least once, however late this process is, and only then the receiver's time begins.
        """
        deadline = self._loop.time() + timeout_s
        self.signal(self.pid, signal.SIGCONT)
        for part in parts:
            while not self.lost:
                try:
                    self._channel.send(part)
                    break
                except BlockingIOError:
                    if self._loop.time() > deadline:
                        return
                    await asyncio.sleep(0.001)
                except OSError:
                    self._end()
        self.watch = Stopwatch(self.pid)

    async def next_event(self, timeout_s: float) -> Event | None:
        """The next thing that happens in this turn; None when nothing does in time."""
        if not self._events:
            self._waiter = self._loop.create_future()
            timer = self._loop.call_later(timeout_s, self._stop_waiting)
            try:
                await self._waiter
            finally:
                timer.cancel()
                self._waiter = None
        return self._events.popleft() if self._events else None

    def happen(self, event: Event) -> None:
        """Adds an event to the turn."""
        self._events.append(event)
        self._stop_waiting()

    def _stop_waiting(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def owns(self, pid: int) -> bool:
        """Whether a pid is of this session's process group (one that ended and was not yet waited for is, too)."""
        try:
            return pid > 1 and os.getpgid(pid) == self.group
        except OSError:
            return False

    # -- signals ------------------------------------------------------------------------------------------------

    def signal(self, pid: int, number: int) -> None:
        """Sends a signal to one of the group's processes; nothing happens when it is gone."""
        if not self.lost and self.owns(pid):
            with suppress(OSError):
                os.kill(pid, number)

    async def is_idle(self, timeout_s: float) -> bool:
        """Whether the running process has come back to waiting on the channel (a forged report comes too early)."""
        wanted = _RECVMSG + b' ' + hex(seccomp.CHANNEL_FD).encode()
        watch, pause_s = Stopwatch(self.pid), 0.0002
        while True:
            try:
                if contents(f'/proc/{self.pid}/syscall').startswith(wanted):
                    return True
            except PermissionError:  # tier B without CAP_SYS_PTRACE: only whether it waits is known, not for what
                if read_state(self.pid)[0] == 'S':
                    return True
            except OSError:
                return not self.lost
            waited_s = watch.elapsed_s()
            if waited_s > timeout_s:
                return False
            if waited_s < _AT_ONCE_S:
                os.sched_yield()
                continue
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, 0.02)

    async def freeze(self) -> bool:
        """Stops the running process; returns, once none of its threads can run, whether it lives."""
        self.signal(self.pid, signal.SIGSTOP)
        if self.had_threads:  # one of them may run on for a moment, or be about to end the process
            while not (self.lost or all_stand_still(self.pid)):
                await asyncio.sleep(0.0005)
        return read_state(self.pid)[0] not in 'ZX'

    def release_holder(self) -> None:
        """Commits: the snapshot is not needed any more."""
        if self.holder:
            self._dismiss(self.holder)
            self.holder = 0

    def _dismiss(self, pid: int) -> None:
        """Kills a process; one that stands still never returns to the call it was stopped in, so none need wait."""
        stands_still = all_stand_still(pid)
        self.signal(pid, signal.SIGKILL)
        self._leaving = 0 if stands_still else pid
        self._dismissed.append(pid)

    def return_to_holder(self) -> None:
        """The snapshot becomes the session."""
        self._become(self.holder)
        self.holder = 0

    def kill(self) -> None:
        """Ends all of the session's processes, those included that nobody here knows of."""
        self._exits.forget(self.pid)
        self._end()
        self._child.end()

    async def wait_gone(self, timeout_s: float) -> bool:
        """Waits until no process of the group is left; False when one is."""
        deadline = self._loop.time() + timeout_s
        while not self._child.is_gone():
            if self._loop.time() > deadline:
                return False
            await asyncio.sleep(0.002)
        return True

    # -- channel ------------------------------------------------------------------------------------------------

    def _hear(self) -> None:
        for _ in range(_AT_ONCE):
            if self.lost:
                return
            try:
                data, ancillary, _, _ = self._channel.recvmsg(wire.CHUNK_BYTES + 64, _ANCILLARY_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data, ancillary = b'', []
            if not data:
                self._end()
                return
            sender, fds = 0, array.array('i')
            for _level, kind, content in ancillary:
                if kind == socket.SCM_CREDENTIALS:
                    sender = _CREDENTIALS.unpack(content)[0]
                elif kind == socket.SCM_RIGHTS:
                    fds.frombytes(content[: len(content) // fds.itemsize * fds.itemsize])
            self._take(data, fds.tolist(), sender)

    def _take(self, data: bytes, fds: list[int], sender: int) -> None:
        self._messages += 1
        if self._messages == _MOST_MESSAGES:
            self._nonce = b''
            self.happen((OVER, b'too many messages'))
        kind, nonce, payload = data[:1], data[1 : 1 + wire.NONCE_BYTES], data[1 + wire.NONCE_BYTES :]
        if kind == wire.READY and sender == self.pid and fds and not self._is_ready:
            self._is_ready = True
            self._listener = fds.pop()
            self._loop.add_reader(self._listener, self._answer_call)
            self.happen((wire.READY, b''))
        elif self._nonce and nonce == self._nonce:
            self._count(kind, payload, sender)
        for fd in fds:
            os.close(fd)

    def _count(self, kind: bytes, payload: bytes, sender: int) -> None:
        """Takes a message of this turn; one that its sender has no right to say is dropped."""
        if kind in (wire.FORKED, wire.SHED):
            if self._awaits_fork and sender != self.pid:
                self._awaits_fork, self._forks_allowed = False, 0
                self._take_fork(kind, sender)
                self.happen((kind, b''))
        elif sender == self.pid and kind in (wire.REPORT, wire.REPORT_MORE):
            self._add_to_report(kind, payload)

    def _take_fork(self, kind: bytes, pid: int) -> None:
        self._exits.born(pid)
        if kind == wire.FORKED:
            self.holder = pid
            self.signal(pid, signal.SIGSTOP)
        else:
            self._dismiss(self.pid)
            self._become(pid)

    def _become(self, pid: int) -> None:
        self._exits.forget(self.pid)
        self.pid, self.had_threads, self.ended = pid, False, None
        self._exits.ask(pid, self._note_exit)

    def _note_exit(self, status: int) -> None:
        self.ended = status
        self.happen((ENDED, str(status).encode()))

    def _add_to_report(self, kind: bytes, payload: bytes) -> None:
        self._report += payload
        if len(self._report) > self._most_report_bytes:
            self._nonce = b''
            self.happen((OVER, b'the report is too long'))
        elif kind == wire.REPORT:
            self.happen((wire.REPORT, bytes(self._report)))
            self._report.clear()

    def _end(self) -> None:
        if self.lost:
            return
        self.lost = True
        self._loop.remove_reader(self._channel.fileno())
        self._channel.close()
        self._drop_listener()
        self.happen((LOST, b''))

    def _drop_listener(self) -> None:
        if self._listener >= 0:
            self._loop.remove_reader(self._listener)
            os.close(self._listener)
            self._listener = -1

    # -- calls handed over by the filter --------------------------------------------------------------------------

    def _answer_call(self) -> None:
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        happened = dict(poll.poll(0)).get(self._listener, 0)
        if not happened & select.POLLIN:
            if happened & (select.POLLHUP | select.POLLERR):
                self._drop_listener()
            return  # otherwise the caller was killed meanwhile
        self._calls += 1
        if self._calls > _FREE_CALLS:
            self._loop.remove_reader(self._listener)
            self._loop.call_later(_CALL_PAUSE_S, self._listen_again)
        call = notify.receive(self._listener)
        if call is not None:
            notify.answer(self._listener, call, self._judge(call))

    def _has_forked(self) -> bool:
        """Whether the fork of this turn is made already, though its word is still on its way here."""
        if not self._forker:
            return False
        return not (children(self._forker) or set()) <= {*self._dismissed}

    @property
    def has_no_fork(self) -> bool:
        """Whether this turn's fork certainly does not exist, as long as the running process is at rest."""
        made = children(self._forker) if self._forker else set()
        return made is not None and made <= {*self._dismissed}

    def _listen_again(self) -> None:
        if self._listener >= 0:
            self._loop.add_reader(self._listener, self._answer_call)

    def _judge(self, call: notify.Call) -> int:
        """0 to let a call go on, or the errno it fails with."""
        if call.name == 'clone':
            if call.args[0] & _CLONE_THREAD:
                self.had_threads = True
                return errno.EAGAIN if read_state(call.tid)[1] >= self._most_threads else 0
            if call.args[0] & 0xFFFFFFFF != _PLAIN_FORK or not self._forks_allowed or self._has_forked():
                return errno.EPERM
            self._forker = self._forker or call.tid
            self._forks_allowed -= 1
            return 0 if call.tid == self._forker else errno.EPERM
        if call.name == 'mmap':
            self.maps_files = True
            return 0
        if call.name:
            self.files_made += 1
            if self._files_left <= 0:
                self._files_left = self.room_for_files()
            self._files_left -= 1
            return errno.EDQUOT if self._files_left < 0 else 0
        return errno.EPERM
