"""The process that decodes pictures: confined to the descriptors it is handed, killed when it takes too long.

Reads the picture completely (checksums included) and says its size; where the format is not what the model's
processor reads plainly (palette, alpha, 16 bit, CMYK, animation, rotation by EXIF), it also writes a plain copy.
"""

from __future__ import annotations

import io
import json
import os
import socket
import struct
import zlib
from typing import Any

from ..picture import eight_bits, is_deep, white_of
from . import confine, linux
from .base import Limits

FORMATS = ('JPEG', 'PNG', 'WEBP', 'BMP', 'GIF', 'TIFF')
_PLAIN = {('JPEG', 'RGB'), ('JPEG', 'L'), ('PNG', 'RGB'), ('PNG', 'L'), ('WEBP', 'RGB')}
_SUFFIXES = {'JPEG': '.jpg', 'PNG': '.png', 'WEBP': '.webp'}
_MEMORY_BYTES = 3 << 30
_MOST_SCANS, _MOST_SCANNED_PIXELS = 64, 12 * 50_000_000
"""An honest progressive picture has ten or so; every scan costs time for all of its pixels."""
_EXIF_ORIENTATION = 0x0112


def main(fds: tuple[int, int], program: bytes) -> None:
    """Confines the calling process and serves requests until the supervisor closes the channel.

    Args:
        fds: the channel, a datagram socket to the supervisor, and the lifeline.
        program: the seccomp filter.
    """
    channel = confine.claim_descriptors(fds, 2)
    confine.limit_resources(memory_bytes=_MEMORY_BYTES, file_bytes=512 << 20, open_files=16)
    confine.give_up_privileges(None)
    if linux.landlock_abi():
        confine.restrict(confine.Paths(()).ruleset())
    linux.install_seccomp(program, listener=False)
    while True:
        data, handed, _, _ = socket.recv_fds(channel, 65536, 2)
        if not data:
            os._exit(0)
        os.lseek(handed[0], 0, os.SEEK_SET)
        try:
            reply = examine(handed[0], handed[1], Limits(**json.loads(data)))
        except Exception as error:  # noqa: BLE001 (a decoder raises anything on hostile bytes; the verdict is 'no')
            reply = {'error': f'cannot be decoded: {type(error).__name__}: {str(error)[:200]}'}
        for fd in handed:
            os.close(fd)
        channel.sendmsg([json.dumps(reply).encode()])


def examine(source_fd: int, target_fd: int, limits: Limits) -> dict[str, Any]:
    """Decodes one picture.

    Args:
        source_fd: the picture's bytes, readable.
        target_fd: an empty file; a plain copy is written there when the picture needs one.
        limits: what a picture may be, a copy included.

    Returns:
        `{'width', 'height', 'suffix', 'copied'}`, or `{'error': reason}`.
    """
    from PIL import Image, ImageOps

    with open(source_fd, 'rb', closefd=False) as file:
        data = file.read()
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        kind = 'JPEG' if image.format == 'MPO' else image.format or ''  # several JPEGs in one file; the first counts
        width, height = image.size
        reason = size_error(width, height, limits) or _container_error(kind, data, width * height)
        if reason:
            return {'error': reason}
        orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
        plain = (kind, image.mode) in _PLAIN and orientation == 1 and not getattr(image, 'is_animated', False)
        plain = plain and not (kind == 'PNG' and _is_deep(data)) and 'transparency' not in image.info
        if plain:
            if kind == 'JPEG':
                image.draft('L', (max(width // 8, 1), max(height // 8, 1)))
            image.load()
            return {'width': width, 'height': height, 'suffix': _SUFFIXES[kind], 'copied': False}
        image.seek(0)
        image.load()
        upright = ImageOps.exif_transpose(image) if orientation != 1 else image
        copy = eight_bits(upright, white_of(image)) if is_deep(image) else _flatten(upright)
    return {'width': copy.width, 'height': copy.height, 'suffix': _write(copy, target_fd, limits), 'copied': True}


def _write(copy: Any, target_fd: int, limits: Limits) -> str:
    """Writes a plain copy, as JPEG only where a PNG would be too long a file; returns the suffix."""
    with open(target_fd, 'wb', closefd=False) as file:
        copy.save(file, 'PNG', compress_level=1)
        if file.tell() <= limits.image_bytes:
            return '.png'
        file.seek(0)
        file.truncate()
        copy.save(file, 'JPEG', quality=95)
        return '.jpg'


def size_error(width: int, height: int, limits: Limits) -> str | None:
    """Why a picture of this size is not accepted; None when it is."""
    if width * height > limits.image_pixels:
        return f'{width}x{height} has more than {limits.image_pixels} pixels'
    if min(width, height) < limits.image_min_side_px:
        return f'{width}x{height} is too small; each side must have at least {limits.image_min_side_px} px'
    if max(width, height) > limits.image_aspect_ratio * min(width, height):
        return f'{width}x{height} is too narrow; the aspect ratio must be at most {limits.image_aspect_ratio:g}'
    return None


def _container_error(kind: str, data: bytes, pixels: int) -> str | None:
    if kind == 'PNG':
        return _png_error(data)
    if kind == 'JPEG':
        scans = _scans(data)
        if scans > _MOST_SCANS or scans * pixels > max(_MOST_SCANNED_PIXELS, pixels):
            return f'its JPEG data has {scans} scans, too many for {pixels} pixels'
    return None


def _scans(data: bytes) -> int:
    """How often the marker of a scan's begin stands in JPEG data; `bytes.count` takes five times as long."""
    import numpy as np

    values = np.frombuffer(data, 'u1')
    return int(np.count_nonzero((values[:-1] == 0xFF) & (values[1:] == 0xDA)))


def _png_error(data: bytes) -> str | None:
    """Checks every chunk's checksum, which decoders skip for the picture data."""
    at = 8
    while at + 12 <= len(data):
        (size,) = struct.unpack_from('>I', data, at)
        end = at + 8 + size
        if end + 4 > len(data):
            break
        if zlib.crc32(memoryview(data)[at + 4 : end]) != struct.unpack_from('>I', data, end)[0]:
            return 'its PNG data has a wrong checksum'
        if data[at + 4 : at + 8] == b'IEND':
            return None
        at = end + 4
    return 'its PNG data is cut short'


def _is_deep(data: bytes) -> bool:
    return len(data) > 24 and data[24] == 16


def _flatten(image: Any) -> Any:
    """A plain RGB or gray copy: alpha over white, CMYK converted."""
    from PIL import Image

    if image.mode == 'P' or 'transparency' in image.info:
        image = image.convert('RGBA')
    if image.mode in ('RGBA', 'LA', 'PA', 'La', 'RGBa'):
        image = image.convert('RGBA')
        canvas = Image.new('RGB', image.size, 'white')
        canvas.paste(image, mask=image.getchannel('A'))
        return canvas
    return image.convert('L' if image.mode in ('L', '1') else 'RGB')
