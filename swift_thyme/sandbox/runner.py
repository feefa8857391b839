"""Runs one snippet inside the session's process and describes what happened, as byte fields.

Owns the snippet's namespace, its standard output, the wording of errors. Limits, file rollback and acceptance of
pictures are the supervisor's; changes to the snippet are `repair`'s.

The only place of this package that executes model code.
"""

from __future__ import annotations

import builtins
import codecs
import gc
import io
import json
import linecache
import math
import os
import random
import re
import sys
import tempfile
import threading
import types
import warnings
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from signal import ITIMER_PROF, ITIMER_REAL, ITIMER_VIRTUAL, setitimer
from traceback import walk_tb
from typing import Any

import cv2

from .linux import ignore_ended_children
from .refusal import Refusal, close_doors, refuse_event
from .repair.layer import Layer
from .repair.paths import Paths
from .repair.transform import SHOW_VALUE
from .shows import Shows
from .text import with_error

SNIPPET = '<snippet {}>'
"""File name under which a session's n-th snippet is compiled."""
OK, ERROR, REFUSED, MEMORY = b'ok', b'error', b'refused', b'memory'
"""First field of a report."""
_WORD = re.compile(r'\w+')
_RETURNED = 'processed_path'
_NEEDED = ('__import__', 'compile', 'exec', 'isinstance', 'open', 'print', 'str')
"""Builtins that no snippet after one that took them away could do without."""
_MESSAGE_CHARS = 2000
_PATH_CHARS = 5000
"""More than any path has."""
_DECODER = codecs.getincrementaldecoder('utf-8')
_NAME_OF_TYPE = type.__dict__['__name__'].__get__
_AFTER_NO_PICTURE = (AttributeError, TypeError, ValueError, cv2.error)
"""What a snippet dies of when it goes on with the None of `cv2.imread`."""
_REFUSED_ERRNOS = (1, 13, 27, 28, 122)
"""EPERM, EACCES, EFBIG, ENOSPC, EDQUOT."""


class Output(io.TextIOBase):
    """Standard output of snippets: keeps the first `cap` characters and counts the rest."""

    encoding = 'utf-8'
    errors = 'replace'

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._bytes = _Bytes(self)
        self.begin()

    def begin(self) -> None:
        """Empties it for the next snippet."""
        self._parts: list[str] = []
        self._room = self._cap
        self.dropped = 0

    def writable(self) -> bool:
        """True."""
        return True

    def write(self, text: str) -> int:
        """Takes text as a text file does."""
        if not isinstance(text, str):
            raise TypeError(f'write() argument must be str, not {type(text).__name__}')
        size = len(text)
        if self._room > 0:
            self._parts.append(text[: self._room])
            self._room -= size
        if self._room < 0:
            self.dropped -= self._room
            self._room = 0
        return size

    def reconfigure(self, **options: Any) -> None:
        """Nothing: as of a text file, whose encoding and buffering do not matter here."""

    def text(self) -> str:
        """What was kept."""
        return ''.join(self._parts)

    @property
    def buffer(self) -> io.BufferedIOBase:
        """The binary file beneath, as `sys.stdout.buffer`."""
        return self._bytes


class _Bytes(io.BufferedIOBase):
    def __init__(self, output: Output) -> None:
        self._output = output
        self._decode = _DECODER('replace').decode

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._output.write(self._decode(bytes(data)))
        return len(data)


