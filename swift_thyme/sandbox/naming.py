"""Which pictures a snippet returned: the paths it printed and the paths in its `*processed_path*` variables.

Works on text and a listing of the session's files; touches no file, so that a printed path outside the session can
never tell whether something exists there.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

_EXTENSION = re.compile(r'\.(?:jpe?g|jpe|png|bmp|dib|gif|webp|tiff?)(?![A-Za-z0-9_])', re.IGNORECASE)
SAVING = re.compile(r'^(?:/[^\n]*?)?/temp_processed_images(?=/|$)')
"""Where released data and models save, under whatever root (`/mnt/data/temp_processed_images` in the paper's)."""

_BOUNDARY = re.compile(r'(?:^|(?<=[\s\'"`(\[{<=:,;|>]))(?=\S)')
_MOST_MENTIONS, _MOST_STARTS, _LONGEST = 200, 24, 4096


@dataclass(frozen=True)
class Mention:
    """A picture that a snippet named."""

    written: str
    """As the snippet wrote it."""
    path: str | None
    """Relative to the session's directory; None when nothing there has this name."""


class Namer:
    """Resolves names of one session."""

    def __init__(self, root: str, known: Iterable[str]) -> None:
        """
        Args:
            root: the session's directory, absolute.
            known: paths of the input pictures; naming one returns nothing new and is no mistake.
        """
        self._root = root
        self._known = frozenset(known)

    def mentions(self, text: str, variables: Iterable[str], files: Collection[str]) -> list[Mention]:
        """Every picture named, in order of appearance, printed ones first, each once.

        Args:
            text: what was printed.
            variables: values of new `*processed_path*` variables.
            files: relative paths of the session's regular files.
        """
        found: dict[str, Mention] = {}
        for mention in self._printed(text, files):
            found.setdefault(mention.path or mention.written, mention)
        for value in variables:
            if value and value not in self._known and len(value) <= _LONGEST:
                mention = Mention(value, self._resolve(value, files))
                found.setdefault(mention.path or mention.written, mention)
        return list(found.values())

    def _printed(self, text: str, files: Collection[str]) -> Iterator[Mention]:
        count = 0
        ends = tuple({posixpath.basename(path) for path in (*files, *self._known)})
        for line in text.splitlines():
            begin = 0
            for match in _EXTENSION.finditer(line):
                count += 1
                if count > _MOST_MENTIONS:
                    return
                mention = self._ending_at(line, begin, match.end(), files, ends)
                if mention is not None:
                    begin = match.end()
                    yield mention

    def _ending_at(
        self, line: str, begin: int, end: int, files: Collection[str], ends: tuple[str, ...]
    ) -> Mention | None:
        """The longest name that ends here and is a file of the session; else an absolute path, which is a mistake."""
        begin = max(begin, end - _LONGEST)
        starts = [m.start() for m in _BOUNDARY.finditer(line, begin, end)]
        tried = starts[:_MOST_STARTS] + starts[_MOST_STARTS:][-_MOST_STARTS:]
        for start in tried if line.endswith(ends, begin, end) else ():
            written = line[start:end]
            path = self._resolve(written, files)
            if path is not None:
                return Mention(written, path)
            if written in self._known:
                return None
        last = next((line[s:end] for s in reversed(starts) if line[s] == '/'), None)
        return Mention(last, None) if last is not None else None

    def _resolve(self, written: str, files: Collection[str]) -> str | None:
        path = posixpath.normpath(posixpath.join(self._root, written))
        prefix = self._root + '/'
        relative = path[len(prefix) :] if path.startswith(prefix) else ''
        released = SAVING.match(path)
        if not relative and released:
            relative = path[released.end() + 1 :]
        return relative if relative in files else None
