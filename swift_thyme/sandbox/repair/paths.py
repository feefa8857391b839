"""Which file a path in a snippet means: the input picture under the prompt's name, or the session's directory."""

from __future__ import annotations

import os
import re
from os import close
from os import open as open_file
from typing import Any

from ..naming import SAVING
from .log import Log
from .modes import Repair

PICTURE = re.compile(r'\.(?:jpe?g|png|bmp|gif|webp|tiff?)$', re.IGNORECASE)
_FLAGS = os.O_RDONLY | os.O_NONBLOCK


class Paths:
    """Resolves paths of one session; leaves every path alone until `begin`."""

    def __init__(self, log: Log) -> None:
        """
        Args:
            log: where repairs are noted.
        """
        self._work, self._log = '', log
        self._real: list[str] = []
        self._alias: dict[str, str] = {}

    def begin(self, inputs: list[dict[str, Any]], work: str) -> None:
        """Makes it one session's.

        Args:
            inputs: the pictures: `path`, and `prompt_path` or None.
            work: the session's directory.
        """
        self._work = work
        self._real = [entry['path'] for entry in inputs]
        self._alias = {e['prompt_path']: e['path'] for e in inputs if e.get('prompt_path')}
        self._alias.update({path: path for path in self._real})

    def alias(self, text: str) -> str | None:
        """The real picture that the prompt calls `text`; None when the prompt does not."""
        return self._alias.get(text)

    def saving_literal(self, text: str) -> str:
        """As `saving`, for text in the source; a directory that also holds an input is left for run time to tell."""
        inside = text.rstrip('/') + '/'
        return text if any(known.startswith(inside) for known in self._alias) else self.saving(text)

    def saving(self, text: str) -> str:
        """A path or beginning of one; one beneath the released saving directory is moved to the session's."""
        if text.startswith('/') and text not in self._alias:
            match = SAVING.match(text)
            if match and not text.startswith(self._work) and self._log.wants(Repair.TEMP_DIR):
                return self._work + text[match.end() :]
        return text

    def reading(self, text: str) -> str:
        """A path that is about to be read: the prompt's name, a saved file, or a guess that must mean the input."""
        known = self._alias.get(text)
        if known is not None:
            return known
        if not self._log.enabled(Repair.IMAGE_PATH) and not self._log.enabled(Repair.TEMP_DIR):
            return text
        if _readable(text):
            return text
        match = SAVING.match(text)
        if match:
            moved = self._work + text[match.end() :]
            if _readable(moved):
                return moved if self._log.wants(Repair.TEMP_DIR) else text
        return self.input_instead(text)

    def input_instead(self, text: str) -> str:
        """The input picture in place of a picture path that cannot be read; the text itself where it can."""
        if not self._real or not PICTURE.search(text) or _readable(text):
            return text
        if not self._log.wants(Repair.IMAGE_PATH):
            return text
        name = os.path.basename(text)
        same = [real for alias, real in self._alias.items() if os.path.basename(alias) == name]
        return same[0] if same else self._real[0]


def _readable(path: str) -> bool:
    try:
        close(open_file(path, _FLAGS))
    except (OSError, ValueError):
        return False
    return True
