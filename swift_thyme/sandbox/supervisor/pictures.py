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
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ..base import Limits
from ..naming import Mention
from . import tree
from .zygote import ZygoteProcess

DECODE_TIMEOUT_S = 5.0


class Refused(Exception):
    """A picture is not accepted; the message is for the model."""


class Decoder:
    """One decoding process."""

    def __init__(self, zygote: ZygoteProcess) -> None:
        self._zygote = zygote
        self._channel: socket.socket | None = None
        self._pid = 0

    async def examine(self, source_fd: int, target_fd: int, limits: dict[str, Any]) -> dict[str, Any]:
        """Has one picture decoded.

        Raises:
            Refused: it took too long, or ended the process.
        """
        if self._channel is None:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            ours.setblocking(False)
            with theirs:
                self._pid = await self._zygote.fork({'kind': 'decoder'}, theirs.fileno())
            self._channel = ours
        channel, loop = self._channel, asyncio.get_running_loop()
        try:
            socket.send_fds(channel, [json.dumps(limits).encode()], [source_fd, target_fd])
            reply = await asyncio.wait_for(loop.sock_recv(channel, 65536), DECODE_TIMEOUT_S)
        except (asyncio.TimeoutError, OSError):
            reply = b''
        if not reply:
            self.kill()
            raise Refused('cannot be decoded within the limits')
        verdict: dict[str, Any] = json.loads(reply)
        return verdict

    def kill(self) -> None:
        """Ends the process; the next request starts another."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            self._zygote.forget(self._pid)


class Decoders:
    """A few decoding processes, started as they are needed."""

    def __init__(self, zygote: ZygoteProcess, most: int) -> None:
        self._idle = [Decoder(zygote) for _ in range(most)]
        self._free = asyncio.Semaphore(most)

    async def examine(self, source_fd: int, target_fd: int, limits: dict[str, Any]) -> dict[str, Any]:
        """As `Decoder.examine`, on the first process that is free."""
        async with self._free:
            decoder = self._idle.pop()
            try:
                return await decoder.examine(source_fd, target_fd, limits)
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

    async def accept(self, mentions: list[Mention]) -> Accepted:
        """Copies and checks each named picture, in order, until the session's number of pictures is reached."""
        result = Accepted()
        seen: set[str] = set()
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
        data = self._read(path)
        os.makedirs(self._out, mode=0o700, exist_ok=True)
        number = self._count + 1
        draft = os.path.join(self._out, f'.{self._prefix}{number}.draft')
        plain = draft + '2'
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        source, target = os.open(draft, flags, 0o600), os.open(plain, flags, 0o600)
        try:
            os.write(source, data)
            os.lseek(source, 0, os.SEEK_SET)
            verdict = await self._decoders.examine(source, target, self._picture_limits())
            if 'error' in verdict:
                raise Refused(verdict['error'])
            if verdict['copied']:
                with open(plain, 'rb') as file:
                    data = file.read()
            final = os.path.join(self._out, f'{self._prefix}{number}{verdict["suffix"]}')
            os.replace(plain if verdict['copied'] else draft, final)
        finally:
            for fd in (source, target):
                os.close(fd)
            for name in (draft, plain):
                with suppress(FileNotFoundError):
                    os.unlink(name)
        self._count = number
        return {
            'path': final,
            'width_px': verdict['width'],
            'height_px': verdict['height'],
            'sha256': hashlib.sha256(data).hexdigest(),
            'source': path,
        }

    def _picture_limits(self) -> dict[str, Any]:
        return {
            'pixels': self._limits.image_pixels,
            'min_side_px': self._limits.image_min_side_px,
            'aspect_ratio': self._limits.image_aspect_ratio,
        }

    def _read(self, path: str) -> bytes:
        try:
            fd = tree.open_beneath(self._live, path)
        except OSError as error:
            raise Refused('cannot be read') from error
        try:
            info = os.fstat(fd)
            if not stat.S_ISREG(info.st_mode) or info.st_nlink != 1:
                raise Refused('is not a plain file')
            if info.st_size > self._limits.image_bytes:
                raise Refused(f'has more than {self._limits.image_bytes} bytes')
            with open(fd, 'rb', closefd=False) as file:
                return file.read(self._limits.image_bytes + 1)
        finally:
            os.close(fd)
