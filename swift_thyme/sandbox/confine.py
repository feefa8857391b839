"""Confines the calling process for good: paths (Landlock), system calls (seccomp), resources, privileges.

Called once in the forked child of a session or decoder, before it meets anything a model wrote. The three tiers:

    A  Landlock + seccomp: ordinary users and default containers on kernels from 5.13 on
    B  no Landlock, but the right to change uid: one uid a session + seccomp; refused, unless
       `THYME_SANDBOX_ALLOW_TIER_B` says otherwise
    C  neither: refused, unless `THYME_SANDBOX_ALLOW_TIER_C` says otherwise
"""

from __future__ import annotations

import os
import resource
import site
import socket
import stat
import sys
import sysconfig
from collections.abc import Iterable
from contextlib import suppress
from enum import Enum

from . import linux, seccomp


class Tier(str, Enum):
    """How strongly this machine can confine a session."""

    A = 'A'
    B = 'B'
    C = 'C'


_READ = 1 << 2 | 1 << 3
_READ_FILE = 1 << 2
_WRITE_FILE, _REMOVE, _MAKE, _REFER, _TRUNCATE = 1 << 1, 1 << 4 | 1 << 5, 1 << 7 | 1 << 8, 1 << 13, 1 << 14
_NICE = 5
_PAGE_BYTES = os.sysconf('SC_PAGE_SIZE')
_DEVICES = ('/dev/null', '/dev/zero', '/dev/urandom', '/dev/random')
_SYSTEM = (
    '/usr/lib',
    '/usr/lib64',
    '/usr/local/lib',
    '/lib',
    '/lib64',
    '/usr/share/fonts',
    '/usr/local/share/fonts',
    '/usr/share/zoneinfo',
    '/etc/fonts',
    '/etc/ld.so.cache',
    '/etc/localtime',
    '/proc/cpuinfo',
    '/proc/meminfo',
    '/sys/devices/system/cpu',
)


def readable_paths() -> tuple[str, ...]:
    """What any snippet may read: the Python library, installed packages, shared libraries and fonts."""
    paths = sysconfig.get_paths()
    library = [paths[key] for key in ('stdlib', 'platstdlib', 'purelib', 'platlib')]
    library += site.getsitepackages()
    library += [p for p in sys.path if os.path.basename(p) in ('site-packages', 'dist-packages')]
    library += [os.path.join(sys.base_prefix, 'lib')] if sys.base_prefix != '/usr' else []
    return tuple(dict.fromkeys(p for p in (*_SYSTEM, *library) if p and os.path.exists(p)))


class Paths:
    """What may be read by all: opened once, so that a fork has little to do. Landlock; nothing where it is absent."""

    def __init__(self, read: Iterable[str]) -> None:
        """
        Args:
            read: files and directories; those that do not exist are left out.
        """
        self._abi = abi = linux.landlock_abi()
        self.known_to_kernel = abi > 0
        """Whether the kernel has Landlock."""
        self._known = (1 << (13 if abi < 2 else 14 if abi < 3 else 15 if abi < 5 else 16)) - 1
        rights = dict.fromkeys(read, _READ)
        rights.update((path, _READ_FILE | (_WRITE_FILE if path == '/dev/null' else 0)) for path in _DEVICES)
        self._rules = [rule for path in rights if abi and (rule := self._rule(path, rights[path])[1])]

    def ruleset(self) -> int:
        """Reading what all may read, nothing else; no TCP, no foreign signals.

        Returns:
            A descriptor for `allow` and `restrict`.

        Raises:
            OSError: the kernel refused.
        """
        ruleset = linux.landlock_ruleset(self._known, 3 if self._abi >= 4 else 0, 3 if self._abi >= 6 else 0, self._abi)
        for rule in self._rules:
            linux.landlock_allow(ruleset, rule)
        return ruleset

    def allow(self, ruleset: int, read: Iterable[str], write: Iterable[str]) -> None:
        """Adds reading beneath `read`, and reading and writing beneath `write`.

        Raises:
            OSError: the kernel refused.
        """
        everything = _READ | _WRITE_FILE | _REMOVE | _MAKE | _REFER | _TRUNCATE
        wanted = [(path, _READ) for path in read] + [(path, everything) for path in write]
        for path, rights in wanted:
            fd, rule = self._rule(path, rights)
            if fd >= 0:
                linux.landlock_allow(ruleset, rule)
                os.close(fd)

    def _rule(self, path: str, rights: int) -> tuple[int, bytes]:
        """An open path and its rule; (-1, b'') when it does not exist."""
        try:
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            return -1, b''
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= _READ_FILE | _WRITE_FILE | _TRUNCATE
        return fd, linux.landlock_rule(fd, rights & self._known)


def restrict(ruleset: int) -> None:
    """Puts the calling process under a ruleset of `Paths`, for good."""
    linux.landlock_restrict(ruleset)
    os.close(ruleset)


def claim_descriptors(fds: tuple[int, int], kept: int) -> socket.socket:
    """Moves channel and lifeline to their fixed numbers, closes all others but `kept`; 0, 1, 2 become /dev/null.

    Returns:
        The channel.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft <= seccomp.LIFELINE_FD:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(seccomp.LIFELINE_FD + 1, hard), hard))
    os.dup2(fds[0], seccomp.CHANNEL_FD)
    os.dup2(fds[1], seccomp.LIFELINE_FD)
    null = os.open('/dev/null', os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.closerange(3, kept)
    os.closerange(kept + 1, seccomp.CHANNEL_FD)
    os.closerange(seccomp.LIFELINE_FD + 1, max(hard, 1 << 16) if hard > 0 else 1 << 20)
    return socket.socket(fileno=seccomp.CHANNEL_FD)


def limit_resources(*, memory_bytes: int, file_bytes: int, open_files: int) -> None:
    """Sets the kernel's own limits on the calling process; they cannot be raised again by a snippet.

    Args:
        memory_bytes: address space beyond what the process has by now.
        file_bytes: size of one file.
        open_files: descriptors.
    """
    statm = os.open('/proc/self/statm', os.O_RDONLY | os.O_CLOEXEC)
    used_bytes = int(os.read(statm, 100).split()[0]) * _PAGE_BYTES
    os.close(statm)
    for kind, value in (
        (resource.RLIMIT_AS, used_bytes + memory_bytes),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_NOFILE, open_files),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        resource.setrlimit(kind, (value, value))


def stand_back() -> None:
    """Lets the trainer go first, for good: at the processor, and as the kernel's choice when memory is short."""
    os.nice(_NICE)
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    with suppress(OSError):
        fd = os.open('/proc/self/oom_score_adj', os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, b'1000')
        finally:
            os.close(fd)


def give_up_privileges(uid: int | None) -> None:
    """Leaves root's powers: changes to `uid` where one is given, drops every capability, forbids new ones."""
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    linux.drop_capabilities()
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
