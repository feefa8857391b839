"""Pictures on their way to a sandbox on another machine and back, for backends that run code elsewhere."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..types import SandboxResult
from .base import InputImage
from .zygote_backend import look_at


def to_send(image: InputImage) -> tuple[bytes, InputImage]:
    """The bytes of a picture, and what is said of it: the same without them, with its own path here.

    Raises:
        DataError: it is not there, or not a picture.
    """
    look_at(image)
    if isinstance(image.source, bytes):
        return image.source, replace(image, source=b'')
    path = os.path.abspath(image.source)
    return Path(path).read_bytes(), replace(image, source=b'', own_path=path)


def keep_pictures(result: SandboxResult, contents: Sequence[bytes], directory: Path, prefix: str = '') -> SandboxResult:
    """Writes a result's pictures on this machine.

    Args:
        result: its paths are the other machine's.
        contents: of each picture.
        directory: where they are put; made where it is not there.
        prefix: of their names, which are one session's.

    Returns:
        The result with this machine's paths.
    """
    directory.mkdir(parents=True, exist_ok=True)
    kept = []
    for image, content in zip(result.images, contents, strict=True):
        path = directory / f'{prefix}{os.path.basename(image.path)}'
        path.write_bytes(content)
        kept.append(replace(image, path=str(path)))
    return replace(result, images=tuple(kept))
