"""Pictures as the host hands them over: a path, base64, a data URL, bytes, or a dict of these. Decodes none."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import DataError

_MAX_PATH_CHARS = 4096
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


def is_file(path: str | Path) -> bool:
    """Whether a text names an existing file; base64 text, too long for a path, does not."""
    try:
        return len(str(path)) < _MAX_PATH_CHARS and Path(path).is_file()
    except (OSError, ValueError):
        return False


def save(content: bytes, folder: Path) -> Path:
    """Keeps a picture's encoded bytes in a folder, under a name made of them; equal pictures are kept once.

    Returns:
        The file's path. The file is whole or not there.
    """
    suffix = next((suffix for start, suffix in _SUFFIXES.items() if content.startswith(start)), '.bin')
    target = folder / f'{hashlib.sha256(content).hexdigest()[:24]}{suffix}'
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix('.part')
        partial.write_bytes(content)
        partial.replace(target)
    return target
