"""The table of library calls that take a path: each has it resolved by `Paths` and works on unchanged.

One table for reads and writes. What is not in it sees the machine as the kernel lets it.
"""

from __future__ import annotations

import functools
import importlib
import os
import pathlib
from collections.abc import Callable
from typing import Any

from .paths import Paths

_READ, _FIND, _LIST, _ENTER, _SAVE = 'reading', 'finding', 'listing', 'entering', 'saving'
_BY_MODE = 'by mode'

_Roles = tuple[str, ...]
CALLS: tuple[tuple[str, _Roles, str], ...] = (
    ('builtins', (_BY_MODE,), 'open'),
    ('io', (_BY_MODE,), 'open'),
    ('os', (_BY_MODE,), 'open'),
    ('os', (_FIND,), 'stat lstat access readlink remove unlink rmdir chmod utime truncate'),
    ('os', (_LIST,), 'listdir scandir'),
    ('os', (_ENTER,), 'chdir'),
    ('os', (_SAVE,), 'mkdir'),
    ('os', (_FIND, _SAVE), 'rename replace'),
    ('cv2', (_READ,), 'imread imreadmulti imcount haveImageReader VideoCapture'),
    ('cv2', (_SAVE,), 'imwrite imwritemulti VideoWriter'),
    ('sqlite3', (_SAVE,), 'connect'),
)
"""Module, what its first arguments are, functions."""

_KEYWORDS = {'path': 0, 'file': 0, 'filename': 0, 'src': 0, 'database': 0, 'dst': 1}
_ABOUT_DESCRIPTORS = ('dir_fd', 'src_dir_fd', 'dst_dir_fd')
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def install(paths: Paths) -> None:
    """Puts every call of the table through `paths`, for the life of the process and its forks."""
    accessor = getattr(pathlib, '_NormalAccessor', None)  # Python 3.10 keeps its own references there
    for module_name, roles, names in CALLS:
        try:
            module = importlib.import_module(module_name)
        except ImportError:  # a Python without it
            continue
        for name in names.split():
            original = getattr(module, name)
            hooked = _hooked(original, roles, paths)
            setattr(module, name, hooked)
            for supported in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
                if original in supported:
                    supported.add(hooked)
            if module_name in ('os', 'io') and name in vars(accessor or object):
                setattr(accessor, name, staticmethod(hooked))


def _hooked(function: Callable[..., Any], roles: _Roles, paths: Paths) -> Callable[..., Any]:
    @functools.wraps(function, assigned=('__name__', '__qualname__', '__doc__'), updated=())
    def call(*args: Any, **kwargs: Any) -> Any:
        if any(kwargs.get(name) is not None for name in _ABOUT_DESCRIPTORS):
            return function(*args, **kwargs)
        given, changed = list(args), dict[Any, Any]()
        for place, role in enumerate(roles):
            key = next((k for k, v in _KEYWORDS.items() if v == place and k in kwargs), None)
            holder, at = (given, place) if place < len(given) else (kwargs, key)
            if at is None:
                continue
            text = _as_text(holder[at])  # type: ignore[call-overload,index]
            if text is None:
                continue
            resolve = getattr(paths, _role(args, kwargs) if role is _BY_MODE else role)
            found = resolve(text)
            if found != text:
                holder[at] = found  # type: ignore[index,call-overload]
                changed[found] = text
        try:
            return function(*given, **kwargs)
        except OSError as error:
            for name in ('filename', 'filename2'):
                if getattr(error, name) in changed:
                    setattr(error, name, changed[getattr(error, name)])
            raise

    return call


def _as_text(path: Any) -> str | None:
    if isinstance(path, os.PathLike):
        path = os.fspath(path)
    return path if isinstance(path, str) and path else None


def _role(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Whether a call of `open` reads or writes, by its mode (text) or flags (a number)."""
    mode = args[1] if len(args) > 1 else kwargs.get('mode', kwargs.get('flags', 'r'))
    if isinstance(mode, int):
        return _SAVE if mode & _WRITES else _READ
    return _SAVE if isinstance(mode, str) and set(mode) & set('wax+') else _READ
