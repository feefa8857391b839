"""Confines the calling process for good: paths (Landlock), system calls (seccomp), resources, privileges.

Called once in the forked child of a session or decoder, before it meets anything a model wrote. The three tiers:

    A  Landlock + seccomp: ordinary users and default containers on kernels from 5.13 on
    B  no Landlock, but the right to change uid: one uid a session + seccomp
    C  neither: refused, unless `THYME_SANDBOX_ALLOW_TIER_C` says otherwise
"""

from __future__ import annotations

import os
import resource
import signal
import site
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from . import linux


class Tier(str, Enum):
    """How strongly this machine can confine a session."""

    A = 'A'
    B = 'B'
    C = 'C'


_READ = 1 << 2 | 1 << 3
_READ_FILE = 1 << 2
_WRITE_FILE, _REMOVE, _MAKE, _REFER, _TRUNCATE = 1 << 1, 1 << 4 | 1 << 5, 1 << 7 | 1 << 8, 1 << 13, 1 << 14
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


@dataclass(frozen=True)
class Resources:
    """Resource limits of one process, set in the kernel."""

    memory_bytes: int
    """Address space beyond what the process starts with."""
    file_bytes: int
    open_files: int


def readable_paths() -> tuple[str, ...]:
    """What any snippet may read: the Python library, installed packages, shared libraries and fonts."""
    paths = sysconfig.get_paths()
    library = [paths[key] for key in ('stdlib', 'platstdlib', 'purelib', 'platlib')]
    library += site.getsitepackages()
    library += [p for p in sys.path if os.path.basename(p) in ('site-packages', 'dist-packages')]
    library += [os.path.join(sys.base_prefix, 'lib')] if sys.base_prefix != '/usr' else []
    return tuple(dict.fromkeys(p for p in (*_SYSTEM, *library) if p and os.path.exists(p)))


def restrict_paths(read: Iterable[str], write: Iterable[str]) -> None:
    """Landlock: reading beneath `read`, reading and writing beneath `write`, nothing else; no TCP, no foreign signals.

    Raises:
        OSError: the kernel refused.
    """
    abi = linux.landlock_abi()
    known = (1 << (13 if abi < 2 else 14 if abi < 3 else 15 if abi < 5 else 16)) - 1
    ruleset = linux.landlock_ruleset(known, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0, abi)
    everything = (_READ | _WRITE_FILE | _REMOVE | _MAKE | _REFER | _TRUNCATE) & known
    for path in read:
        _grant(ruleset, path, _READ)
    for path in write:
        _grant(ruleset, path, everything)
    for path in _DEVICES:
        _grant(ruleset, path, _READ_FILE | (_WRITE_FILE if path == '/dev/null' else 0))
    linux.landlock_restrict(ruleset)
    os.close(ruleset)


def _grant(ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not os.path.isdir(path):
            rights &= _READ_FILE | _WRITE_FILE | _TRUNCATE
        linux.landlock_allow(ruleset, fd, rights)
    finally:
        os.close(fd)


def limit_resources(limits: Resources) -> None:
    """Sets the kernel's own limits on the calling process; they cannot be raised again by a snippet."""
    with open('/proc/self/statm') as statm:
        used_bytes = int(statm.read().split()[0]) * os.sysconf('SC_PAGE_SIZE')
    for kind, value in (
        (resource.RLIMIT_AS, used_bytes + limits.memory_bytes),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        resource.setrlimit(kind, (value, value))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def give_up_privileges(uid: int | None) -> None:
    """Leaves root's powers: changes to `uid` where one is given, drops every capability, forbids new ones."""
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    linux.drop_capabilities()
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
