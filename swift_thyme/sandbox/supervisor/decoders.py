"""The processes that decode pictures, as the supervisor sees them: asked, timed, bounded, and never believed.

A decoder reads what a model made. What it says is checked here as if it came from the snippet itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from ...picture import SIGNATURES
from .. import wire
from ..base import Limits
from ..decoder import size_error
from . import tree
from .clock import Stopwatch
from .zygote import Child, ZygoteHandle

_MOST_PICTURES = 200
"""After so many a process is replaced: what a broken codec left in it does not reach all later pictures."""
_QUICK_S = 0.25
"""A picture that takes longer gives up its place, so that quick ones need not wait for it."""
_SLOW_NICE = 15
_SLOW_PER_PLACE = 4
_MOST_REPLY_BYTES = 65536
_LOOK_S = 0.1
_ENDINGS = ('.jpg', '.png', '.webp')


class Refused(Exception):
    """A picture is not accepted; the message is for the model."""

    taken_s = 0.0
    """What the decoding process took until then."""


@dataclass(frozen=True)
class Verdict:
    """What a decoder says of a picture that it read to its end."""

    width_px: int
    height_px: int
    suffix: str
    """Of the file that is returned."""
    copied: bool
    """The decoder wrote a plain copy, which takes the picture's place."""


def read_verdict(reply: bytes, limits: Limits) -> Verdict:
    """A verdict whose every field is what it may be.

    Raises:
        Refused: the decoder refuses the picture, or says what no honest decoder says.
    """
    try:
        said: dict[str, Any] = json.loads(reply)
        if 'error' in said:
            raise Refused(str(said['error'])[:300])
        verdict = Verdict(said['width'], said['height'], said['suffix'], said['copied'])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Refused('cannot be decoded') from error
    sizes = verdict.width_px, verdict.height_px
    sound = all(type(size) is int and size > 0 for size in sizes) and type(verdict.copied) is bool
    if not sound or verdict.suffix not in _ENDINGS:
        raise Refused('cannot be decoded')
    reason = size_error(*sizes, limits)
    if reason:
        raise Refused(reason)
    return verdict


def check_file(fd: int, verdict: Verdict, limits: Limits) -> None:
    """Looks at the file that will be returned, without decoding it: kind, length, and a PNG's width and height.

    Raises:
        Refused: it is not what the verdict says.
    """
    if os.fstat(fd).st_size > limits.image_bytes:
        raise Refused(f'has more than {limits.image_bytes} bytes as {verdict.suffix[1:].upper()}')
    head = os.pread(fd, 24, 0)
    if not head.startswith(SIGNATURES[verdict.suffix]):
        raise Refused('cannot be decoded')
    size = int.from_bytes(head[16:20], 'big'), int.from_bytes(head[20:24], 'big')
    if verdict.suffix == '.png' and size != (verdict.width_px, verdict.height_px):
        raise Refused('cannot be decoded')