class Runner:
    """One session's interpreter state. Made in the zygote as far as it is the same for all sessions."""

    def __init__(self) -> None:
        import numpy
        import PIL
        import PIL.Image

        self._replaced = sys.modules.get('__main__')  # kept, since its end would touch all it holds
        self._main = sys.modules['__main__'] = types.ModuleType('__main__')
        self.namespace: dict[str, Any] = self._main.__dict__
        self._named: set[str] = set()
        self._recursion_limit = sys.getrecursionlimit()
        warnings.simplefilter('ignore')
        close_doors()
        self._shows = Shows()
        self._shows.install(self.namespace, SHOW_VALUE)
        self._layer = Layer()
        self._layer.install(self.namespace)
        self._turn, self._work = 0, ''
        self.namespace.update(
            __builtins__=builtins,
            cv2=cv2,
            np=numpy,
            numpy=numpy,
            PIL=PIL,
            Image=PIL.Image,
            math=math,
            json=json,
            re=re,
            os=os,
            random=random,
            image_path=None,
            image_paths=[],
            temp_output_dir='',
        )
        sympy_random = sys.modules.get('sympy.core.random')
        self._reseeders = [numpy.random.seed, cv2.setRNGSeed, *([sympy_random.seed] if sympy_random else [])]
        self._builtins = dict(vars(builtins))
        self.output = Output(0)

    def draw_seeds(self) -> None:
        """Lets random numbers differ from those of the zygote's other children. Of a spare: no session waits for it."""
        random.seed(int.from_bytes(os.urandom(16), 'little'))
        for reseed in self._reseeders:
            reseed(int.from_bytes(os.urandom(4), 'little') >> 1)

    def begin(self, request: dict[str, Any]) -> None:
        """Makes it a session's, in the session's own process.

        Args:
            request: `work` (the session's directory), `inputs` (real and prompt paths), `limits`, `repairs`.
        """
        paths = [entry.get('prompt_path') or entry['path'] for entry in request['inputs']]
        self.namespace['image_path'] = paths[0] if paths else None
        self.namespace['image_paths'] = paths
        self.namespace['temp_output_dir'] = self._work = request['work']
        self._layer.begin(request, self.namespace)
        self._shows.begin(self._work)
        self._output_bytes = request['limits']['output_bytes']
        sys.argv = ['']
        sys.path.append(self._work)
        tempfile.tempdir = self._work
        sys.dont_write_bytecode = True
        sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = self.output  # type: ignore[misc,assignment]
        sys.addaudithook(refuse_event)

    def run(self, code: str) -> list[bytes]:
        """Runs one snippet.

        Returns:
            Status, text, number of characters dropped from the text, repairs made, repairs only seen; then one field
            for every path held by a new variable whose name contains `processed_path`, and for every picture shown.
        """
        returned = self._returned(code)
        renew(self.output, self._output_bytes + 1)
        self._turn += 1
        file_name = SNIPPET.format(self._turn)
        linecache.cache[file_name] = len(code), None, code.splitlines(keepends=True), file_name
        sys.path_importer_cache.pop(self._work, None)  # it may hold a new module
        self._shows.paths = []
        status, text = OK, ''
        try:
            exec(self._layer.compile(code, file_name, self.namespace), self.namespace)
        except BaseException as error:  # noqa: BLE001 (the sandbox boundary: whatever a snippet raises is data)
            status, text = describe(error, file_name, self._layer.paths)
        finally:
            self._settle(code)
        names, printed, dropped = [], self.output.text(), self.output.dropped
        if status is OK:
            names, printed = self._new_paths(returned) + self._shows.paths, printed + text
            self._layer.returned(printed, names)
        else:
            printed, dropped = with_error(printed, text, self._output_bytes, cut=dropped > 0), 0
        fields = [status, _encode(printed), b'%d' % dropped]
        fields += [_encode(' '.join(names)) for names in (self._layer.log.made, self._layer.log.seen)]
        return fields + [_encode(name) for name in names]

    def _returned(self, code: str) -> dict[str, list[str]]:
        """Values of the variables named like returned pictures that this or an earlier snippet mentions.

        Looks at no other variable: touching an object makes a forked process copy its memory page.
        """
        if _RETURNED in code:
            self._named.update(word for word in _WORD.findall(code) if _RETURNED in word)
        return {name: list(_paths_in(self.namespace.get(name))) for name in self._named}

    def _new_paths(self, before: dict[str, list[str]]) -> list[str]:
        after = {name: list(_paths_in(self.namespace.get(name))) for name in self._named}
        return [path for name, paths in after.items() if before.get(name) != paths for path in paths][:64]

    def _settle(self, code: str) -> None:
        """Takes back what a snippet may have changed of the interpreter and would disturb the next one."""
        sys.setrecursionlimit(max(self._recursion_limit, sys.getrecursionlimit()))
        sys.settrace(None)
        sys.setprofile(None)
        threading.settrace(None)
        threading.setprofile(None)
        present = vars(builtins)
        if 'builtins' in code or any(present.get(name) is not self._builtins[name] for name in _NEEDED):
            present.clear()
            present.update(self._builtins)
        if 'monitoring' in code:
            for tool in range(6):
                sys.monitoring.set_events(tool, 0)  # type: ignore[attr-defined]
        gc.callbacks.clear()
        ignore_ended_children()
        for timer in (ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF):
            setitimer(timer, 0)
        sys.stdout = sys.stderr = self.output
        sys.modules['__main__'] = self._main


