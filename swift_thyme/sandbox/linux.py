"""The few Linux calls that Python has no function for, through ctypes.

Owns numbers, structures and error handling of prctl, Landlock, seccomp, capabilities and SIGCHLD flags. It decides
nothing: what is allowed is in `seccomp` (system calls) and `confine` (paths, resources).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import select
import signal
import struct
from collections.abc import Sequence
from pathlib import Path

from .syscalls import numbers

_libc = ctypes.CDLL(None, use_errno=True)
_NR = numbers()

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, PR_SET_CHILD_SUBREAPER = 1, 4, 22, 38, 36
PR_SET_THP_DISABLE = 41
_VIRTIO_BALLOON, _BALLOON_REPORTS = 5, 5
"""Device and feature bit (virtio specification, section 5.5)."""
SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER = 1, 8
LANDLOCK_CREATE_RULESET_VERSION = 1
MADV_COLLAPSE = 25

_quick = ctypes.PyDLL(None)
_raw_fork, _trim, _madvise = _quick.fork, _quick.malloc_trim, _quick.madvise
_madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_sbrk, _malloc = _quick.sbrk, _quick.malloc
_sbrk.argtypes, _sbrk.restype = [ctypes.c_ssize_t], ctypes.c_size_t
_malloc.argtypes, _malloc.restype = [ctypes.c_size_t], ctypes.c_size_t
_PIECES = (*(1 << power for power in range(20, 4, -1)), 24)
"""Bytes; the last is the smallest piece that glibc keeps."""
_MOST_PIECES = 1 << 20


def fork() -> int:
    """fork() without Python's hooks: for processes with one thread.

    A snippet cannot hook into it, random generators go on as they were, and libraries keep their caches.

    Returns:
        The child's pid, 0 in the child.

    Raises:
        OSError: no process could be made.
    """
    pid = int(_raw_fork())
    if pid < 0:
        raise OSError(errno.EAGAIN, 'fork failed')
    return pid


def syscall(name: str, *args: object) -> int:
    """Calls the kernel; returns its result.

    Raises:
        OSError: with the kernel's errno; ENOSYS when this machine's number is not known.
    """
    number = _NR.get(name)
    if number is None:
        raise OSError(38, f'system call {name} has no number on this machine')
    result = int(_libc.syscall(ctypes.c_long(number), *args))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f'{name}: {os.strerror(code)}')
    return result


def prctl(option: int, value: int) -> None:
    """Sets one process attribute (`man prctl`)."""
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0):
        code = ctypes.get_errno()
        raise OSError(code, f'prctl({option}): {os.strerror(code)}')


def end_with_peer(fd: int) -> None:
    """Has the kernel kill the calling process's group as soon as the other end of a socket is closed, however.

    It holds for every later fork in the group, needs nobody who lives, and no handler can catch it. The descriptor
    must stay open; nothing may ever be sent on it.

    Args:
        fd: one end of a connected pair.
    """
    fcntl.fcntl(fd, fcntl.F_SETOWN, -os.getpgid(0))
    fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(fd, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    end_without_peer(fd)


def end_with_parent(fd: int) -> None:
    """Has the kernel kill the calling process when its parent ends, which holds the other end of a socket."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    end_without_peer(fd)


def end_without_peer(fd: int) -> None:
    """Ends the calling process where the other end of a socket is closed already."""
    asked = select.poll()
    asked.register(fd, 0)
    if asked.poll(0):
        os._exit(0)


def small_pages(only: bool) -> None:
    """Whether this process and its children get fresh memory in small pages only; huge ones that it has stay huge."""
    with contextlib.suppress(OSError):  # nothing but time depends on it
        prctl(PR_SET_THP_DISABLE, int(only))


def reports_free_memory(devices: str = '/sys/bus/virtio/devices') -> bool:
    """Whether this machine is virtual and gives free memory back to its host (free page reporting).

    A fresh huge page then costs up to 6 ms, because the host has to find memory for it; on an H200's host it costs a
    quarter to a third of as much in small pages.
    """
    with contextlib.suppress(OSError, ValueError):
        for device in Path(devices).iterdir():
            kind = (device / 'device').read_text(encoding='ascii')
            features = (device / 'features').read_text(encoding='ascii')
            if int(kind, 16) == _VIRTIO_BALLOON and features[_BALLOON_REPORTS : _BALLOON_REPORTS + 1] == '1':
                return True
    return False


