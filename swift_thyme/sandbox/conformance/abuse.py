"""Cases that use too much: time, memory, output, files, threads; and cases that end or corrupt their own process."""

from __future__ import annotations

from typing import Any

from ...types import Outcome
from ..base import MIB, Limits
from .suite import Case

_TIMEOUT, _MEMORY, _REFUSED, _DIED = Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY, Outcome.REFUSED, Outcome.DIED
_KEPT: dict[str, Any] = {'before': 'kept = 1', 'then': "print('kept', kept)", 'then_shows': 'kept 1'}

TIME = (
    Case('busy loop', 'while 1:\n    pass', outcome=_TIMEOUT, **_KEPT),
    Case('endless sleep', 'from time import sleep\nsleep(3600)', outcome=_TIMEOUT, **_KEPT),
    Case(
        'loop that catches whatever is raised in it',
        'import time\nwhile True:\n    try:\n        while True:\n            time.sleep(0.02)\n'
        '    except BaseException:\n        continue',
        outcome=_TIMEOUT,
    ),
    Case(
        'timer switched off',
        'import signal\nsignal.alarm(0)\nsignal.setitimer(signal.ITIMER_REAL, 0)\nwhile 1: 0',
        timeout_s=0.8,
    ),
    Case('alarm ignored', 'import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile 1: 0', outcome=_TIMEOUT),
    Case(
        'every signal ignored',
        (
            'import signal\n'
            'for s in signal.valid_signals():\n'
            '    try: signal.signal(s, lambda *a: 0)\n'
            '    except (OSError, ValueError): pass\n'
            'while 1: 0'
        ),
        outcome=_TIMEOUT,
    ),
    Case('long call into C', 'print(sum(range(10 ** 12)))', outcome=_TIMEOUT),
    Case('catastrophic regular expression', "import re\nre.fullmatch('(x|xx)*y', 'x' * 70)", outcome=_TIMEOUT),
    Case('huge power', 'n = 7 ** (10 ** 8)', timeout_s=0.8),
    Case(
        'finalizer that never returns',
        'class D:\n    def __del__(self):\n        while True: pass\nd = D()\ndel d',
        outcome=_TIMEOUT,
    ),
    Case(
        'exception whose text never comes',
        'class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E()',
        outcome=_TIMEOUT,
    ),
    Case(
        'exception whose text raises',
        'class E(Exception):\n    def __str__(self):\n        raise SystemExit\nraise E()',
        outcome=Outcome.CODE_ERROR,
    ),
    Case('time limit after success', 'import time\ntime.sleep(0.05)', outcome=Outcome.OK),
)

