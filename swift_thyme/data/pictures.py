"""Pictures of a set: decoded, checked, made alike for every reader, and stored once under their content's hash.

A picture that is already a whole JPEG, PNG or WEBP in RGB or grey is stored byte for byte and never decoded: decoding
costs twenty times what reading it does. Its header is read by Pillow; that it is whole is told from its own structure,
and only where that leaves a doubt is it decoded.

Not here: what the model does with a picture's size (`lengths`), and pictures that the sandbox returns.
"""

from __future__ import annotations

import hashlib
import os
import warnings
import zlib
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pybase64
from PIL import Image, ImageOps, UnidentifiedImageError

from ..picture import SIGNATURES, UNREADABLE, decode_base64, eight_bits, is_data_url, is_deep, is_turned, white_of
from ..sandbox.base import Limits
from .rows import Fix, Reason, RowRejected

FOLDER = 'images'
LONGEST_PATH = 4096
"""Characters; a longer string is base64."""
_ENCODED_STARTS = tuple(pybase64.b64encode(start).decode()[: len(start) * 8 // 6] for start in SIGNATURES.values())
"""How base64 of a picture begins; none of them has a full stop, as a file's name has."""
_SMALLEST_BYTES = 45
"""A shorter list of numbers is a list of numbers: a box may begin as a BMP does."""
NAME_HEX = 20
"""Hexadecimal digits of a stored picture's name (80 bits of SHA-256). The model copies paths: short ones cost less."""

_SUFFIX = {'JPEG': '.jpg', 'MPO': '.jpg', 'PNG': '.png', 'WEBP': '.webp'}
_PLAIN_MODES = ('RGB', 'L')
_LIMITS = Limits()
_WHITE = 65535
_ICC_SPACE = slice(16, 20)
"""Where an ICC profile names its colour space."""
_ICC_SPACES = {'RGB': b'RGB ', 'L': b'GRAY'}


@dataclass(frozen=True)
class Picture:
    """A checked picture, ready to be stored."""

    data: bytes
    suffix: str
    width_px: int
    height_px: int
    fixes: tuple[Fix, ...] = ()

    @cached_property
    def name(self) -> str:
        """Path relative to the set's folder, from the content's hash."""
        digest = hashlib.sha256(self.data).hexdigest()[:NAME_HEX]
        return f'{FOLDER}/{digest[:2]}/{digest}{self.suffix}'


def looks_encoded(text: str) -> bool:
    """Whether a picture given as a string is base64 or a data URL, not a path."""
    if is_data_url(text) or len(text) > LONGEST_PATH:
        return True
    return '.' not in text and text.startswith(_ENCODED_STARTS)


def begins_as_picture(numbers: list[Any]) -> bool:
    """Whether a list is the bytes of a picture as numbers, by their count and their beginning."""
    try:
        head = bytes(numbers)[:9]
    except (TypeError, ValueError):
        return False
    return len(numbers) >= _SMALLEST_BYTES and looks_encoded(pybase64.b64encode(head).decode())


def read_picture(value: Any, base: Path | None = None) -> bytes:
    """The encoded bytes of a picture as rows spell it.

    Args:
        value: a path (also `file://`), base64 text (also a data URL), bytes (also as numbers), or a dict that holds
            one of them as `bytes` or `path`.
        base: where relative paths start.

    Raises:
        RowRejected: MALFORMED_ROW, or UNREADABLE_IMAGE when it is no base64 or there is no such file.
    """
    if isinstance(value, dict):
        if not value.keys() & {'bytes', 'path'}:
            raise RowRejected(
                Reason.MALFORMED_ROW, f'a picture has the keys {sorted(map(str, value))}; expected bytes or path'
            )
        data = value.get('bytes')
        value = data if data is not None else value.get('path')
        if isinstance(data, str):
            return _decoded(data)
    if isinstance(value, list) and value and all(isinstance(one, int) for one in value):
        value = bytes(value)
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise RowRejected(
            Reason.MALFORMED_ROW, f'a picture is {type(value).__name__}; expected a path, base64 or bytes'
        )
    if not value.strip():
        raise RowRejected(Reason.UNREADABLE_IMAGE, 'a picture is an empty text')
    if looks_encoded(value):
        return _decoded(value)
    if '://' in value.removeprefix('file://'):
        raise RowRejected(Reason.UNREADABLE_IMAGE, f'{value[:80]!r} is a web address; fetch the pictures first')
    try:
        path = (base or Path()) / Path(value.removeprefix('file://')).expanduser()
        if path.exists() and not path.is_file():
            raise OSError('not a regular file')
        return path.read_bytes()
    except (OSError, ValueError, RuntimeError) as error:  # the last: `~name/` of nobody
        raise RowRejected(Reason.UNREADABLE_IMAGE, f'cannot read {value!r}: {error}') from error


def _decoded(text: str) -> bytes:
    try:
        return decode_base64(text)
    except ValueError as error:
        raise RowRejected(Reason.UNREADABLE_IMAGE, f'not base64: {error}') from error


def check_picture(data: bytes, *, decode: bool = False) -> Picture:
    """Checks one picture and brings it to a form that every reader sees alike.

    Pillow, OpenCV and the host differ on EXIF orientation, palettes, CMYK, 16 bits and transparency. Such pictures
    are rewritten upright in RGB or grey (transparent parts over white); the first frame stands for an animation.

    Args:
        data: the file's bytes.
        decode: decode every picture, also those whose structure shows that they are whole. A JPEG that is kept as it
            is gives an eighth of its pixels: all of its data is read for that too, and data is what can be broken.

    Raises:
        RowRejected: UNREADABLE_IMAGE, TRUNCATED_IMAGE or IMAGE_SHAPE.
    """
    if not len(data):
        raise RowRejected(Reason.UNREADABLE_IMAGE, 'no bytes')
    try:
        image = Image.open(BytesIO(data))
        plain = image.format in _SUFFIX and image.mode in _PLAIN_MODES and 'transparency' not in image.info
        turned = 'exif' in image.info and is_turned(image)
        rewrite = turned or not plain or bool(getattr(image, 'is_animated', False) and image.format != 'MPO')
        whole = _is_whole(data, image.format or '') and (image.format != 'PNG' or _has_own_profile(image))
        rewrite = rewrite or (image.format == 'PNG' and not whole)
        size = image.size
        if not rewrite:
            image.draft(None, (1, 1))
        if rewrite or decode or not whole:
            image.load()
        picture = _rewrite(image, turned, whole) if rewrite else Picture(data, _SUFFIX[image.format or ''], *size)
    except RowRejected:
        raise
    except UnidentifiedImageError as error:
        raise RowRejected(Reason.UNREADABLE_IMAGE, 'not a picture') from error
    except Image.DecompressionBombError as error:
        raise RowRejected(Reason.IMAGE_SHAPE, str(error)) from error
    except UNREADABLE as error:
        reason = Reason.TRUNCATED_IMAGE if _ends_early(error) else Reason.UNREADABLE_IMAGE
        raise RowRejected(reason, f'{type(error).__name__}: {error}') from error
    _check_shape(picture.width_px, picture.height_px)
    return picture


def _check_shape(width_px: int, height_px: int) -> None:
    short, long = sorted((width_px, height_px))
    if short < _LIMITS.image_min_side_px or long > short * _LIMITS.image_aspect_ratio:
        raise RowRejected(
            Reason.IMAGE_SHAPE,
            f'{width_px}x{height_px} px; expected sides >= {_LIMITS.image_min_side_px} px and an aspect ratio '
            f'<= {_LIMITS.image_aspect_ratio:g}',
        )


def _ends_early(error: Exception) -> bool:
    return any(word in str(error).lower() for word in ('truncated', 'unexpected end', 'eof'))


def _is_whole(data: bytes, kind: str) -> bool:
    """True when the structure shows that no byte is missing; False means a doubt, not a fault."""
    if kind in ('JPEG', 'MPO'):
        return data.endswith(b'\xff\xd9')
    if kind == 'PNG':
        return _png_is_whole(memoryview(data))
    if kind == 'WEBP':
        return int.from_bytes(data[4:8], 'little') + 8 <= len(data)
    return False


def _has_own_profile(image: Image.Image) -> bool:
    """Whether an ICC profile, where there is one, is of the picture's colour space."""
    profile = image.info.get('icc_profile')
    return profile is None or image.mode not in _ICC_SPACES or profile[_ICC_SPACE] == _ICC_SPACES[image.mode]


def _png_is_whole(data: memoryview) -> bool:
    at = len(SIGNATURES['.png'])
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], 'big')
        end = at + 8 + length
        if end + 4 > len(data) or zlib.crc32(data[at + 4 : end]) != int.from_bytes(data[end : end + 4], 'big'):
            return False
        if bytes(data[at + 4 : at + 8]) == b'IEND':
            return True
        at = end + 4
    return False


