"""Cases that spoil what runs them: the snapshot, the rollback, the quota, and so their own score if they could."""

from __future__ import annotations

from ...types import Outcome
from .suite import Case

_MAKER = (
    'import sys, os, ctypes\n'
    'f = sys._getframe()\n'
    "while f and not hasattr(f.f_locals.get('self'), '_leave_snapshot'): f = f.f_back\n"
    "loop = type(f.f_locals['self'])\n"
)
_OWN_FAULT = (Outcome.OK, Outcome.DIED, Outcome.CODE_ERROR, Outcome.TIMEOUT)
SABOTAGE = (
    Case(
        'deleted files that stay mapped below a folder with the name of a device',
        (
            'import mmap, os\n'
            "os.makedirs('dev')\n"
            'held = []\n'
            'for i in range(16):\n'
            "    f = open(f'dev/zero{i}', 'w+b', 0); f.write(b'x' * (50 << 20)); "
            "held.append(mmap.mmap(f.fileno(), 50 << 20)); f.close(); os.unlink(f'dev/zero{i}')\n"
            "print('HELD')"
        ),
        hides='HELD',
    ),
    Case(
        'deleted files of which one page stays mapped',
        (
            'import ctypes, os, time\n'
            'l = ctypes.CDLL(None)\n'
            'l.mmap.restype = ctypes.c_void_p\n'
            'for i in range(6):\n'
            "    f = open('g', 'w+b', 0); f.write(b'x' * (50 << 20))\n"
            '    l.mmap(None, ctypes.c_size_t(4096), 1, 2, f.fileno(), 0)\n'
            "    f.close(); os.unlink('g')\n"
            "time.sleep(0.3)\nprint('HELD')"
        ),
        hides='HELD',
    ),
    *(
        Case(f'snapshot sabotaged: {name}', "print('next')", before=_MAKER + code, outcome=_OWN_FAULT)
        for name, code in (
            ('none is made', 'loop._leave_snapshot = lambda self, nonce: True'),
            ('exits instead', 'loop._leave_snapshot = lambda self, nonce: os._exit(0)'),
            ('exits as if no fork could be made', 'loop._leave_snapshot = lambda self, nonce: os._exit(71)'),
            (
                'loops and never says so',
                'def bad(self, nonce):\n'
                '    if ctypes.PyDLL(None).fork() == 0:\n'
                '        while True: pass\n'
                '    return True\n'
                'loop._leave_snapshot = bad',
            ),
            (
                'loops while its maker exits',
                'def bad(self, nonce):\n'
                '    if ctypes.PyDLL(None).fork() == 0:\n'
                '        while True: pass\n'
                '    os._exit(0)\n'
                'loop._leave_snapshot = bad',
            ),
            (
                'says so and exits',
                'def bad(self, nonce):\n'
                '    if ctypes.PyDLL(None).fork() == 0:\n'
                "        self._sendmsg([b'f' + nonce]); os._exit(0)\n"
                '    return True\n'
                'loop._leave_snapshot = bad',
            ),
        )
    ),
    Case(
        'a device made by renaming, deleted by a snippet that fails',
        "import os\nif os.path.lexists('a'): os.remove('a')\n1/0",
        before=(
            "import ctypes, platform\nopen('a', 'w').close()\n"
            "number = {'x86_64': 316, 'aarch64': 276}[platform.machine()]\n"
            "ctypes.CDLL(None).syscall(number, -100, b'a', -100, b'b', 4)"
        ),
        outcome=Outcome.CODE_ERROR,
    ),
    Case(
        'its own process killed by every call there is',
        (
            'import ctypes, os, platform\n'
            'l, p = ctypes.CDLL(None), os.getpid()\n'
            "x86 = platform.machine() == 'x86_64'\n"
            'for name, *a in (("kill", p, 9), ("kill", 0, 9), ("raise_", 9), ("pthread_kill", 0, 9)):\n'
            "    if hasattr(l, name) and name != 'pthread_kill': getattr(l, name)(*a)\n"
            'for n in (62, 200, 234, 129, 297, 424) if x86 else (129, 130, 131, 138, 240, 424):\n'
            '    l.syscall(n, p, 9, 9, 0); l.syscall(n, p, p, 9, 0)\n'
            'l.prctl(1, 9, 0, 0, 0)'
        ),
        outcome=Outcome.OK,
    ),
)
"""None of them may be taken for a failure of the sandbox, which would keep the trajectory out of training."""
