"""Answers to the system calls that a session's filter hands over (seccomp user notification).

Only the register values of a call are looked at, never memory the snippet could change meanwhile; a call is either
refused or goes on in the kernel unchanged.
"""

from __future__ import annotations

import errno
import fcntl
import struct
from dataclasses import dataclass

from ..syscalls import numbers

_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_REQUEST = struct.Struct('=QIIiIQ6Q')
_RESPONSE = struct.Struct('=QqiI')
_CONTINUE = 1
_HANDED_OVER = ('clone', 'mkdir', 'mkdirat', 'mmap', 'open', 'openat')
_NAMES = {number: name for name, number in numbers().items() if name in _HANDED_OVER}


@dataclass(frozen=True)
class Call:
    """One system call that waits for an answer."""

    ident: int
    tid: int
    name: str
    """'' for a call the filter should not have handed over."""
    args: tuple[int, ...]


def receive(listener: int) -> Call | None:
    """The next waiting call; None when its caller is gone meanwhile."""
    buffer = bytearray(_REQUEST.size)
    try:
        fcntl.ioctl(listener, _RECEIVE, buffer)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EINTR):
            return None
        raise
    ident, tid, _flags, number, _arch, _pointer, *args = _REQUEST.unpack(buffer)
    return Call(ident, tid, _NAMES.get(number, ''), tuple(args))


def answer(listener: int, call: Call, refuse_with: int = 0) -> None:
    """Lets the call go on, or makes it fail with an errno."""
    response = bytearray(_RESPONSE.pack(call.ident, 0, -refuse_with, 0 if refuse_with else _CONTINUE))
    try:
        fcntl.ioctl(listener, _SEND, response)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
