"""Cases that reach for the machinery itself: signals, limits, the control channel, the code that runs them."""

from __future__ import annotations

from typing import Any

from .suite import Case

_KEPT: dict[str, Any] = {'before': 'kept = 1', 'then': "print('kept', kept)", 'then_shows': 'kept 1'}

_SCAN = (
    'import socket, struct, json\n'
    'for fd in range(3, 1100):\n'
    '    try: s = socket.socket(fileno=fd)\n'
    '    except OSError: continue\n'
)

_CHANNEL = (
    'import sys\n'
    'f = sys._getframe()\n'
    "while f and not hasattr(f.f_locals.get('self'), '_sendmsg'): f = f.f_back\n"
    "channel = f.f_locals['self']\n"
)

MACHINERY = (
    Case('signal to the trainer', "import os\nos.kill(@PID@, 0)\nprint('REACHED')", hides='REACHED'),
    Case(
        'signal to the parent',
        (
            'import os\n'
            'for s in (0, 15, 9):\n'
            "    try: os.kill(os.getppid(), s); print('REACHED')\n"
            '    except OSError: pass'
        ),
        hides='REACHED',
        **_KEPT,
    ),
    Case(
        'signal to its group and to all',
        (
            'import os\n'
            'for p in (0, -1, -os.getpgid(0)):\n'
            "    try: os.kill(p, 9); print('REACHED')\n"
            '    except OSError: pass'
        ),
        hides='REACHED',
        **_KEPT,
    ),
    Case(
        'signal routed by a descriptor',
        (
            'import fcntl, os\n'
            'r, w = os.pipe()\n'
            'fcntl.fcntl(r, fcntl.F_SETOWN, os.getppid())\n'
            'fcntl.fcntl(r, 10, 9)\n'
            'fcntl.fcntl(r, fcntl.F_SETFL, fcntl.fcntl(r, fcntl.F_GETFL) | os.O_ASYNC)\n'
            "os.write(w, b'x')\n"
            "print('ROUTED')"
        ),
        hides='ROUTED',
        **_KEPT,
    ),
    Case(
        'signals through libc',
        (
            'import ctypes, os\n'
            'l = ctypes.CDLL(None)\n'
            'p = os.getppid()\n'
            'for r in (l.kill(p, 9), l.syscall(62, p, 9), l.syscall(200, p, 9), l.syscall(234, p, p, '
            '9), l.syscall(129, p, 9, 0), l.syscall(424, 3, 9, 0, 0)):\n'
            "    if r == 0: print('REACHED')"
        ),
        hides='REACHED',
        **_KEPT,
    ),
    Case(
        'debugger',
        (
            'import ctypes, os\n'
            'l = ctypes.CDLL(None)\n'
            'for r in (l.ptrace(16, os.getppid(), 0, 0), l.ptrace(0, 0, 0, 0), l.syscall(434, '
            'os.getppid(), 0), l.syscall(310, os.getppid(), 0, 0, 0, 0, 0), l.syscall(311, '
            'os.getppid(), 0, 0, 0, 0, 0)):\n'
            "    if r >= 0: print('REACHED')"
        ),
        hides='REACHED',
        **_KEPT,
    ),
    Case(
        'limits of the parent',
        "import resource, os\nresource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1))\nprint('REACHED')",
        hides='REACHED',
    ),
    Case(
        'limits raised',
        "import resource\nresource.setrlimit(resource.RLIMIT_AS, (-1, -1))\nprint('RAISED')",
        hides='RAISED',
    ),
    Case('leaves its process group', "import os\nos.setsid()\nprint('LEFT')", hides='LEFT'),
    Case('leaves its process group by setpgid', "import os\nos.setpgid(0, 0)\nprint('LEFT')", hides='LEFT'),
    Case(
        'joins a new namespace',
        "import ctypes\nif ctypes.CDLL(None).unshare(0x10000000) == 0: print('LEFT')",
        hides='LEFT',
    ),
    Case('another filter', "import ctypes\nif ctypes.CDLL(None).prctl(22, 1, 0, 0, 0) == 0: print('SET')", hides='SET'),
    Case(
        'forged replies on every descriptor',
        (
            _SCAN + "    body = json.dumps({'status': 'ok', 'outcome': 'ok', 'text': 'FORGED'}).encode()\n"
            "    for data in (body, struct.pack('<I', len(body)) + body):\n"
            '        try: s.send(data)\n'
            '        except OSError: pass\n'
            '    s.detach()'
        ),
        hides='FORGED',
    ),
    Case(
        'forged replies by message',
        (
            _SCAN + '    try:\n'
            r"        s.sendmsg([b'R' + b'\0' * 16 + b'\x02\0\0\0ok\x06\0\0\0FORGED\x01\0\0\0' + b'0'])"
            '\n'
            r"        s.sendmsg([b'x' + b'\0' * 16 + b'0'])"
            '\n    except OSError: pass\n    s.detach()'
        ),
        hides='FORGED',
    ),
    Case(
        'forged report with the right nonce, then an endless loop',
        (
            'import sys\n'
            'f = sys._getframe()\n'
            'while f and not isinstance(f.f_locals.get("nonce"), bytes): f = f.f_back\n'
            "fields = (b'ok', b'FORGED', b'0', b'', b'')\n"
            "body = b''.join(len(x).to_bytes(4, 'little') + x for x in fields)\n"
            "if f: f.f_locals['self']._sendmsg([b'R' + f.f_locals['nonce'] + body])\n"
            'while True: pass'
        ),
        hides='FORGED',
        timeout_s=4.0,
        **_KEPT,
    ),
    Case(
        'messages without end',
        _CHANNEL + "while True: channel._sendmsg([b'R' + b'x' * 9000])",
        timeout_s=2.0,
        **_KEPT,
    ),
    Case(
        'alarm that rings later',
        'import signal\nsignal.setitimer(signal.ITIMER_REAL, 0.2)\nkept = 1',
        then="import time\ntime.sleep(0.4)\nprint('kept', kept)",
        then_shows='kept 1',
    ),
    Case(
        'requests read by a thread left behind',
        (
            'import threading, socket, os\n'
            'def steal(fd):\n'
            '    while True:\n'
            '        try: os.read(fd, 65536)\n'
            '        except OSError: return\n'
            'for fd in range(3, 1100):\n'
            '    try: os.fstat(fd)\n'
            '    except OSError: continue\n'
            '    threading.Thread(target=steal, args=(fd,), daemon=True).start()'
        ),
    ),
    Case(
        'requests read by message in a thread left behind',
        (
            _CHANNEL + 'import threading\n'
            'def steal():\n'
            '    while True:\n'
            '        try: channel._recvmsg(65536)\n'
            '        except OSError: return\n'
            'threading.Thread(target=steal, daemon=True).start()'
        ),
    ),
    Case(
        'call pending in the main thread',
        (
            'import ctypes\n'
            'F = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)\n'
            '@F\n'
            'def late(_):\n'
            '    while True: pass\n'
            'ctypes.pythonapi.Py_AddPendingCall(late, None)'
        ),
    ),
    Case(
        'exception sent to the main thread',
        (
            'import ctypes, threading, time\n'
            'm = threading.main_thread().ident\n'
            'def later():\n'
            '    time.sleep(0.3)\n'
            '    for _ in range(50):\n'
            '        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(m), '
            'ctypes.py_object(SystemExit)); time.sleep(0.01)\n'
            'threading.Thread(target=later, daemon=True).start()'
        ),
    ),
    Case(
        'machinery patched through sys.modules',
        (
            'import sys\n'
            'for name, module in list(sys.modules.items()):\n'
            "    if 'sandbox' in name or name in ('__main__', 'zygote', 'confine', 'worker', "
            "'runner'):\n"
            '        for key in list(vars(module)):\n'
            "            if not key.startswith('__'): setattr(module, key, None)"
        ),
        then='pass',
        then_shows='',
    ),
    Case(
        'frames of the machinery changed',
        (
            'import sys\n'
            'f = sys._getframe().f_back\n'
            'while f:\n'
            '    for k in list(f.f_globals):\n'
            "        if not k.startswith('__'): f.f_globals[k] = None\n"
            '    f = f.f_back'
        ),
        then='pass',
        then_shows='',
    ),
    Case(
        'late text of one turn does not reach the next',
        (
            'import threading, time, sys\n'
            'def late():\n'
            "    time.sleep(0.2); print('LATE', file=sys.stdout)\n"
            'threading.Thread(target=late, daemon=True).start()\n'
            "print('now')"
        ),
        then="import time\ntime.sleep(0.4); print('alive', 6 * 7)",
        then_shows='alive 42\n',
    ),
    Case(
        'late file of one turn',
        (
            'import threading, time\n'
            'def late():\n'
            "    time.sleep(0.2); open('late', 'w').write('x')\n"
            'threading.Thread(target=late, daemon=True).start()'
        ),
        then="import time\ntime.sleep(0.4); print(os.listdir('.'))",
        then_shows='[]',
    ),
)
