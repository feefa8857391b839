"""Which system calls a snippet's process may make, and the BPF program that says so.

One filter covers a whole session: the snippet runs under the same rules as the code that runs it, so there is no
privileged thread to reach. Calls that need a judgement (starting a thread, the one fork before a snippet, creating
a file, mapping one shared) are handed to the supervisor through a listener and answered there (`supervisor.notify`).

The control channel and the lifeline have fixed descriptor numbers; every call on them but `sendmsg` and `recvmsg` on
the channel fails as if they were not open, so a snippet that reads, writes or closes descriptors never meets them.
"""

from __future__ import annotations

import errno
import platform
import struct
from dataclasses import dataclass

from .syscalls import AUDIT_ARCH, numbers

CHANNEL_FD, LIFELINE_FD = 1000, 1001
"""Numbers of the control channel and of the lifeline (`linux.end_with_peer`) in a session's process; above every limit
on open files."""

ALLOW, NOTIFY, KILL = 0x7FFF0000, 0x7FC00000, 0x80000000


def error(code: int) -> int:
    """The filter's answer 'fail with this errno' (0: pretend success)."""
    return 0x00050000 | code


@dataclass(frozen=True)
class Check:
    """If `(args[index] & mask) == value` (or != when `negate`) on its low 32 bits, answer `action`."""

    index: int
    value: int
    action: int
    mask: int = 0xFFFFFFFF
    negate: bool = False
    high: bool = False
    """Look at the upper 32 bits instead of the lower."""


_PLAIN = """
lseek stat fstat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat getdents getdents64 getcwd chdir
fchdir rmdir unlink unlinkat rename renameat ftruncate fallocate fsync fdatasync sync_file_range
pipe pipe2 poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait eventfd2
munmap mprotect mremap madvise brk membarrier msync rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend
sigaltstack rt_sigtimedwait futex set_robust_list get_robust_list set_tid_address rseq getpid gettid getppid getuid
geteuid getgid getegid getpgrp getpgid getsid getgroups getresuid getresgid getrlimit getrusage sysinfo uname times
clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time getrandom sched_yield sched_getaffinity
sched_getparam sched_getscheduler sched_get_priority_max sched_get_priority_min getpriority getcpu exit exit_group
restart_syscall arch_prctl umask statfs fstatfs fadvise64 readahead mincore wait4 waitid capget pause getsockname
getpeername alarm getitimer setitimer get_mempolicy
"""
_ON_DESCRIPTOR = 'read write readv writev pread64 pwrite64 preadv pwritev close dup recvfrom shutdown getsockopt'
_PRETENDED = """
chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes utimensat futimesat sched_setaffinity
setpriority mbind set_mempolicy flock
"""
"""Answered with success without doing anything: metadata that libraries set after saving a file, and locks, which
sessions with the same input picture could signal to each other by."""
_UNSUPPORTED = """
setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr removexattr lremovexattr
fremovexattr
"""
"""Answered as by a file system that has no such attributes, which `shutil` expects."""
_CLONE_THREAD, _CLONE_NEW = 0x00010000, 0x7E020080
_O_ACCMODE, _O_CREAT, _O_TRUNC, _O_TMPFILE = 0o3, 0o100, 0o1000, 0o20000000
"""Truncating by path, or while opening to read, is refused: Landlock before version 3 does not look at it."""
_MAP_SHARED, _MAP_ANONYMOUS = 0x01, 0x20
_REFUSE = error(errno.EPERM)
_NOT_OPEN = error(errno.EBADF)
_BOTH_FDS = 0xFFFFFFFE
"""Compared under this mask, a descriptor's number is that of channel or lifeline."""


