"""Which pictures a snippet returned: the paths it printed, those in its `*processed_path*` variables, what it showed.

Works on text and a listing of the session's files; touches no file, so that a printed path outside the session can
never tell whether something exists there.
"""

from __future__ import annotations

import posixpath
import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

_EXTENSION = re.compile(r'\.(?:jpe?g|jpe|png|bmp|dib|gif|webp|tiff?)(?![A-Za-z0-9_])', re.IGNORECASE)
SAVING = re.compile(r'^(?:/[^\n]*?)?/temp_processed_images(?=/|$)')
"""Where released data and models save, under whatever root (`/mnt/data/temp_processed_images` in the paper's)."""

RELEASED = '/mnt/data/temp_processed_images'
"""The paper's saving directory; what a snippet may read of the session's own is called so."""
SHOWN = '.shown'
"""Directory of the pictures that a snippet showed without naming them; they count where it names no other."""

_BOUNDARY = re.compile(r'(?:^|(?<=[\s\'"`(\[{<=:,;|>]))(?=\S)')
_MOST_MENTIONS, _MOST_STARTS, _LONGEST = 200, 24, 4096
_MOST_LOOKS = 1000
"""Beginnings of names that are looked up in one text: a bound on what a text can cost, far above what one names."""


def place_of(root: str, written: str, directory: str = '') -> str:
    """Where in the session's directory a path means, however it is written: the only definition of the mapping.

    The session's directory is the whole file system of a snippet: a path from the root of the machine lies beneath it
    (`/tmp/a.png` is `ROOT/tmp/a.png`), and the released saving directory, under any root, is the directory itself.

    Args:
        root: the session's directory, absolute.
        written: any path.
        directory: what relative paths are relative to; `root` by default.

    Returns:
        A normalised absolute path; outside of `root` only where it leads to what is around the session's directory.
    """
    path = posixpath.normpath(posixpath.join(directory or root, written))
    path = path[1:] if path.startswith('//') else path
    around = posixpath.dirname(posixpath.dirname(root))
    if path in (root, around) or path.startswith((root + '/', around + '/')):
        return path
    released = SAVING.match(path)
    path = path[released.end() :] if released else path
    return root + path if path != '/' else root


@dataclass(frozen=True)
class Mention:
    """A picture that a snippet named."""

    written: str
    """As the snippet wrote it."""
    path: str | None
    """Relative to the session's directory; None when nothing there has this name."""


class Named:
    """The session's regular files, by relative path and by name."""

    def __init__(self, files: Collection[str]) -> None:
        self.all = frozenset(files)
        self.looks_left = _MOST_LOOKS
        self.by_name: dict[str, list[str]] = {}
        for path in files:
            self.by_name.setdefault(posixpath.basename(path), []).append(path)


class Namer:
    """Resolves names of one session."""

    def __init__(self, root: str, known: Iterable[str]) -> None:
        """
        Args:
            root: the session's directory, absolute.
            known: paths of the input pictures; naming one returns nothing new and is no mistake.
        """
        self._root = root
        self._known = frozenset(place_of(root, path) for path in known)
        self._names = frozenset(posixpath.basename(path) for path in self._known)

    def mentions(self, text: str, variables: Iterable[str], files: Collection[str]) -> list[Mention]:
        """Every picture named, in order of appearance, printed ones first, each once.

        Args:
            text: what was printed.
            variables: values of new `*processed_path*` variables.
            files: relative paths of the session's regular files.
        """
        named = Named(files)
        found: dict[str, Mention] = {}
        for mention in self._printed(text, named):
            found.setdefault(mention.path or mention.written, mention)
        for value in variables:
            if value and len(value) <= _LONGEST and place_of(self._root, value) not in self._known:
                mention = Mention(value, self._resolve(value, named))
                found.setdefault(mention.path or mention.written, mention)
        shown = [path for path in found if path.startswith(SHOWN + '/')]
        if len(shown) < len(found):
            for path in shown:
                del found[path]
        return list(found.values())

    def _printed(self, text: str, files: Named) -> Iterator[Mention]:
        count = 0
        ends = tuple(self._names.union(files.by_name))
        for line in text.splitlines():
            begin, boundaries = 0, [m.start() for m in _BOUNDARY.finditer(line)] if _EXTENSION.search(line) else []
            for match in _EXTENSION.finditer(line):
                count += 1
                if count > _MOST_MENTIONS:
                    return
                least = max(begin, match.end() - _LONGEST)
                starts = boundaries[bisect_left(boundaries, least) : bisect_left(boundaries, match.end())]
                mention = self._ending_at(line, starts, match.end(), files, ends)
                if mention is not None:
                    begin = match.end()
                    yield mention

    def _ending_at(self, line: str, starts: list[int], end: int, files: Named, ends: tuple[str, ...]) -> Mention | None:
        """The longest name that ends here and is a file of the session; else one that claims to be, a mistake."""
        tried = starts[:_MOST_STARTS] + starts[_MOST_STARTS:][-_MOST_STARTS:]
        for start in tried if tried and line.endswith(ends, tried[0], end) else ():
            if files.looks_left <= 0:
                return None
            files.looks_left -= 1
            written = line[start:end]
            path = self._resolve(written, files)
            if path is not None:
                return Mention(written, path)
            if place_of(self._root, written) in self._known:
                return None
        last = next((line[s:end] for s in reversed(starts) if line[s] == '/'), '')
        claims = SAVING.match(last) or last.startswith(self._root + '/')
        return Mention(last, None) if claims else None

    def _resolve(self, written: str, files: Named) -> str | None:
        place, prefix = place_of(self._root, written), self._root + '/'
        relative = place[len(prefix) :] if place.startswith(prefix) else ''
        if not relative or place in self._known:
            return None
        if relative in files.all:
            return relative
        ends = [path for path in files.by_name.get(posixpath.basename(relative), ()) if path.endswith('/' + relative)]
        return (
            ends[0] if len(ends) == 1 and not written.startswith('/') and prefix + ends[0] not in self._known else None
        )
