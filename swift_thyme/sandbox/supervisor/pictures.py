"""Accepts the pictures a snippet returned: copies them out of its reach, has them decoded, keeps those in order.

Decoding happens in a separate confined process (`decoder`); this file opens, copies and bounds.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from contextlib import suppress

from ...types import SandboxImage
from ..base import Limits
from ..naming import Mention
from ..text import clean
from . import tree
from .decoders import Decoders, Refused, Verdict

DECODE_TIMEOUT_S = 5.0
"""Time of decoding processes for all pictures that one snippet returns together."""
_LARGE_BYTES = 1 << 20
"""Copies of so much are made beside the event loop."""
_MOST_NAME_BYTES = 4096
_buffer = bytearray(1 << 17)


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

    async def accept(self, mentions: list[Mention]) -> tuple[list[SandboxImage], list[str]]:
        """Copies and checks each named picture, in order, until the session's number of pictures is reached.

        Returns:
            The pictures, and why others are refused.
        """
        images: dict[str, SandboxImage] = {}
        problems: list[str] = []
        self._left_s = DECODE_TIMEOUT_S
        for mention in mentions[:64]:
            try:
                if mention.path is None:
                    raise Refused('no picture of this name was saved in the working directory')
                if self._count >= self._limits.images:
                    raise Refused('no more pictures are returned')
                picture = await self._take(mention.path)
            except Refused as reason:
                problems.append(f'{os.path.basename(mention.written)}: {reason}')
                continue
            images.setdefault(picture.sha256 + picture.source, picture)
        return list(images.values()), problems

    async def _take(self, path: str) -> SandboxImage:
        os.makedirs(self._out, mode=0o700, exist_ok=True)
        number = self._count + 1
        draft = os.path.join(self._out, f'.{self._prefix}{number}.draft')
        copy = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            digest = await self._copy(path, copy)
            verdict = await self._examine(copy)
            if verdict.copied:
                digest = await _sha256(copy)
            final = os.path.join(self._out, f'{self._prefix}{number}{verdict.suffix}')
            os.replace(draft, final)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(draft)
            raise
        finally:
            os.close(copy)
        self._count = number
        source = ' '.join(clean(path, _MOST_NAME_BYTES).split())
        return SandboxImage(final, verdict.width_px, verdict.height_px, digest, source)

    async def _examine(self, picture: int) -> Verdict:
        if self._left_s <= 0:
            raise Refused('decoding the pictures before it took too long')
        taken_s = self._left_s
        try:
            verdict, taken_s = await self._decoders.examine(picture, self._limits, self._left_s)
        except Refused as reason:
            taken_s = reason.taken_s
            raise
        finally:
            self._left_s -= taken_s
        return verdict

    async def _copy(self, path: str, target: int) -> str:
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
            return await _sha256(source, target)
        finally:
            os.close(source)


async def _sha256(fd: int, target: int | None = None) -> str:
    """Of a whole file, hexadecimal; also copies it to `target`, if given. Large files do not hold up the event loop."""
    if os.fstat(fd).st_size > _LARGE_BYTES:
        return await asyncio.to_thread(_digest, fd, target, bytearray(len(_buffer)))
    return _digest(fd, target, _buffer)


def _digest(fd: int, target: int | None, buffer: bytearray) -> str:
    """Reads through one small buffer, so that no memory is asked of the kernel."""
    digest, at = hashlib.sha256(), 0
    while count := os.preadv(fd, [buffer], at):
        part = memoryview(buffer)[:count]
        digest.update(part)
        while target is not None and part:
            part = part[os.write(target, part) :]
        at += count
    return digest.hexdigest()