SPACE = (
    Case(
        'children',
        (
            'import os\n'
            'n = 0\n'
            'for _ in range(20):\n'
            '    if os.fork() == 0:\n'
            '        os._exit(0)\n'
            '    n += 1\n'
            'print("MADE", n)'
        ),
        hides='MADE',
    ),
    Case(
        'children by clone through libc',
        (
            'import ctypes\n'
            'l = ctypes.CDLL(None)\n'
            'if l.fork() >= 0: print("MADE")\n'
            'if l.syscall(57) >= 0: print("MADE")\n'
            'if l.syscall(58) > 0: print("MADE")'
        ),
        hides='MADE',
    ),
    Case('8 GB at once', "b = bytearray(8 << 30)\nprint('HELD')", outcome=_MEMORY, hides='HELD', **_KEPT),
    Case(
        'memory bit by bit',
        'held = []\nwhile True:\n    held.append(bytearray(64 << 20))',
        limits=Limits(memory_bytes=512 * MIB),
        outcome=(_MEMORY, _TIMEOUT, _DIED),
    ),
    Case('numpy array too large', "a = np.ones((200_000, 200_000))\nprint('HELD')", outcome=_MEMORY, hides='HELD'),
    Case(
        'memory file descriptors',
        (
            'import os\n'
            'held = []\n'
            'for _ in range(80):\n'
            "    f = os.memfd_create('m'); os.ftruncate(f, 64 << 20); os.pwrite(f, b'x' * (60 << "
            '20), 0); held.append(f)\n'
            "print('HELD')"
        ),
        hides='HELD',
    ),
    Case(
        'shared anonymous memory',
        (
            'import mmap\n'
            'held = []\n'
            'for _ in range(8):\n'
            "    m = mmap.mmap(-1, 1 << 30); m.write(b'x' * (1 << 20)); held.append(m)\n"
            "print('HELD')"
        ),
        hides='HELD',
    ),
    Case(
        'deleted files that stay open',
        (
            'import os\n'
            'held = []\n'
            'for i in range(40):\n'
            "    f = open(f'g{i}', 'wb', 0); f.write(b'x' * (50 << 20)); os.unlink(f'g{i}'); "
            'held.append(f)\n'
            "print('HELD')"
        ),
        hides='HELD',
    ),
    Case(
        'deleted files that stay mapped',
        (
            'import mmap, os\n'
            'held = []\n'
            'for i in range(40):\n'
            "    f = open(f'g{i}', 'w+b', 0); f.write(b'x' * (50 << 20)); "
            "held.append(mmap.mmap(f.fileno(), 50 << 20)); f.close(); os.unlink(f'g{i}')\n"
            "print('HELD')"
        ),
        hides='HELD',
    ),
    Case(
        'deleted files that stay mapped without a descriptor',
        (
            'import ctypes, os\n'
            'l = ctypes.CDLL(None)\n'
            'l.mmap.restype = ctypes.c_void_p\n'
            'for i in range(60):\n'
            "    f = open('g', 'w+b', 0); f.write(b'x' * (50 << 20))\n"
            '    l.mmap(None, ctypes.c_size_t(50 << 20), 1, 2, f.fileno(), 0)\n'
            "    f.close(); os.unlink('g')\n"
            "print('HELD')"
        ),
        hides='HELD',
    ),
    Case(
        'memory of snapshot and child together',
        "big[:] = 2\nimport time\ntime.sleep(2)\nprint('HELD')",
        before="big = np.ones(300 << 20, 'u1')",
        then="print('kept', big[0])",
        then_shows='kept 1',
        limits=Limits(memory_bytes=512 * MIB),
        hides='HELD',
    ),
    Case(
        'files opened in a tight loop',
        "while True: open('same', 'w').close()",
        outcome=_TIMEOUT,
    ),
    Case('a megabyte of code', 'x = 1\n' + '# ' + 'y' * 1_200_000 + "\nprint('v', x)", shows='v 1'),
    Case('100 MB printed', "print('z' * 100_000_000)", outcome=Outcome.OK, shows='truncated'),
    Case('endless printing', "while True: print('spam ' * 200)", outcome=_TIMEOUT),
    Case(
        'one large file', "open('big', 'wb').write(b'1' * 120_000_000)\nprint('WROTE')", outcome=_REFUSED, hides='WROTE'
    ),
    Case(
        'many middling files',
        "for i in range(20):\n    open(f'{i}.bin', 'wb').write(b'1' * 9_000_000)\nprint('WROTE')",
        hides='WROTE',
    ),
    Case(
        'quota breach restores files',
        "for i in range(20):\n    open(f'{i}.bin', 'wb').write(b'1' * 9_000_000)\nopen('a', 'w').write('bad')",
        before="open('a', 'w').write('good')",
        then="print(open('a').read(), os.listdir('.'))",
        then_shows="good ['a']",
    ),
    Case(
        'four thousand descriptors',
        "held = [open(image_path, 'rb') for _ in range(4000)]\nprint('OPENED')",
        hides='OPENED',
    ),
    Case(
        'ten thousand small files',
        "for i in range(10_000): open(f'{i}', 'w').close()\nprint('MADE')",
        hides='MADE',
        then='print(len(os.listdir(".")))',
        then_shows='0',
    ),
    Case(
        'wide tree of directories',
        "for i in range(10_000): os.mkdir(f'{i}')\nprint('MADE')",
        hides='MADE',
        then='print(len(os.listdir(".")))',
        then_shows='0',
    ),
    Case(
        'deep tree of directories',
        "for i in range(3000):\n    os.mkdir('d' * 100); os.chdir('d' * 100)\nprint('MADE')",
        hides='MADE',
        then='print(os.listdir("."))',
        then_shows='[]',
    ),
    Case(
        'deep tree within the limit, then an error',
        "for i in range(300):\n    os.mkdir('d' * 200); os.chdir('d' * 200)\n1/0",
        before='x = 1',
        then='print(os.listdir("."))',
        then_shows='[]',
    ),
    Case(
        'deep tree is kept and may be removed later',
        "import shutil\nos.chdir('/')\nprint(len(os.listdir(temp_output_dir)))",
        before="for i in range(200):\n    os.mkdir('d' * 200); os.chdir('d' * 200)",
        shows='1',
    ),
    Case(
        'directories without permissions',
        "os.umask(0o777)\nos.makedirs('p/q')\nopen('p/q/f', 'w').write('x') if os.access('p/q', 7) else 0\n1/0",
        then='print(os.listdir("."))',
        then_shows='[]',
    ),
    Case(
        '300 threads left running',
        (
            'import threading, time\n'
            'for _ in range(300):\n'
            '    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()'
        ),
    ),
    Case(
        '12 threads left running',
        (
            'import threading, time\n'
            'for _ in range(12):\n'
            '    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n'
            'kept = 2'
        ),
        then="import threading\nprint('kept', kept, threading.active_count())",
        then_shows='kept 2 1',
    ),
    Case(
        'thread left spinning',
        (
            'import threading, time\n'
            'def spin():\n'
            '    end = time.time() + 60\n'
            '    while time.time() < end: pass\n'
            'threading.Thread(target=spin, daemon=True).start()'
        ),
        outcome=Outcome.OK,
    ),
)

