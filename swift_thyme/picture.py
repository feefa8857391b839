"""Pictures as the host hands them over: a path, base64, a data URL, bytes, or a dict of these.

Owns finding and keeping them, the form in which every reader sees them alike, and the memory of rows whose pictures an
engine could not take: the host encodes a batch of prompts together, and one that raises would end the whole batch.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
import struct
import uuid
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pybase64
from PIL import Image, ImageOps

from .errors import DataError

_MAX_PATH_CHARS = 4096
_EXIF_ORIENTATION = 0x0112
_DEEP_MODES = ('I', 'F')
_MOST_SHARE = 2
"""A float picture of the range 0 to 255 whose values all are below this would have nothing to see."""
_TIFF_BITS, _TIFF_MOST = 258, 281
"""BitsPerSample and MaxSampleValue."""
_FULL_BITS = 16
"""Says what a file has room for, not what was put there."""
_PNG_SIGNATURE_BYTES = 8
_PNG_CHECKSUM_BYTES = 4
_PNG_TELLING = (b'eXIf', b'tEXt', b'zTXt', b'iTXt')
"""Chunks in which a PNG may say how it is to be turned."""
_TURNED_BY_PILLOW = 'TIFF'
UNREADABLE = (
    *(OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, OverflowError, struct.error, zlib.error),
    Image.DecompressionBombError,
)
"""What Pillow raises on broken files."""
_SUFFIX_OF_FORMAT = {'JPEG': '.jpg', 'MPO': '.jpg', 'TIFF': '.tif', '': '.png'}
SIGNATURES = {
    **{'.jpg': b'\xff\xd8\xff', '.png': b'\x89PNG\r\n\x1a\n', '.webp': b'RIFF', '.gif': b'GIF8', '.bmp': b'BM'},
    **{'.tiff': b'II*\0', '.tif': b'MM\0*'},
}
"""Ending → how the files begin; a TIFF has two ways."""


def resolve(picture: Any, folder: Path | None = None) -> Path | bytes:
    """Where the encoded bytes of a picture are, without decoding it.

    Args:
        picture: a path (also one below the host's `ROOT_IMAGE_DIR`), base64 text, a `data:` URL, encoded bytes, or
            `{'path': …, 'bytes': …}`.
        folder: where a path is looked for first.

    Returns:
        The path of an existing file, or the encoded bytes.

    Raises:
        DataError: it is none of these (a web address, a missing file).
    """
    if isinstance(picture, Mapping):
        picture = picture.get('bytes') or picture.get('path')
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, (str, Path)):
        root = Path(os.environ.get('ROOT_IMAGE_DIR', ''))
        named = len(str(picture)) < _MAX_PATH_CHARS
        places = [below / picture for below in (folder, Path(), root) if named and below is not None]
        for place in filter(is_file, places):
            return place
    shown = f'{str(picture)[:200]!r}'
    if isinstance(picture, str) and not picture.startswith(('http://', 'https://')):
        try:
            return pybase64.b64decode(
                picture.partition(',')[2] if picture.startswith('data:') else picture, validate=True
            )
        except ValueError as error:
            raise DataError(f'picture is neither a file nor base64: got {shown}; check the path') from error
    raise DataError(f'picture cannot be read as a file or base64: got {shown}; download it and give its path')


def is_data_url(text: str) -> bool:
    """Whether a text is a URL that carries what it names."""
    return text[:5].lower() == 'data:'


def decode_base64(text: str) -> bytes:
    """Decodes standard or URL-safe base64, with or without the head of a data URL, line breaks and padding.

    Raises:
        ValueError: it is none.
    """
    text = text.partition(',')[2] if is_data_url(text) else text
    try:
        return pybase64.b64decode(text, validate=True)
    except ValueError:  # looking for the other spellings takes longer than decoding
        raw = b''.join(text.encode('utf-8', 'replace').split()).rstrip(b'=').translate(bytes.maketrans(b'-_', b'+/'))
        return pybase64.b64decode(raw + b'=' * (-len(raw) % 4), validate=True)


def plain(found: Path | bytes) -> Path | bytes:
    """A picture that every reader sees alike: what it was, or encoded bytes of an upright copy with 8 bits a channel.

    Pillow hands a photo on as the sensor stored it, OpenCV, browsers and most harnesses turn it by its EXIF
    orientation; they differ on 16 bits, too. Where the two agree nothing is decoded and nothing changes.

    Args:
        found: as `resolve` returns it.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with Image.open(io.BytesIO(found) if isinstance(found, bytes) else found) as image:
            if not is_turned(image) and not is_deep(image):
                return found
            image.load()
            upright = ImageOps.exif_transpose(image)
            if is_deep(image):
                upright = eight_bits(upright, white_of(image))
            upright.info.pop('exif', None)
            out = io.BytesIO()
            upright.save(out, 'PNG', compress_level=1)
            return out.getvalue()
    except UNREADABLE as error:
        raise _unreadable(found, error) from error


def is_turned(image: Image.Image) -> bool:
    """Whether the file says by EXIF that its pixels are to be turned or mirrored before they are shown."""
    return orientation(image) in range(2, 9)


def orientation(image: Image.Image) -> int:
    """How a file says by EXIF that its pixels are to be turned (1 to 8, 1 as they are), without decoding it.

    Pillow decodes a whole PNG to look for EXIF behind its pixels; here that is done for those that may have some.
    """
    file = getattr(image, 'fp', None)
    late = image.format != 'PNG' or file is None or _tells_after_pixels(file)
    return int((image.getexif() if late else Image.Image.getexif(image)).get(_EXIF_ORIENTATION, 1))


def _tells_after_pixels(png: BinaryIO) -> bool:
    before, seen_pixels = png.tell(), False
    png.seek(_PNG_SIGNATURE_BYTES)
    try:
        while len(head := png.read(8)) == 8:
            name = head[4:]
            if seen_pixels and name in _PNG_TELLING:
                return True
            seen_pixels |= name == b'IDAT'
            png.seek(int.from_bytes(head[:4], 'big') + _PNG_CHECKSUM_BYTES, os.SEEK_CUR)
    finally:
        png.seek(before)
    return False


def is_deep(image: Image.Image) -> bool:
    """Whether a picture is grey with more than 8 bits a pixel."""
    return image.mode.startswith(_DEEP_MODES)


def white_of(image: Image.Image) -> float:
    """The number that is shown white in a grey picture of more than 8 bits, as it was read from its file.

    That of the fewest of 8, 10, 12, 14 or 16 bits that hold its values, and what a TIFF says of them: cameras and
    scanners fill so many, whatever the file has room for. Floating-point numbers below 2 are shares of white; they
    may overshoot it.
    """
    import numpy as np

    values = np.asarray(image)
    high = float(values.max(initial=0, where=np.isfinite(values)))
    if image.mode == 'F' and high < _MOST_SHARE:
        return 1
    bits = max(int(high), _most_told(image)).bit_length()
    return float((1 << max(8, 2 * math.ceil(bits / 2))) - 1)


def _most_told(image: Image.Image) -> int:
    tags = getattr(image, 'tag_v2', {})
    first = [value[0] if isinstance(value, tuple) else value for value in map(tags.get, (_TIFF_MOST, _TIFF_BITS))]
    most, bits = (value if isinstance(value, int) else 0 for value in first)
    return most or (2**bits - 1 if bits < _FULL_BITS else 0)


def eight_bits(image: Image.Image, white: float) -> Image.Image:
    """A grey picture of more than 8 bits a pixel brought to 8, NaN to black; `white` is from `white_of`."""
    import numpy as np

    values = np.asarray(image).astype(np.float32)
    values *= 255 / white
    np.nan_to_num(values, copy=False, nan=0)
    return Image.fromarray(np.rint(values.clip(0, 255, out=values), out=values).astype(np.uint8), 'L')


def size(picture: Any) -> tuple[int, int]:
    """Width and height of a picture, px, as it is shown; from its header, or as it is where it is already decoded.

    Raises:
        DataError: it cannot be read.
    """
    if isinstance(picture, Image.Image):
        return int(picture.width), int(picture.height)
    return look(picture)[:2]


def check(picture: Any) -> None:
    """Decodes a picture.

    Raises:
        DataError: it cannot be read.
    """
    if not isinstance(picture, Image.Image):
        look(picture, decode=True)


def look(picture: Any, *, decode: bool = False) -> tuple[int, int, str]:
    """As `size`, with the ending that files of its format have.

    Args:
        picture: as `resolve` takes it.
        decode: whether all of it is read, to see that it is whole.

    Raises:
        DataError: it cannot be read.
    """
    found = resolve(picture)
    try:
        with Image.open(io.BytesIO(found) if isinstance(found, bytes) else found) as image:
            if decode:
                image.load()
            lies = orientation(image) in range(5, 9) and image.format != _TURNED_BY_PILLOW
            width, height = (image.height, image.width) if lies else (image.width, image.height)
            return int(width), int(height), suffix(image.format)
    except UNREADABLE as error:
        raise _unreadable(picture, error) from error


def _unreadable(picture: Any, error: Exception) -> DataError:
    shown = f'{len(picture)} bytes' if isinstance(picture, bytes) else f'{str(picture)[:200]!r}'
    return DataError(f'picture cannot be read: got {shown}: {error}; expected an image file; check it')


def is_file(path: str | Path) -> bool:
    """Whether a text names an existing file; base64 text, too long for a path, does not."""
    try:
        return len(str(path)) < _MAX_PATH_CHARS and Path(path).is_file()
    except (OSError, ValueError):
        return False


def fingerprint(picture: Any) -> tuple[object, ...] | None:
    """What is the same only for the same picture: path, time stamp and size of a file, or a digest of encoded bytes.

    Returns:
        None for what cannot be found, and for pictures that are already decoded.
    """
    if isinstance(picture, Image.Image):
        return None
    try:
        found = resolve(picture)
        if isinstance(found, bytes):
            return (hashlib.sha256(found).digest(),)
        state = found.stat()
    except (DataError, OSError):
        return None
    return str(found), state.st_mtime_ns, state.st_size, state.st_ino


def suffix(kind: str | None) -> str:
    """The ending, dot included, that files of one of Pillow's formats commonly have."""
    return _SUFFIX_OF_FORMAT.get(kind or '', f'.{(kind or "").lower()}')


def data_url(image: Image.Image | Path | bytes) -> str:
    """A picture as a `data:` URL: encoded bytes and files as they are, what is decoded as a JPEG.

    Raises:
        DataError: the file cannot be read.
    """
    if isinstance(image, Image.Image):
        buffer = io.BytesIO()
        image.save(buffer, 'JPEG', quality=80)
        content = buffer.getvalue()
    else:
        try:
            content = image if isinstance(image, bytes) else image.read_bytes()
        except OSError as error:
            raise _unreadable(image, error) from error
    kind = _ending(content).removeprefix('.').replace('jpg', 'jpeg').replace('bin', 'png')
    return f'data:image/{kind};base64,{pybase64.b64encode_as_string(content)}'


def _ending(content: bytes) -> str:
    """What the first bytes of a picture say of its kind; `.bin` where they say nothing."""
    return next((ending for ending, start in SIGNATURES.items() if content.startswith(start)), '.bin')


def save(content: bytes, folder: Path) -> Path:
    """Keeps a picture's encoded bytes in a folder, under a name made of them; equal pictures are kept once.

    Returns:
        The file's path. The file is whole or not there.
    """
    target = folder / f'{hashlib.sha256(content).hexdigest()[:24]}{_ending(content)}'
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(f'.{uuid.uuid4().hex}.part')  # ranks and nodes may keep the same one at once
        partial.write_bytes(content)
        partial.replace(target)
    return target


class BadRows:
    """Prompts that an engine could not take, with the reason; a whole group shares one, so it is kept.

    While a scheduler is at work in this process, the template puts a blank picture in the place of what it cannot
    read and notes it here; the scheduler then ends that trajectory, and nothing of it is trained.
    """

    def __init__(self) -> None:
        self.tolerated = False
        self._reasons: dict[str, str] = {}

    def note(self, pictures: Sequence[Any], reason: str) -> None:
        """Remembers why a prompt with these pictures cannot be used."""
        self._reasons[_key(pictures)] = reason

    def reason(self, pictures: Sequence[Any]) -> str | None:
        """Why a prompt cannot be used; None when nothing is known against it."""
        return self._reasons.get(_key(pictures)) if self._reasons else None


def _key(pictures: Sequence[Any]) -> str:
    digest = hashlib.sha256()
    for one in pictures:
        value = (one.get('bytes') or one.get('path')) if isinstance(one, Mapping) else one
        digest.update(value if isinstance(value, bytes) else str(value).encode())
        digest.update(b'\0')
    return digest.hexdigest()


BAD_ROWS = BadRows()
"""Of this process."""
