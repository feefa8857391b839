"""Pictures for the page: each content once, small enough for the page's budget, and never trusted to be a picture.

Owns reading, hashing, downscaling and the budget of bytes. A picture that is missing, broken or too large to decode
becomes a message; the page shows it where the picture would be.
"""

from __future__ import annotations

import hashlib
import io
import math
import struct
import threading
import zlib
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from .. import picture
from ..crops.locate import WORK_PX, Pixels, pixels
from ..errors import DataError

MAX_FILE_BYTES = 64 << 20
MAX_DECODED_PX = 120_000_000
"""Larger pictures are not decoded."""
_SIDES_PX = (1600, 1280, 1024, 800, 640, 512, 400, 320, 256, 192, 128, 96)
_QUALITY = 82
_BYTES_PER_PX = 0.16
"""First guess of what JPEG takes; real sizes correct it."""
_KEPT_GRAYS = 256
_BROKEN: tuple[type[Exception], ...] = (
    *(OSError, ValueError, SyntaxError, LookupError, TypeError, ArithmeticError, EOFError, MemoryError),
    *(struct.error, zlib.error, Image.DecompressionBombError),
)
"""What decoders raise on bytes that are no picture."""


@dataclass(frozen=True)
class Shown:
    """A picture as the page has it."""

    key: str
    """Names the content; empty for one that cannot be shown."""
    width_px: int = 0
    """Of the original."""
    height_px: int = 0
    jpeg: bytes = b''
    """Empty: over budget, or not a picture."""
    message: str = ''
    """Why it is not shown; empty where it is."""


@dataclass
class PagePictures:
    """Turns references to pictures into `Shown`, in threads; the same content is worked on once."""

    max_side_px: int
    budget_bytes: int
    """Of all JPEG bytes together."""
    expected: int
    """Distinct pictures that will be asked for, about."""
    workers: int = 2
    left_out: int = 0
    """Pictures over budget so far."""
    pool: ThreadPoolExecutor = field(init=False)
    """The threads; also for other work that belongs to pictures."""
    _by_reference: dict[str, Future[Shown]] = field(default_factory=dict)
    _by_content: dict[str, Future[Shown]] = field(default_factory=dict)
    _grays: OrderedDict[str, Pixels] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _used_bytes: int = 0
    _done: int = 0
    _ratio: float = 1.0

    def __post_init__(self) -> None:
        self.pool = ThreadPoolExecutor(self.workers, 'thyme-pictures')

    def close(self) -> None:
        """Ends the threads."""
        self.pool.shutdown()

    def ask(self, reference: str, folder: Path) -> Future[Shown]:
        """Starts on a picture; one that was asked for before is not read again.

        Args:
            reference: a path, absolute or relative to the folder, base64, or a data URL.
            folder: of the file that names it.
        """
        name = reference_key(reference, folder)
        with self._lock:
            future = self._by_reference.get(name)
            if future is None:
                future = self.pool.submit(self._read, reference, folder)
                self._by_reference[name] = future
            return future

    def forget(self) -> None:
        """Drops the JPEG bytes of finished pictures, which the page has by now; their keys and sizes stay."""
        with self._lock:
            for futures in (self._by_reference, self._by_content):
                for name, future in list(futures.items()):
                    if future.done() and future.result().jpeg:
                        slim: Future[Shown] = Future()
                        shown = future.result()
                        slim.set_result(Shown(shown.key, shown.width_px, shown.height_px))
                        futures[name] = slim

    def gray(self, key: str) -> Pixels | None:
        """The gray copy of a picture that was shown a short while ago; None where it is gone."""
        with self._lock:
            found = self._grays.get(key)
            if found is not None:
                self._grays.move_to_end(key)
            return found

    def _read(self, reference: str, folder: Path) -> Shown:
        try:
            content = read_content(reference, folder)
        except (DataError, OSError) as error:
            return Shown('', message=str(error)[:300])
        key = hashlib.sha256(content).hexdigest()[:24]
        with self._lock:
            known = self._by_content.get(key)
            if known is None:
                mine: Future[Shown] = Future()
                self._by_content[key] = mine
        if known is not None:
            return known.result()
        try:
            mine.set_result(self._show(key, content))
        except BaseException as error:
            mine.set_exception(error)
            raise
        return mine.result()

    def _show(self, key: str, content: bytes) -> Shown:
        try:
            with Image.open(io.BytesIO(content)) as image:
                width_px, height_px = image.size
                if width_px * height_px > MAX_DECODED_PX:
                    return Shown('', message=f'{width_px}x{height_px} is larger than {MAX_DECODED_PX} pixels')
                side_px = self._side(width_px, height_px)
                scale = min(1.0, max(side_px, WORK_PX) / max(image.size))
                image.draft('RGB', (math.ceil(width_px * scale), math.ceil(height_px * scale)))
                rgb = _flat(image)
        except UnidentifiedImageError:
            return Shown('', message='is no picture of a known kind')
        except _BROKEN as error:
            return Shown('', message=f'is no picture: {type(error).__name__}: {error}'[:300])
        rgb = shrunk(rgb, max(side_px, WORK_PX))
        with self._lock:
            self._grays[key] = Pixels(pixels(rgb).gray, width_px, height_px)
            while len(self._grays) > _KEPT_GRAYS:
                self._grays.popitem(last=False)
        jpeg = self._encode(shrunk(rgb, side_px))
        return Shown(key, width_px, height_px, jpeg, '' if jpeg else 'left out: the page has reached its size')

    def _allowance(self) -> float:
        """Bytes that the next picture may take, so that the rest of the expected ones get as much."""
        left = max(self.expected - self._done, 1)
        return (self.budget_bytes - self._used_bytes) / left

    def _side(self, width_px: int, height_px: int) -> int:
        with self._lock:
            allowed, ratio = self._allowance(), self._ratio
        longer = max(width_px, height_px)
        for side_px in _SIDES_PX:
            side_px = min(side_px, self.max_side_px, longer)
            scale = side_px / longer
            if width_px * height_px * scale**2 * _BYTES_PER_PX * ratio <= allowed:
                return side_px
        return min(_SIDES_PX[-1], longer)

    def _encode(self, rgb: Image.Image) -> bytes:
        buffer = io.BytesIO()
        rgb.save(buffer, 'JPEG', quality=_QUALITY)
        jpeg = buffer.getvalue()
        with self._lock:
            self._done += 1
            guess = rgb.width * rgb.height * _BYTES_PER_PX
            self._ratio += 0.05 * (len(jpeg) / max(guess, 1.0) - self._ratio)
            if self._used_bytes + len(jpeg) > self.budget_bytes:
                self.left_out += 1
                return b''
            self._used_bytes += len(jpeg)
        return jpeg