def renew(output: Output, cap: int) -> None:
    """Makes an output what it was when it was made; it stays the same object, which loggers of earlier turns hold."""
    object.__setattr__(output, '__class__', Output)
    object.__getattribute__(output, '__dict__').clear()
    Output.__init__(output, cap)


def describe(error: BaseException, file_name: str, paths: Paths) -> tuple[bytes, str]:
    """Status and text of an exception that ended a snippet: `Type: message (line N)`, and what may help.

    Args:
        error: the exception.
        file_name: under which the snippet was compiled.
        paths: of the session; they know what was missing and what is there.
    """
    try:
        if isinstance(error, SystemExit):
            return OK, '' if error.code is None or isinstance(error.code, int) else f'{error.code}\n'
        return _status(error), _wording(error, file_name) + _help(error, paths)
    except BaseException:  # noqa: BLE001 (the exception is the snippet's, and so is all that it says of itself)
        return ERROR, f'{_name(error)}: (it cannot be described)'


def _status(error: BaseException) -> bytes:
    if isinstance(error, MemoryError) or getattr(error, 'code', None) == -4:
        return MEMORY
    if isinstance(error, Refusal) or (isinstance(error, OSError) and error.errno in _REFUSED_ERRNOS):
        return REFUSED
    return ERROR


def _wording(error: BaseException, file_name: str) -> str:
    message = str(error.msg if isinstance(error, SyntaxError) else error)
    of_snippet = isinstance(error, SyntaxError) and error.filename == file_name
    line = error.lineno if isinstance(error, SyntaxError) and of_snippet else _line(error, file_name)
    where = f' (line {line})' if line else ''
    return f'{_name(error)}: {message[:_MESSAGE_CHARS]}{where}' if message else f'{_name(error)}{where}'


def _help(error: BaseException, paths: Paths) -> str:
    """A line on what is missing; empty where nothing is known of it."""
    if isinstance(error, PermissionError) and error.filename is None and not isinstance(error, Refusal):
        return '\nOther processes, programs and devices are not available in the sandbox.'
    absent = isinstance(error, FileNotFoundError)
    if not absent and not (paths.missing and isinstance(error, _AFTER_NO_PICTURE)):
        return ''
    what = '' if absent else f'There is no file {paths.missing[:_PATH_CHARS]!r}. '
    files = ', '.join(repr(name) for name in paths.files())
    return f'\n{what}Files that are there: {files or "none"}'


def _name(error: BaseException) -> str:
    return str(_NAME_OF_TYPE(type(error)))


def _line(error: BaseException, file_name: str) -> int | None:
    lines = [number for frame, number in walk_tb(error.__traceback__) if frame.f_code.co_filename == file_name]
    return lines[-1] if lines else None


def _paths_in(value: Any) -> Iterator[str]:
    """The paths that a variable holds, by the methods of the built-in types: a subclass may do anything."""
    items: Iterable[Any] = (value,)
    if isinstance(value, list):
        items = list.__getitem__(value, slice(64))
    elif isinstance(value, tuple):
        items = tuple.__getitem__(value, slice(64))
    for item in items:
        if isinstance(item, str):
            yield str.__str__(item)[:_PATH_CHARS]
        elif isinstance(item, PurePath) and type(item).__module__ == 'pathlib':
            yield str(item)[:_PATH_CHARS]


def _encode(text: str) -> bytes:
    return text.encode('utf-8', 'replace')
