"""Accepts the pictures a snippet returned: copies them out of its reach, has them decoded, keeps those in order.

Decoding happens in a separate confined process (`decoder`); this file opens, copies and bounds.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import socket
import stat
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from .. import wire
from ..base import Limits
from ..naming import Mention
from . import tree
from .zygote import ZygoteProcess

DECODE_TIMEOUT_S = 5.0
"""Wall clock for one picture, and for all that one snippet returns together."""
_buffer = bytearray(1 << 17)


class Refused(Exception):
    """A picture is not accepted; the message is for the model."""


class Decoder:
    """One decoding process, and the file into which it writes plain copies."""

    def __init__(self, zygote: ZygoteProcess) -> None:
        self._zygote = zygote
        self._channel: socket.socket | None = None
        self._plain = -1
        self._pid = 0
        self._reply: asyncio.Future[bytes] | None = None

    async def examine(self, picture: int, limits: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """Has one picture decoded; where the verdict says `copied`, its file then holds the plain copy.

        Args:
            picture: an open file that nobody else can write.
            limits: as `decoder.examine` takes them.
            timeout_s: wall clock.

        Raises:
            Refused: it took too long, or ended two processes (the first may have been killed by somebody else).
        """
        deadline = time.monotonic() + timeout_s
        reply = await self._ask(picture, limits, timeout_s)
        if not reply:
            reply = await self._ask(picture, limits, deadline - time.monotonic())
        if not reply:
            raise Refused('cannot be decoded within the limits')
        verdict: dict[str, Any] = json.loads(reply)
        if verdict.get('copied'):
            os.ftruncate(picture, 0)
            os.lseek(picture, 0, os.SEEK_SET)
            os.lseek(self._plain, 0, os.SEEK_SET)
            tree.copy(self._plain, picture)
        if os.fstat(self._plain).st_size:
            os.ftruncate(self._plain, 0)
        return verdict

    async def _ask(self, picture: int, limits: dict[str, Any], timeout_s: float) -> bytes:
        """The process's verdict; empty, and the process gone, when there is none in time."""
        if timeout_s <= 0:
            return b''
        channel, loop = self._channel or await self._start(), asyncio.get_running_loop()
        self._reply = loop.create_future()
        timer = loop.call_later(timeout_s, self._take, b'')
        try:
            reading = os.open(f'/proc/self/fd/{picture}', os.O_RDONLY | os.O_CLOEXEC)
            try:
                socket.send_fds(channel, [json.dumps(limits).encode()], [reading, self._plain])
            finally:
                os.close(reading)
            reply = await self._reply
        except OSError:
            reply = b''
        finally:
            timer.cancel()
            self._reply = None
        if not reply:
            self.kill()
        return reply

    async def _start(self) -> socket.socket:
        self._channel, self._pid = await self._zygote.fork(wire.ZYGOTE_DECODER)
        self._plain = os.memfd_create('thyme-plain')
        asyncio.get_running_loop().add_reader(self._channel.fileno(), self._hear, self._channel)
        return self._channel

    def _hear(self, channel: socket.socket) -> None:
        reply = b''
        with suppress(OSError):
            reply = channel.recv(65536)
        self._take(reply)

    def _take(self, reply: bytes) -> None:
        """Ends the wait for a verdict; one that nobody waits for is the end of a process that cannot go on."""
        if self._reply is not None and not self._reply.done():
            self._reply.set_result(reply)
        elif self._reply is None:
            self.kill()

    def kill(self) -> None:
        """Ends the process; the next request starts another."""
        if self._channel is not None:
            asyncio.get_running_loop().remove_reader(self._channel.fileno())
            self._channel.close()
            self._channel = None
            os.close(self._plain)
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            self._zygote.forget(self._pid)


class Decoders:
    """A few decoding processes, started as they are needed."""

    def __init__(self, zygote: ZygoteProcess, most: int) -> None:
        self._idle = [Decoder(zygote) for _ in range(most)]
        self._free = asyncio.Semaphore(most)

    async def examine(self, picture: int, limits: dict[str, Any], timeout_s: float) -> tuple[dict[str, Any], float]:
        """As `Decoder.examine`, on the first process that is free; also returns how long that process took, seconds."""
        async with self._free:
            decoder, begun = self._idle.pop(), time.monotonic()
            try:
                return await decoder.examine(picture, limits, timeout_s), time.monotonic() - begun
            finally:
                self._idle.append(decoder)

    def kill(self) -> None:
        """Ends all of them."""
        for decoder in self._idle:
            decoder.kill()