DEATH = (
    Case('os._exit', 'import os\nos._exit(0)', outcome=_DIED, **_KEPT),
    Case('exit code 3', 'raise SystemExit(3)', outcome=Outcome.OK),
    Case('KeyboardInterrupt', 'raise KeyboardInterrupt', outcome=Outcome.CODE_ERROR),
    Case('SIGKILL to itself', 'import os\nos.kill(os.getpid(), 9)', **_KEPT),
    Case('SIGSTOP to itself', 'import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)', **_KEPT),
    Case('abort', 'import os\nos.abort()', outcome=_DIED, **_KEPT),
    Case('invalid address', 'import ctypes\nctypes.memset(8, 0, 8)', outcome=_DIED, **_KEPT),
    Case(
        'stack of C overflows',
        'import sys\nsys.setrecursionlimit(10 ** 9)\nx = []\nfor _ in range(10 ** 6): x = [x]\nrepr(x)',
        timeout_s=1.5,
        **_KEPT,
    ),
    Case(
        'recursion without end', 'def f(n): return f(n + 1)\nf(0)', outcome=Outcome.CODE_ERROR, shows='RecursionError'
    ),
    Case('interpreter destroyed', 'import ctypes\nctypes.pythonapi.Py_FinalizeEx()', **_KEPT),
    Case('recursion limit of five', 'import sys\ntry: sys.setrecursionlimit(12)\nexcept RecursionError: pass'),
)

INTERPRETER = (
    Case(
        'open and len replaced',
        'import builtins\nbuiltins.open = None\nbuiltins.len = lambda x: 0\nbuiltins.print = None',
    ),
    Case(
        'every builtin deleted',
        'import builtins\nfor n in list(vars(builtins)):\n    if n != "vars": delattr(builtins, n)',
    ),
    Case(
        'json and os.path replaced',
        (
            'import json, os\n'
            "json.dumps = lambda *a, **k: 'x'\n"
            'os.path.exists = lambda p: True\n'
            'os.fork = os.waitpid = os.write = None'
        ),
    ),
    Case(
        'modules emptied',
        'import sys\nfor m in ("os", "socket", "json", "struct", "traceback"):\n    vars(sys.modules[m]).clear()',
        then='print("alive", 6 * 7)',
    ),
    Case('sys.modules emptied', 'import sys\nsys.modules.clear()'),
    Case('numpy replaced', 'np.array = np.zeros = None'),
    Case('seeds', 'import random\nrandom.seed(1); np.random.seed(1)'),
    Case('working directory', "import os\nos.chdir('/')"),
    Case('environment', "import os\nos.environ['CUDA_VISIBLE_DEVICES'] = '-1'\nos.environ.clear()"),
    Case('standard files closed', 'import os\nfor fd in (0, 1, 2): os.close(fd)'),
    Case(
        'all descriptors closed',
        (
            'import os\n'
            'os.closerange(0, 70_000)\n'
            'for fd in range(3, 1100):\n'
            '    try: os.close(fd)\n'
            '    except OSError: pass'
        ),
    ),
    Case(
        'all descriptors replaced',
        (
            'import os\n'
            "null = os.open('/dev/null', os.O_RDWR)\n"
            'for fd in [*range(3, 64), *range(990, 1010)]:\n'
            '    try: os.dup2(null, fd)\n'
            '    except OSError: pass'
        ),
    ),
    Case(
        'garbage into every descriptor',
        "import os\nfor fd in range(3, 1100):\n    try: os.write(fd, b'\\xff' * 64)\n    except OSError: pass",
    ),
    Case('limits lowered to nothing', 'import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))'),
    Case(
        'trace, profile and exit hooks',
        (
            'import sys, threading, atexit\n'
            'atexit.register(print, "x")\n'
            'f = lambda *a: 1 / 0\n'
            'threading.settrace(f); threading.setprofile(f); sys.setprofile(f)'
        ),
    ),
    Case('trace function that raises', 'import sys\ndef t(*a): raise ValueError("trace")\nsys.settrace(t)'),
    Case(
        'audit hook that raises',
        'import sys\ndef h(e, a):\n    raise ValueError(e)\nsys.addaudithook(h)',
        then='pass',
        then_shows='',
    ),
    Case(
        'fork hook that never returns',
        (
            'import os\n'
            'def w():\n'
            '    while True: pass\n'
            'os.register_at_fork(before=w, after_in_child=w, after_in_parent=w)'
        ),
    ),
    Case('collector hook that raises', 'import gc\ngc.callbacks.append(lambda *a: 1 / 0)\ngc.set_threshold(1)'),
    Case('object whose pickling never ends', 'class K:\n    def __reduce__(self):\n        while True: pass\nk = K()'),
    Case('stdout replaced', 'import sys\nsys.stdout = sys.__stdout__ = sys.stderr = None'),
    Case(
        'stdout that raises',
        (
            'import sys\n'
            'class W:\n'
            '    def write(self, s): raise OSError\n'
            '    def flush(self): raise OSError\n'
            'sys.stdout = W()'
        ),
    ),
)

ABUSE = (*TIME, *SPACE, *DEATH, *INTERPRETER)
