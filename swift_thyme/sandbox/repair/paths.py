"""Which file a path in a snippet means: an input picture by the prompt's name, or a place in the session's directory.

A path is resolved when it is used, never in the source: what the snippet prints stays as it wrote it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from os import close, lstat, mkdir, scandir, sendfile, stat
from os import open as open_file
from posixpath import basename, dirname
from stat import S_ISDIR
from typing import Any

from ..naming import SAVING, place_of
from .modes import Log, Repair

PICTURE = re.compile(r'\.(?:jpe?g|png|bmp|gif|webp|tiff?)$', re.IGNORECASE)
_MOST_LISTED = 20
_EVERYWHERE = ('/tmp', '/mnt/data')
"""Folders that code takes for granted."""


class Paths:
    """Resolves paths of one session; leaves every path alone until `begin`."""

    def __init__(self, log: Log) -> None:
        """
        Args:
            log: where repairs are noted.
        """
        self._work, self._directory, self._log = '', '', log
        self._real: dict[str, str] = {}
        """Place of an input picture in the session's directory, where no file need be → the picture."""
        self._prompted: dict[str, str] = {}
        """The same places → as the prompt writes them."""
        self._listed: dict[str, str] = {}
        """Those of them that a listing of their folder shows: the prompt's, never the machine's."""
        self._namespace: Mapping[str, Any] = {}
        self.missing = ''
        """The last picture that a snippet wanted to read and that is not there."""

    def begin(self, inputs: list[dict[str, Any]], work: str, namespace: Mapping[str, Any]) -> None:
        """Makes it one session's.

        Args:
            inputs: the pictures: `path`, `prompt_path` or None, and `hidden` where that is a machine's and no prompt's.
            work: the session's directory.
            namespace: of the snippets; only `image_path` is looked at.
        """
        self._work = self._directory = work
        self._namespace = namespace
        for entry in inputs:
            for name in (entry.get('prompt_path'), entry['path']):
                if name:
                    self._real.setdefault(place_of(work, name), entry['path'])
                    self._prompted.setdefault(place_of(work, name), entry.get('prompt_path') or name)
            if entry.get('prompt_path') and not entry.get('hidden'):
                self._listed.setdefault(place_of(work, entry['prompt_path']), entry['path'])

    def begin_snippet(self) -> None:
        """Forgets what the snippet before missed and where it went."""
        self.missing, self._directory = '', self._work

    def reading(self, text: str) -> str:
        """A path that is about to be read: a prompt's picture, a file of the session, or what the machine has there."""
        return self._found(text, reads=True)

    def finding(self, text: str) -> str:
        """A path that is about to be looked for, changed or removed."""
        return self._found(text, reads=False)

    def listing(self, text: str) -> str:
        """A directory that is about to be listed or entered: where prompt pictures lie, copies of them appear."""
        place = self._place(text)
        for picture, real in self._listed.items():
            if dirname(picture) == place and place.startswith(self._work):
                self._copy(real, picture)
            elif picture.startswith(place + '/') and place.startswith(self._work + '/'):
                self._make_folders(dirname(picture))
        return self._found(text, reads=False)

    def entering(self, text: str) -> str:
        """As `listing`, for the directory that relative paths are relative to from then on."""
        found, place = self.listing(text), self._place(text)
        if _is_directory(found):
            self._directory = place
        return found

    def saving(self, text: str) -> str:
        """A path that is about to be written; a folder that is not there is made."""
        place = self._place(text)
        if not place:
            return text
        if place in self._real:
            return self._real[place]
        taken = not _there(place) and _there(text) and not _is_directory(text) and not _is_own(text)
        if not place.startswith(self._work + '/') or taken:
            return text  # nothing outside of the session is ever overwritten: the kernel refuses
        if '/' in text:
            self._make_folders(dirname(place))
        return place if text.startswith('/') else text

    def files(self) -> list[str]:
        """What a snippet may read, for a sentence: the prompt's pictures, then files of the session."""
        named = ((place in self._listed, name) for place, name in self._prompted.items())
        found = list(dict.fromkeys(name if prompted else basename(name) for prompted, name in named))
        for path in self._walk(self._work) if self._work else ():
            if self._work + '/' + path not in self._real:
                found.append(path)
            if len(found) >= _MOST_LISTED:
                break
        return found

    # -- the parts ----------------------------------------------------------------------------------------------

    def _place(self, text: str) -> str:
        """Where a path lies in the session's directory; empty before there is a session."""
        return place_of(self._work, text, self._directory) if self._work else ''

    def _found(self, text: str, *, reads: bool) -> str:
        place = self._place(text)
        if not place:
            return text
        real = self._real.get(place)
        if real is not None:
            other = text.startswith('/') and not self._prompted[place].startswith('/')
            return real if not other or self._log.wants(Repair.IMAGE_PATH) else text
        if not text.startswith('/') and _there(text):
            return text
        if _there(place):
            return place
        expected = (*self._listed, *(self._work + name + '/' for name in _EVERYWHERE))
        if any(one.startswith(place + '/') for one in expected) and place.startswith(self._work):
            self._make_folders(place)
            return place
        own = _is_own(text)
        if _there(text) and not own:
            return text
        instead = self._instead(text, reads=reads)
        return place if own and instead == text else instead

    def _instead(self, text: str, *, reads: bool) -> str:
        """The input picture that a path to nothing must mean; the text itself where there is none."""
        named = {real for place, real in self._real.items() if basename(place) == basename(text)}
        inputs = list(self._real.values())
        if len(named) == 1 and basename(text):
            chosen = named.pop()
        elif inputs and (
            self._namespace.get('image_path') == text
            or (reads and self._log.as_paper(Repair.IMAGE_PATH) and PICTURE.search(text))
        ):
            chosen = inputs[0]
        else:
            self.missing = text if reads else self.missing
            return text
        return chosen if self._log.wants(Repair.IMAGE_PATH) else text

    def _make_folders(self, place: str) -> None:
        if not _there(place) and place.startswith(self._work + '/'):
            self._make_folders(dirname(place))
            with suppress(OSError):
                mkdir(place)

    def _copy(self, real: str, place: str) -> None:
        if _there(place):
            return
        self._make_folders(dirname(place))
        with suppress(OSError):
            source = open_file(real, os.O_RDONLY)
            try:
                target = open_file(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
                while sendfile(target, source, None, 1 << 26):  # type: ignore[arg-type]
                    pass
                close(target)
            finally:
                close(source)

    def _walk(self, directory: str) -> Iterator[str]:
        with suppress(OSError), scandir(directory) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                if entry.name.startswith('.'):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    yield from self._walk(entry.path)
                else:
                    yield entry.path[len(self._work) + 1 :]


def _is_own(path: str) -> bool:
    """Whether a path is one of the session, whatever the machine has there: others save in these folders, too."""
    return path.startswith('/mnt/data/') or dirname(path) == '/tmp' or bool(SAVING.match(path))


def _there(path: str) -> bool:
    try:
        lstat(path)
    except (OSError, ValueError):
        return False
    return True


def _is_directory(path: str) -> bool:
    try:
        return S_ISDIR(stat(path).st_mode)
    except (OSError, ValueError):
        return False
