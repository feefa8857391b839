"""The process of one session: waits for snippets, leaves a snapshot before each where asked, reports.

It begins as a spare: forked ahead of time, with nothing of any session in it, until one message says whose it is; then
it confines itself, for good, and says that it is ready.

The snapshot is the fork: the process itself runs the snippet and so keeps its page tables and its free memory. The
snapshot waits at the channel, stopped by the supervisor, and is either killed or becomes the session.

Everything here shares a process with model code and is therefore *not* trusted: it holds no limit and no right that
a snippet must not have. The supervisor kills, counts, restores files and accepts pictures from outside. What this
file guarantees is good behaviour when snippets are merely careless: it keeps its own references to the functions it
needs, so that patched modules and builtins do not confuse it.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import sys
from contextlib import suppress
from os import SEEK_CUR, SEEK_SET, _exit, chdir, fork, getpid, lseek
from os import fsencode as encode_path
from select import POLLNVAL, poll
from signal import pause
from typing import Any

from . import confine, linux, wire
from .runner import Runner

_raw_fork = ctypes.PyDLL(None).fork
"""fork() without Python's own hooks: safe because the process has one thread, and a snippet cannot hook into it."""
_NONCE_END = 1 + wire.NONCE_BYTES
_HEAD_END = _NONCE_END + wire.PID_BYTES
_NO_RULESET = 2
"""In place of a ruleset's descriptor where there is none: one of those that become /dev/null."""
_MOST_REQUEST_BYTES = 1 << 20


def main(fds: tuple[int, int], runner: Runner, program: bytes, paths: confine.Paths, *, huge_pages: bool) -> None:
    """Waits to become a session's, confines the calling process and serves; returns only when the session is over.

    Args:
        fds: the channel, a datagram socket to the supervisor, and the lifeline.
        runner: as the zygote made it.
        program: the seccomp filter.
        paths: what every snippet may read.
        huge_pages: whether large arrays get them, from the first snippet on.
    """
    ruleset = paths.ruleset() if paths.known_to_kernel else _NO_RULESET
    channel = confine.claim_descriptors(fds, ruleset)
    linux.ignore_ended_children()  # snapshots, that is
    runner.draw_seeds()
    data = channel.recv(_MOST_REQUEST_BYTES)
    if not data:
        _exit(0)
    request = json.loads(data)
    _confine(request, ruleset, paths)
    runner.begin(request)
    linux.small_pages(not huge_pages)
    listener = linux.install_seccomp(program, listener=True)
    socket.send_fds(channel, [wire.READY], [listener])
    socket.close(listener)
    _Loop(channel, runner, encode_path(request['work']), request['limits']['open_files']).serve()


def _confine(request: dict[str, Any], ruleset: int, paths: confine.Paths) -> None:
    """All but the filter: directory, limits, user, privileges, paths."""
    limits = request['limits']
    if request['tier'] == 'A':
        paths.allow(ruleset, request['readable'], [request['work']])
    else:
        os.umask(0o077)  # what a session leaves where all may write is no other's to read
    chdir(request['work'])
    confine.limit_resources(
        memory_bytes=limits['memory_bytes'],
        file_bytes=limits['file_bytes'],
        open_files=max(limits['open_files'], 16),
    )
    confine.give_up_privileges(request['uid'])
    if request['tier'] == 'A':
        confine.restrict(ruleset)
    elif ruleset != _NO_RULESET:
        os.close(ruleset)


class _Loop:
    """Takes commands from the channel and answers them."""

    def __init__(self, channel: socket.socket, runner: Runner, work: bytes, open_files: int) -> None:
        self._recvmsg, self._sendmsg = channel.recvmsg, channel.sendmsg
        self._runner = runner
        self._work = work
        self._descriptors = frozenset(range(3, open_files))
        asked = poll()
        for fd in self._descriptors:
            asked.register(fd, 0)
        self._poll = asked.poll
        self._code = bytearray()
        self._positions: list[tuple[int, int]] = []
        """In a snapshot: positions in open files, to be set again when it becomes the session."""

    def serve(self) -> None:
        """Until the supervisor is gone."""
        while True:
            data = self._recvmsg(wire.CHUNK_BYTES + 64)[0]
            if not data:
                _exit(0)
            for fd, position in self._positions:
                with suppress(OSError):
                    lseek(fd, position, SEEK_SET)
            self._positions = []
            kind, nonce, payload = data[:1], data[1:_NONCE_END], data[_HEAD_END:]
            if data[1:_HEAD_END] != wire.command_head(nonce, getpid()):
                continue
            if kind == wire.COMMAND_SHED:
                self._shed(nonce)
                continue
            self._code += payload
            if kind == wire.COMMAND_MORE:
                continue
            code, self._code = bytes(self._code), bytearray()
            if kind == wire.COMMAND_SNAPSHOT_RUN and not self._leave_snapshot(nonce):
                continue
            self._run(nonce, code)

    def _leave_snapshot(self, nonce: bytes) -> bool:
        """Forks: True here, where the snippet is to run, be it without a snapshot; False in the snapshot.
        The snapshot gives its copy of free memory back: the snippet then writes there without copying.
        """
        positions = self._offsets()
        pid = _raw_fork()
        if pid == 0:
            linux.trim_heap()
            self._positions = positions
            self._sendmsg([wire.FORKED + nonce])
        return bool(pid)

    def _offsets(self) -> list[tuple[int, int]]:
        """Positions in open files: a process and its snapshot share them, so what a failed snippet read is undone."""
        closed = {fd for fd, event in self._poll(0) if event & POLLNVAL}
        found = []
        for fd in self._descriptors - closed:
            try:
                found.append((fd, lseek(fd, 0, SEEK_CUR)))
            except OSError:
                continue
        return found

    def _run(self, nonce: bytes, code: bytes) -> None:
        chdir(self._work)
        fields = self._runner.run(code.decode('utf-8', 'replace'))
        for part in wire.chunks(nonce, wire.REPORT_MORE, wire.REPORT, wire.pack_fields(fields)):
            self._sendmsg([part])

    def _shed(self, nonce: bytes) -> None:
        """Goes on in a forked copy, which has none of the threads that a snippet left running."""
        if fork():
            while True:
                pause()
        sys.stdout = sys.stderr = self._runner.output
        self._sendmsg([wire.SHED + nonce])