class Decoder:
    """One decoding process; started when it is asked, replaced when it fails, is slow or has done enough."""

    def __init__(self, zygote: ZygoteHandle) -> None:
        self._zygote = zygote
        self._child: Child | None = None
        self._served = 0
        self._reply: asyncio.Future[bytes] | None = None

    async def examine(self, picture: int, limits: Limits, timeout_s: float) -> tuple[Verdict, float]:
        """Has one picture decoded; a plain copy, where one is needed, then stands in the picture's file.

        Args:
            picture: an open file that nobody else can write.
            limits: what is accepted, be it a plain copy.
            timeout_s: of the process's own time.

        Returns:
            The verdict, checked, and how much of its time the process took, seconds.

        Raises:
            Refused: it took too long, ended two processes (the first may have been killed by somebody else), or is
                not accepted.
        """
        plain = os.memfd_create('thyme-plain')  # one a picture: nothing of an earlier one is in it, nor its offset
        taken_s = 0.0
        try:
            reply, taken_s = await self._ask(picture, plain, limits, timeout_s)
            if not reply:
                reply, more_s = await self._ask(picture, plain, limits, timeout_s - taken_s)
                taken_s += more_s
            if not reply:
                raise Refused('cannot be decoded within the limits')
            verdict = read_verdict(reply, limits)
            if verdict.copied:
                check_file(plain, verdict, limits)
                os.ftruncate(picture, 0)
                os.lseek(picture, 0, os.SEEK_SET)
                os.lseek(plain, 0, os.SEEK_SET)
                tree.copy(plain, picture)
            check_file(picture, verdict, limits)
            return verdict, taken_s
        except Refused as reason:
            reason.taken_s = taken_s
            raise
        finally:
            os.close(plain)

    async def _ask(self, picture: int, plain: int, limits: Limits, timeout_s: float) -> tuple[bytes, float]:
        """The process's reply, and its time; the reply is empty, and the process gone, when there is none in time."""
        if timeout_s <= 0:
            return b'', 0.0
        child = self._child or await self._start()
        self._reply, watch = asyncio.get_running_loop().create_future(), Stopwatch(child.pid)
        try:
            os.ftruncate(plain, 0)
            os.lseek(plain, 0, os.SEEK_SET)
            reading = os.open(f'/proc/self/fd/{picture}', os.O_RDONLY | os.O_CLOEXEC)
            try:
                socket.send_fds(child.channel, [json.dumps(asdict(limits)).encode()], [reading, plain])
            finally:
                os.close(reading)
            reply = await self._wait(watch, timeout_s)
        except OSError:
            reply = b''
        finally:
            self._reply = None
        self._served += 1
        taken_s = watch.elapsed_s()
        if not reply or taken_s > _QUICK_S or self._served >= _MOST_PICTURES:
            self.kill()
        return reply, taken_s

    async def _wait(self, watch: Stopwatch, timeout_s: float) -> bytes:
        assert self._reply is not None
        while (left_s := timeout_s - watch.elapsed_s()) > 0:
            done, _ = await asyncio.wait({self._reply}, timeout=max(min(left_s, _LOOK_S), 0.001))
            if done:
                return self._reply.result()
        return b''

    async def _start(self) -> Child:
        self._child, self._served = await self._zygote.fork(wire.ZYGOTE_DECODER), 0
        asyncio.get_running_loop().add_reader(self._child.channel.fileno(), self._hear, self._child.channel)
        return self._child

    def _hear(self, channel: socket.socket) -> None:
        reply = b''
        with suppress(OSError):
            reply = channel.recv(_MOST_REPLY_BYTES)
        if self._reply is not None and not self._reply.done():
            self._reply.set_result(reply)
        elif self._reply is None:
            self.kill()  # a word that nobody waits for is the end of a process that cannot go on

    def step_back(self) -> None:
        """Lets everybody else go first; the process is replaced after this picture."""
        if self._child is not None:
            self._served = _MOST_PICTURES
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, self._child.pid, _SLOW_NICE)

    def kill(self) -> None:
        """Ends the process; the next request starts another."""
        if self._child is not None:
            asyncio.get_running_loop().remove_reader(self._child.channel.fileno())
            self._child.end()
            self._child = None


class Decoders:
    """A few decoding processes, started as they are needed. Who is slow does not keep the others waiting."""

    def __init__(self, zygote: ZygoteHandle, most: int) -> None:
        """
        Args:
            zygote: makes the processes.
            most: places for quick pictures; four times as many slow ones may be decoded beside them.
        """
        self._zygote, self._most = zygote, most
        self._idle: list[Decoder] = []
        self._free = asyncio.Semaphore(most)
        self._slow = asyncio.Semaphore(most * _SLOW_PER_PLACE)

    async def examine(self, picture: int, limits: Limits, timeout_s: float) -> tuple[Verdict, float]:
        """As `Decoder.examine`, by the first process that is free."""
        place = self._free
        await place.acquire()
        decoder = self._idle.pop() if self._idle else Decoder(self._zygote)
        work = asyncio.ensure_future(decoder.examine(picture, limits, timeout_s))
        try:
            done, _ = await asyncio.wait({work}, timeout=_QUICK_S)
            if not done and not self._slow.locked():
                decoder.step_back()
                await self._slow.acquire()
                place.release()
                place = self._slow
            return await work
        finally:
            place.release()
            if len(self._idle) < self._most:
                self._idle.append(decoder)
            else:
                decoder.kill()

    def kill(self) -> None:
        """Ends those that wait; one at work ends with the supervisor."""
        for decoder in self._idle:
            decoder.kill()