def _rewrite(image: Image.Image, turned: bool, whole: bool) -> Picture:
    kind = image.format
    fixes = [Fix.ORIENTATION] if turned else []
    fixes += [Fix.STRUCTURE] if kind == 'PNG' and not whole else []
    upright = ImageOps.exif_transpose(image) if turned else image
    if is_deep(image):
        _check_values(image)
        white = white_of(image)
        fixes += [Fix.BRIGHTNESS] if 1 < white < _WHITE else []
        upright = eight_bits(upright, white)
    if is_deep(image) or upright.mode not in _PLAIN_MODES or 'transparency' in upright.info:
        fixes.append(Fix.COLOUR_MODE)
        upright = _to_plain(upright)
    if not _has_own_profile(upright):
        upright.info.pop('icc_profile', None)
    out = BytesIO()
    if kind in ('JPEG', 'MPO'):
        upright.save(out, 'JPEG', quality=95, subsampling=0)
        return Picture(out.getvalue(), '.jpg', *upright.size, tuple(fixes))
    upright.info.pop('exif', None)
    upright.save(out, 'PNG', compress_level=1)
    fixes += [] if kind == 'PNG' else [Fix.FORMAT]
    return Picture(out.getvalue(), '.png', *upright.size, tuple(fixes))


def _to_plain(image: Image.Image) -> Image.Image:
    if image.mode in ('1', 'L') and 'transparency' not in image.info:
        return image.convert('L')
    if image.mode in ('RGBA', 'LA', 'PA', 'La', 'RGBa') or 'transparency' in image.info:
        layer = image.convert('RGBA')
        flat = Image.new('RGBA', layer.size, 'white')
        flat.alpha_composite(layer)
        return flat.convert('RGB')
    return image.convert('RGB')