@dataclass
class Accepted:
    """What came of the pictures one snippet named."""

    images: list[dict[str, Any]] = field(default_factory=list)
    """As the fields of `types.SandboxImage`."""
    problems: list[str] = field(default_factory=list)


class Gallery:
    """The accepted pictures of one session."""

    def __init__(self, live: str, out: str, prefix: str, limits: Limits, decoders: Decoders) -> None:
        """
        Args:
            live: the session's directory.
            out: where accepted copies go.
            prefix: begins their file names.
            limits: of the session.
            decoders: who decodes.
        """
        self._live, self._out, self._prefix = live, out, prefix
        self._limits, self._decoders = limits, decoders
        self._count = 0
        self._left_s = 0.0
        """What is left of this snippet's time for decoding."""

    async def accept(self, mentions: list[Mention]) -> Accepted:
        """Copies and checks each named picture, in order, until the session's number of pictures is reached."""
        result = Accepted()
        seen: set[str] = set()
        self._left_s = DECODE_TIMEOUT_S
        for mention in mentions[:64]:
            try:
                if mention.path is None:
                    raise Refused('no picture of this name was saved in the working directory')
                if self._count >= self._limits.images:
                    raise Refused(f'at most {self._limits.images} pictures are returned')
                picture = await self._take(mention.path)
            except Refused as reason:
                result.problems.append(f'{os.path.basename(mention.written)}: {reason}')
                continue
            if picture['sha256'] + picture['source'] not in seen:
                seen.add(picture['sha256'] + picture['source'])
                result.images.append(picture)
        return result

    async def _take(self, path: str) -> dict[str, Any]:
        os.makedirs(self._out, mode=0o700, exist_ok=True)
        number = self._count + 1
        draft = os.path.join(self._out, f'.{self._prefix}{number}.draft')
        copy = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            digest = self._copy(path, copy)
            verdict = await self._examine(copy)
            if 'error' in verdict:
                raise Refused(verdict['error'])
            if verdict['copied']:
                digest = _sha256(copy)
            final = os.path.join(self._out, f'{self._prefix}{number}{verdict["suffix"]}')
            os.replace(draft, final)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(draft)
            raise
        finally:
            os.close(copy)
        self._count = number
        return {
            'path': final,
            'width_px': verdict['width'],
            'height_px': verdict['height'],
            'sha256': digest,
            'source': path,
        }

    async def _examine(self, picture: int) -> dict[str, Any]:
        if self._left_s <= 0:
            raise Refused('decoding the pictures before it took too long')
        limits = {
            'pixels': self._limits.image_pixels,
            'min_side_px': self._limits.image_min_side_px,
            'aspect_ratio': self._limits.image_aspect_ratio,
        }
        taken_s = self._left_s
        try:
            verdict, taken_s = await self._decoders.examine(picture, limits, self._left_s)
        finally:
            self._left_s -= taken_s
        return verdict

    def _copy(self, path: str, target: int) -> str:
        try:
            source = tree.open_beneath(self._live, path)
        except OSError as error:
            raise Refused('cannot be read') from error
        try:
            info = os.fstat(source)
            if not stat.S_ISREG(info.st_mode) or info.st_nlink != 1:
                raise Refused('is not a plain file')
            if info.st_size > self._limits.image_bytes:
                raise Refused(f'has more than {self._limits.image_bytes} bytes')
            return _sha256(source, target)
        finally:
            os.close(source)


def _sha256(fd: int, target: int | None = None) -> str:
    """Of a whole file, hexadecimal; also copies it to `target`, if given.

    Reads through one small buffer, so that no memory is asked of the kernel.
    """
    digest, at = hashlib.sha256(), 0
    while count := os.preadv(fd, [_buffer], at):
        part = memoryview(_buffer)[:count]
        digest.update(part)
        while target is not None and part:
            part = part[os.write(target, part) :]
        at += count
    return digest.hexdigest()
