"""Pictures as the host hands them over: a path, base64, a data URL, bytes, or a dict of these.

Owns finding and keeping them, and the memory of rows whose pictures an engine could not take: the host encodes a batch
of prompts together, and one that raises would end the whole batch.
"""

from __future__ import annotations

import base64
import hashlib
import io
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from .errors import DataError

_MAX_PATH_CHARS = 4096
_SUFFIX_OF_FORMAT = {'JPEG': '.jpg', 'MPO': '.jpg', 'TIFF': '.tif', '': '.png'}
_SUFFIXES = {b'\x89PNG': '.png', b'\xff\xd8\xff': '.jpg', b'RIFF': '.webp', b'GIF8': '.gif', b'BM': '.bmp'}


def resolve(picture: Any) -> Path | bytes:
    """Where the encoded bytes of a picture are, without decoding it.

    Args:
        picture: a path, base64 text, a `data:` URL, encoded bytes, or `{'path': …, 'bytes': …}`.

    Returns:
        The path of an existing file, or the encoded bytes.

    Raises:
        DataError: it is none of these (a web address, a missing file).
    """
    if isinstance(picture, Mapping):
        picture = picture.get('bytes') or picture.get('path')
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, (str, Path)) and is_file(picture):
        return Path(picture)
    shown = f'{str(picture)[:200]!r}'
    if isinstance(picture, str) and not picture.startswith(('http://', 'https://')):
        try:
            return base64.b64decode(
                picture.partition(',')[2] if picture.startswith('data:') else picture, validate=True
            )
        except ValueError as error:
            raise DataError(f'picture is neither a file nor base64: got {shown}; check the path') from error
    raise DataError(f'picture cannot be read as a file or base64: got {shown}; download it and give its path')


def size(picture: Any) -> tuple[int, int]:
    """Width and height of a picture, px, from its header; one that is already decoded is taken as it is.

    Raises:
        DataError: it cannot be read.
    """
    if isinstance(picture, Image.Image):
        return int(picture.width), int(picture.height)
    return _opened(picture, decode=False)


def check(picture: Any) -> None:
    """Decodes a picture.

    Raises:
        DataError: it cannot be read.
    """
    if not isinstance(picture, Image.Image):
        _opened(picture, decode=True)


def _opened(picture: Any, *, decode: bool) -> tuple[int, int]:
    found = resolve(picture)
    try:
        with Image.open(io.BytesIO(found) if isinstance(found, bytes) else found) as image:
            if decode:
                image.load()
            return int(image.width), int(image.height)
    except (OSError, ValueError, SyntaxError) as error:
        shown = f'{str(picture)[:200]!r}'
        raise DataError(f'picture cannot be read: got {shown}: {error}; expected an image file; check it') from error


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


def save(content: bytes, folder: Path) -> Path:
    """Keeps a picture's encoded bytes in a folder, under a name made of them; equal pictures are kept once.

    Returns:
        The file's path. The file is whole or not there.
    """
    ending = next((ending for start, ending in _SUFFIXES.items() if content.startswith(start)), '.bin')
    target = folder / f'{hashlib.sha256(content).hexdigest()[:24]}{ending}'
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