def _check_values(image: Image.Image) -> None:
    """Refuses numbers that no 8 bits stand for: NaN, infinity, negative ones, more than 16 bits.

    Raises:
        RowRejected: UNREADABLE_IMAGE.
    """
    values = np.asarray(image)
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > _WHITE:
        raise RowRejected(
            Reason.UNREADABLE_IMAGE,
            f'pixel values from {values.min():g} to {values.max():g}; expected numbers from 0 to {_WHITE}',
        )


class PictureStore:
    """Writes each picture once below `root/images`; safe with several writers, and against a kill at any moment."""

    def __init__(self, root: Path) -> None:
        """Takes the set's folder; folders below it are made as needed."""
        self._root = root
        self._made: set[str] = set()
        self._serial = 0
        warnings.simplefilter('ignore', Image.DecompressionBombWarning)

    def put(self, picture: Picture) -> str:
        """Stores a picture unless it is there in full, and returns its path relative to the set's folder."""
        name = picture.name
        target = os.path.join(self._root, name)
        try:
            if os.stat(target).st_size == len(picture.data):
                return name
        except FileNotFoundError:
            pass
        folder = os.path.dirname(target)
        if folder not in self._made:
            os.makedirs(folder, exist_ok=True)
            self._made.add(folder)
        self._serial += 1
        partial = f'{target}.{os.getpid()}-{self._serial}.part'
        file = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            view = memoryview(picture.data)
            while view:
                view = view[os.write(file, view) :]
        except OSError:
            os.unlink(partial)
            raise
        finally:
            os.close(file)
        os.replace(partial, target)
        return name