def landlock_abi() -> int:
    """Landlock's version in the running kernel; 0 when it is absent or switched off."""
    try:
        return syscall('landlock_create_ruleset', None, ctypes.c_size_t(0), LANDLOCK_CREATE_RULESET_VERSION)
    except OSError:
        return 0


def landlock_ruleset(handled_fs: int, handled_net: int, scoped: int, abi: int) -> int:
    """Makes a ruleset that refuses the handled rights; returns its descriptor."""
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    attributes = ctypes.create_string_buffer(struct.pack('QQQ', handled_fs, handled_net, scoped)[:size], size)
    return syscall('landlock_create_ruleset', ctypes.byref(attributes), ctypes.c_size_t(size), 0)


def landlock_rule(parent_fd: int, rights: int) -> bytes:
    """Rights beneath an open path (an `O_PATH` descriptor), as `landlock_allow` takes them."""
    return struct.pack('=Qi', rights, parent_fd)


def landlock_allow(ruleset: int, rule: bytes) -> None:
    """Grants what a rule says."""
    syscall('landlock_add_rule', ruleset, 1, rule, 0)


def landlock_restrict(ruleset: int) -> None:
    """Puts the calling thread under the ruleset, for good."""
    syscall('landlock_restrict_self', ruleset, 0)


def install_seccomp(program: bytes, *, listener: bool) -> int:
    """Puts the calling thread and its descendants under a BPF filter, for good.

    Args:
        program: packed `sock_filter` instructions, 8 bytes each.
        listener: also make a descriptor on which a supervisor answers the calls the filter hands over.

    Returns:
        The listener's descriptor, or 0.
    """
    code = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(struct.pack('HxxxxxxQ', len(program) // 8, ctypes.addressof(code)), 16)
    flags = SECCOMP_FILTER_FLAG_NEW_LISTENER if listener else 0
    return syscall('seccomp', SECCOMP_SET_MODE_FILTER, flags, ctypes.byref(header))


def drop_capabilities() -> None:
    """Gives up every capability of the calling process (they cannot come back without exec)."""
    header = ctypes.create_string_buffer(struct.pack('Ii', 0x20080522, 0), 8)
    syscall('capset', ctypes.byref(header), ctypes.byref(ctypes.create_string_buffer(24)))


def ignore_ended_children() -> None:
    """Makes the kernel reap the calling process's children, past any handler that Python knows."""
    _libc.signal(int(signal.SIGCHLD), ctypes.c_void_p(1))


def watch_children(handler_fd: int) -> None:
    """Makes every child's end (not its stops) write a byte to `handler_fd`, a non-blocking descriptor."""
    signal.set_wakeup_fd(handler_fd, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    action = ctypes.create_string_buffer(152)
    if _libc.sigaction(signal.SIGCHLD, None, ctypes.byref(action)) == 0:
        flags_at = 8 + 128
        flags = struct.unpack_from('i', action, flags_at)[0] | 1
        struct.pack_into('i', action, flags_at, flags)
        _libc.sigaction(signal.SIGCHLD, ctypes.byref(action), None)


def trim_heap() -> None:
    """Gives free memory of the C library back to the kernel."""
    _trim(0)


def advise(ranges: Sequence[tuple[int, int]], advice: int) -> None:
    """Tells the kernel how address ranges are used (`man madvise`). Best effort."""
    for start, end in ranges:
        _madvise(start, end - start, advice)


def use_up_heap() -> None:
    """Takes every free piece of the C library's heap, for good: what a fork allocates then lies together, on pages of
    its own, and nowhere between what it shares with others.
    """
    end = _sbrk(0)
    for size in _PIECES:
        for _ in range(_MOST_PIECES):
            if _malloc(size) >= end:
                break