def _session_rules() -> dict[str, tuple[list[Check], int]]:
    channel, onto_channel, to_channel = (Check(at, CHANNEL_FD, _NOT_OPEN, mask=_BOTH_FDS) for at in (0, 1, 2))
    only_channel = Check(0, CHANNEL_FD, _REFUSE, negate=True)
    nameless = Check(2, _O_TMPFILE, error(errno.EOPNOTSUPP), mask=_O_TMPFILE)
    emptying = Check(2, _O_TRUNC, _REFUSE, mask=_O_TRUNC | _O_ACCMODE)
    opening = [nameless, emptying, Check(2, _O_CREAT, NOTIFY, mask=_O_CREAT)]
    to_nobody = [Check(4, 0, _REFUSE, negate=True, high=high) for high in (False, True)]
    only_reading = [Check(2, 0, _REFUSE, negate=True, high=high) for high in (False, True)]
    fcntl = [channel] + [Check(1, command, _REFUSE) for command in (8, 10, 15, 1024, 1026, 1031, 1033)]
    fcntl += [Check(1, command, error(0)) for command in (6, 7, 37, 38)]  # locks, as above
    fcntl += [Check(1, 4, ALLOW, negate=True), Check(2, 0x2000, _REFUSE, mask=0x2000)]
    shared_anonymous = _MAP_SHARED | _MAP_ANONYMOUS
    rules: dict[str, tuple[list[Check], int]] = {name: ([], ALLOW) for name in _PLAIN.split()}
    rules.update({name: ([], error(0)) for name in _PRETENDED.split()})
    rules.update({name: ([], error(errno.EOPNOTSUPP)) for name in _UNSUPPORTED.split()})
    rules.update({name: ([channel], ALLOW) for name in _ON_DESCRIPTOR.split()})
    rules.update(
        {
            'sendmsg': ([only_channel], ALLOW),
            'recvmsg': ([only_channel], ALLOW),
            'sendto': ([channel, *to_nobody], ALLOW),
            'socketpair': ([Check(0, 1, _REFUSE, negate=True), Check(1, 1, _REFUSE, mask=0xFF, negate=True)], ALLOW),
            'dup2': ([channel, onto_channel], ALLOW),
            'dup3': ([channel, onto_channel], ALLOW),
            'sendfile': ([channel, onto_channel], ALLOW),
            'copy_file_range': ([channel, to_channel], ALLOW),
            'renameat2': ([Check(4, flag, ALLOW) for flag in (0, 1, 2)], error(errno.EINVAL)),
            'fcntl': (fcntl, ALLOW),
            'ioctl': ([channel] + [Check(1, c, ALLOW) for c in (0x5401, 0x541B, 0x5421, 0x5451)], error(errno.ENOTTY)),
            'open': ([Check(c.index - 1, c.value, c.action, c.mask) for c in opening], ALLOW),
            'openat': (opening, ALLOW),
            'mkdir': ([], NOTIFY),
            'mkdirat': ([], NOTIFY),
            'mmap': (
                [
                    Check(3, shared_anonymous, _REFUSE, mask=shared_anonymous),
                    Check(3, _MAP_SHARED, NOTIFY, mask=_MAP_SHARED),
                ],
                ALLOW,
            ),
            'clone': ([Check(0, 0, _REFUSE, mask=_CLONE_NEW, negate=True)], NOTIFY),
            'prctl': ([Check(0, 15, ALLOW), Check(0, 16, ALLOW)], _REFUSE),
            'prlimit64': (only_reading, ALLOW),
            'clone3': ([], error(errno.ENOSYS)),
            'close_range': ([], error(errno.ENOSYS)),
            'openat2': ([], error(errno.ENOSYS)),
        }
    )
    return rules


def _decoder_rules() -> dict[str, tuple[list[Check], int]]:
    allowed = """
    read write readv writev pread64 lseek fstat newfstatat close ftruncate munmap mprotect mremap madvise brk mmap
    rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack futex getpid gettid getrandom clock_gettime gettimeofday
    exit exit_group restart_syscall recvmsg sendmsg sched_yield getcpu rseq fcntl
    """
    rules: dict[str, tuple[list[Check], int]] = {name: ([], ALLOW) for name in allowed.split()}
    rules['ioctl'] = ([Check(1, 0x5401, ALLOW)], error(errno.ENOTTY))
    return rules


def session_filter() -> bytes:
    """The BPF program for a session's process."""
    return assemble(_session_rules(), _REFUSE)


def decoder_filter() -> bytes:
    """The BPF program for the process that decodes pictures: descriptors it is handed and memory, nothing else."""
    return assemble(_decoder_rules(), _REFUSE)


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack('HBBI', code, if_true, if_false, value & 0xFFFFFFFF)


def _block(checks: list[Check], default: int) -> bytes:
    """One system call's instructions; every path through them returns."""
    code = b''
    for check in checks:
        code += _instruction(0x20, 16 + 8 * check.index + (4 if check.high else 0))
        if check.mask != 0xFFFFFFFF:
            code += _instruction(0x54, check.mask)
        hit, miss = (1, 0) if check.negate else (0, 1)
        code += _instruction(0x15, check.value, hit, miss) + _instruction(0x06, check.action)
    return code + _instruction(0x06, default)


def assemble(rules: dict[str, tuple[list[Check], int]], default: int, machine: str | None = None) -> bytes:
    """Packs rules into a filter: first match of the number, then its checks in order, then its default.

    Args:
        rules: name of the call → checks and the answer when none of them matches.
        default: the answer for every call that has no rule.
        machine: as `platform.machine()`; calls it does not have are left out.
    """
    machine = machine or platform.machine()
    table = numbers(machine)
    code = _instruction(0x20, 4) + _instruction(0x15, AUDIT_ARCH[machine], 1, 0) + _instruction(0x06, KILL)
    code += _instruction(0x20, 0)
    if machine == 'x86_64':
        code += _instruction(0x35, 0x40000000, 0, 1) + _instruction(0x06, error(errno.ENOSYS))
    by_answer: dict[int, list[int]] = {}
    for name, (checks, answer) in rules.items():
        if name not in table:
            continue
        if not checks:
            by_answer.setdefault(answer, []).append(table[name])
            continue
        block = _block(checks, answer)
        code += _instruction(0x15, table[name], 0, len(block) // 8) + block
    for answer, group in by_answer.items():
        for number in group:
            code += _instruction(0x15, number, 0, 1) + _instruction(0x06, answer)
    return code + _instruction(0x06, default)
