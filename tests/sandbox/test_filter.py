"""The seccomp programs, run in an interpreter of BPF: what they answer on both machine types."""

from __future__ import annotations

import errno
import struct

import pytest

from swift_thyme.sandbox import seccomp
from swift_thyme.sandbox.syscalls import AUDIT_ARCH, numbers

MACHINES = ['x86_64', 'aarch64']
C = seccomp.CHANNEL_FD


def answer(machine, name, *args, program=None, arch=None, number=None):
    """What the filter says to a call."""
    program = program or seccomp.assemble(seccomp._session_rules(), seccomp.error(errno.EPERM), machine)
    number = numbers(machine)[name] if number is None else number
    padded = [*args, *[0] * (6 - len(args))]
    data = struct.pack('=IIQ6Q', number, arch or AUDIT_ARCH[machine], 0, *padded)
    at = value = 0
    while True:
        code, if_true, if_false, operand = struct.unpack_from('HBBI', program, at * 8)
        at += 1
        if code == 0x20:
            (value,) = struct.unpack_from('=I', data, operand)
        elif code == 0x54:
            value &= operand
        elif code in (0x15, 0x35):
            at += if_true if (value == operand if code == 0x15 else value >= operand) else if_false
        else:
            return operand


@pytest.mark.parametrize('machine', MACHINES)
@pytest.mark.parametrize('name', ['read', 'write', 'close', 'dup', 'recvfrom', 'sendto', 'fcntl', 'ioctl', 'shutdown'])
def test_the_channel_is_not_open_for_ordinary_calls(machine, name):
    assert answer(machine, name, C) == seccomp.error(errno.EBADF)
    assert answer(machine, name, seccomp.LIFELINE_FD) == seccomp.error(errno.EBADF)
    assert answer(machine, name, 5) != seccomp.error(errno.EBADF)


@pytest.mark.parametrize('machine', MACHINES)
@pytest.mark.parametrize('name', ['sendmsg', 'recvmsg'])
def test_messages_go_through_the_channel_only(machine, name):
    assert answer(machine, name, C) == seccomp.ALLOW
    assert answer(machine, name, seccomp.LIFELINE_FD) == seccomp.error(errno.EPERM)
    assert answer(machine, name, 5) == seccomp.error(errno.EPERM)


@pytest.mark.parametrize('machine', MACHINES)
def test_nothing_can_be_put_in_the_channels_place(machine):
    assert answer(machine, 'dup3', 5, seccomp.LIFELINE_FD) == seccomp.error(errno.EBADF)
    assert answer(machine, 'dup3', 5, C) == seccomp.error(errno.EBADF)
    assert answer(machine, 'sendfile', 5, C) == seccomp.error(errno.EBADF)


@pytest.mark.parametrize('machine', MACHINES)
@pytest.mark.parametrize(
    'name', ['execve', 'execveat', 'socket', 'memfd_create', 'seccomp', 'capset', 'landlock_restrict_self']
)
def test_these_calls_are_refused(machine, name):
    assert answer(machine, name) == seccomp.error(errno.EPERM)


@pytest.mark.parametrize('machine', MACHINES)
def test_no_file_is_emptied_by_path_or_while_it_is_opened_to_read(machine):
    """Landlock before version 3 does not look at truncation."""
    read_and_truncate, write_and_truncate = 0o1000, 0o1001
    assert answer(machine, 'openat', 0, 0, read_and_truncate) == seccomp.error(errno.EPERM)
    assert answer(machine, 'openat', 0, 0, read_and_truncate | 0o100) == seccomp.error(errno.EPERM)
    assert answer(machine, 'openat', 0, 0, write_and_truncate) == seccomp.ALLOW
    assert answer(machine, 'truncate') == seccomp.error(errno.EPERM)


@pytest.mark.parametrize('machine', MACHINES)
def test_extended_attributes_are_said_to_be_unsupported(machine):
    assert answer(machine, 'listxattr') == seccomp.error(errno.EOPNOTSUPP)