def reference_key(reference: str, folder: Path) -> str:
    """A short name for a reference, the same for the same picture; distinct ones are counted by it."""
    if len(reference) > 4096:
        return hashlib.sha256(reference.encode('utf-8', 'surrogatepass')).hexdigest()
    return str(folder / reference)


def read_content(reference: str, folder: Path) -> bytes:
    """The encoded bytes of a picture.

    Raises:
        DataError: there is no such file and the text is no base64, or it is too large.
        OSError: the file cannot be read.
    """
    found = picture.resolve(reference, folder)
    if isinstance(found, bytes):
        return found
    size = found.stat().st_size
    if size > MAX_FILE_BYTES:
        raise DataError(f'{found} has {size} bytes, expected at most {MAX_FILE_BYTES}; it is not shown')
    return found.read_bytes()


def shrunk(rgb: Image.Image, side_px: int) -> Image.Image:
    """The picture with its longer side at most `side_px`."""
    scale = side_px / max(rgb.size)
    if scale >= 1:
        return rgb
    size = (max(1, round(rgb.width * scale)), max(1, round(rgb.height * scale)))
    how = cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR  # as good down to a half, and ten times as fast
    return Image.fromarray(cv2.resize(np.asarray(rgb), size, interpolation=how))


def _flat(image: Image.Image) -> Image.Image:
    """The picture as plain RGB, transparent parts on white."""
    if image.mode in ('RGBA', 'LA', 'PA') or 'transparency' in image.info:
        layer = image.convert('RGBA')
        ground = Image.new('RGBA', layer.size, 'white')
        return Image.alpha_composite(ground, layer).convert('RGB')
    return image.convert('RGB')
