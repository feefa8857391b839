"""What a prepared set says of itself: `prepared.json` in its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import DataError

MANIFEST = 'prepared.json'
_DEPTH = 3
"""A row file is at most this many folders below the set's own."""


def prepared_root(path: Path) -> Path | None:
    """The set's folder that a folder or file of rows belongs to; None when it belongs to none.

    Raises:
        DataError: the set is not finished.
    """
    path = path.expanduser().absolute()
    for folder in (path, *path.parents)[: _DEPTH + 1]:
        manifest = folder / MANIFEST
        if manifest.is_file():
            if not read_manifest(folder).get('complete'):
                raise DataError(
                    f'{folder} is not finished: its preparation was stopped or a source could not be read; expected '
                    'a complete set; run the same `thyme prepare` command again'
                )
            return folder
    return None


def read_manifest(root: Path) -> dict[str, Any]:
    """The manifest of a prepared set.

    Raises:
        DataError: it cannot be read.
    """
    try:
        manifest: dict[str, Any] = json.loads((root / MANIFEST).read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise DataError(
            f'{root / MANIFEST} cannot be read: {error}; expected what `thyme prepare` writes; prepare the set again'
        ) from error
    return manifest