@pytest.mark.parametrize('machine', MACHINES)
def test_a_call_with_an_unknown_number_is_refused(machine):
    assert answer(machine, '', number=9999) == seccomp.error(errno.EPERM)


@pytest.mark.parametrize('machine', MACHINES)
def test_forks_and_threads_are_handed_over_and_namespaces_refused(machine):
    assert answer(machine, 'clone', 0x01200011) == seccomp.NOTIFY
    assert answer(machine, 'clone', 0x3D0F00) == seccomp.NOTIFY
    for flag in (0x00020000, 0x10000000, 0x20000000, 0x40000000, 0x02000000):
        assert answer(machine, 'clone', 0x11 | flag) == seccomp.error(errno.EPERM)
    assert answer(machine, 'clone3') == seccomp.error(errno.ENOSYS)


@pytest.mark.parametrize('machine', MACHINES)
def test_making_files_is_handed_over_and_reading_is_not(machine):
    assert answer(machine, 'openat', 0, 0, 0o101) == seccomp.NOTIFY
    assert answer(machine, 'openat', 0, 0, 0) == seccomp.ALLOW
    assert answer(machine, 'openat', 0, 0, 0o20200002) == seccomp.error(errno.EOPNOTSUPP)
    assert answer(machine, 'mkdirat') == seccomp.NOTIFY


@pytest.mark.parametrize('machine', MACHINES)
def test_shared_anonymous_memory_is_refused_and_a_file_mapped_shared_is_made_known(machine):
    assert answer(machine, 'mmap', 0, 4096, 3, 0x21) == seccomp.error(errno.EPERM)
    assert answer(machine, 'mmap', 0, 4096, 3, 0x22) == seccomp.ALLOW
    assert answer(machine, 'mmap', 0, 4096, 1, 0x01, 5) == seccomp.NOTIFY
    assert answer(machine, 'mmap', 0, 4096, 1, 0x02, 5) == seccomp.ALLOW


@pytest.mark.parametrize('machine', MACHINES)
@pytest.mark.parametrize(('command', 'value'), [(8, 1), (10, 9), (15, 1), (4, 0x2000), (1031, 1 << 20), (1024, 0)])
def test_signals_cannot_be_routed_by_fcntl(machine, command, value):
    assert answer(machine, 'fcntl', 5, command, value) == seccomp.error(errno.EPERM)
    assert answer(machine, 'fcntl', 5, 3) == seccomp.ALLOW
    assert answer(machine, 'fcntl', 5, 4, 0x800) == seccomp.ALLOW


@pytest.mark.parametrize('machine', MACHINES)
def test_limits_may_be_read_but_not_set_even_with_a_high_address(machine):
    assert answer(machine, 'prlimit64', 0, 7, 0) == seccomp.ALLOW
    assert answer(machine, 'prlimit64', 0, 7, 0x7F00_0000_0000) == seccomp.error(errno.EPERM)


def test_another_architecture_and_the_x32_table_do_not_get_through():
    assert answer('x86_64', 'read', 5, arch=0x40000003) == seccomp.KILL
    assert answer('x86_64', '', number=0x40000000) == seccomp.error(errno.ENOSYS)


@pytest.mark.parametrize('name', ['open', 'openat', 'clone', 'socket', 'mkdirat', 'unlinkat', 'sendto'])
def test_the_decoder_can_open_and_make_nothing(name):
    if name in numbers():
        assert answer('x86_64', name, program=seccomp.decoder_filter()) == seccomp.error(errno.EPERM)


@pytest.mark.parametrize('machine', MACHINES)
def test_a_rename_leaves_no_device_behind_and_locks_reach_nobody(machine):
    assert [answer(machine, 'renameat2', 0, 0, 0, 0, flag) == seccomp.ALLOW for flag in range(6)] == [True] * 3 + [
        False
    ] * 3
    assert answer(machine, 'flock', 5, 2) == seccomp.error(0)
    assert {answer(machine, 'fcntl', 5, command) for command in (6, 7, 37, 38)} == {seccomp.error(0)}
