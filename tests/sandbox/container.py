"""Runs a command as Docker's default container would: its capability set, its seccomp refusals, no new namespaces.

    python tests/sandbox/container.py [--user UID] COMMAND ...

A simulation for tests, as root: what the default profile refuses is refused here; file systems are not changed.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from swift_thyme.sandbox import linux, seccomp

_KEPT_CAPABILITIES = (0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31)
"""chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service, net_raw, sys_chroot, mknod,
audit_write, setfcap."""
_REFUSED = {
    'mount': 165,
    'umount2': 166,
    'pivot_root': 155,
    'unshare': 272,
    'setns': 308,
    'bpf': 321,
    'perf_event_open': 298,
    'userfaultfd': 323,
    'keyctl': 250,
    'add_key': 248,
    'request_key': 249,
    'kexec_load': 246,
    'init_module': 175,
    'finit_module': 313,
    'delete_module': 176,
    'reboot': 169,
    'swapon': 167,
    'swapoff': 168,
    'acct': 163,
    'settimeofday': 164,
    'clock_settime': 227,
    'iopl': 172,
    'ioperm': 173,
    'quotactl': 179,
    'open_by_handle_at': 304,
    'name_to_handle_at': 303,
    'lookup_dcookie': 212,
    'nfsservctl': 180,
    'move_pages': 279,
    'mbind': 237,
    'set_mempolicy': 238,
    'get_mempolicy': 239,
    'open_tree': 428,
    'move_mount': 429,
    'fsopen': 430,
    'fsmount': 432,
    'io_uring_setup': 425,
    'io_uring_enter': 426,
    'io_uring_register': 427,
    'pidfd_getfd': 438,
    'vhangup': 153,
}
_NEW_NAMESPACES = 0x7E020000


def profile() -> bytes:
    """The BPF program: refuses what the default profile refuses, allows the rest."""
    code = struct.pack('HBBI', 0x20, 0, 0, 0)
    for number in _REFUSED.values():
        code += struct.pack('HBBI', 0x15, 0, 1, number) + struct.pack('HBBI', 0x06, 0, 0, seccomp.error(errno.EPERM))
    code += struct.pack('HBBI', 0x15, 0, 1, 435) + struct.pack('HBBI', 0x06, 0, 0, seccomp.error(errno.ENOSYS))
    code += struct.pack('HBBI', 0x15, 0, 4, 56) + struct.pack('HBBI', 0x20, 0, 0, 16)
    code += struct.pack('HBBI', 0x54, 0, 0, _NEW_NAMESPACES) + struct.pack('HBBI', 0x15, 1, 0, 0)
    code += struct.pack('HBBI', 0x06, 0, 0, seccomp.error(errno.EPERM))
    return code + struct.pack('HBBI', 0x06, 0, 0, seccomp.ALLOW)


def main() -> None:
    """Confines this process and becomes the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--user', type=int)
    parser.add_argument('--no-landlock', action='store_true', help='as on a kernel without it')
    parser.add_argument('command', nargs=argparse.REMAINDER)
    options = parser.parse_args()
    for capability in range(64):
        if capability not in _KEPT_CAPABILITIES:
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)
    if options.no_landlock:
        _REFUSED.update(landlock_create_ruleset=444)
    linux.install_seccomp(profile(), listener=False)
    mask = sum(1 << capability for capability in _KEPT_CAPABILITIES)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    header = ctypes.create_string_buffer(struct.pack('Ii', 0x20080522, 0), 8)
    data = ctypes.create_string_buffer(struct.pack('6I', low, low, 0, high, high, 0), 24)
    linux.syscall('capset', ctypes.byref(header), ctypes.byref(data))
    if options.user is not None:
        os.setgroups([])
        os.setresgid(options.user, options.user, options.user)
        os.setresuid(options.user, options.user, options.user)
    os.execvp(options.command[0], options.command)


if __name__ == '__main__':
    main()
