"""Cases that try to cheat: forged ends, objects that lie about themselves, bombs in files, calls by odd ways."""

from __future__ import annotations

from typing import Any

from ...types import Outcome
from .suite import Case

_KEPT: dict[str, Any] = {'before': 'kept = 1', 'then': "print('kept', kept)", 'then_shows': 'kept 1'}
_ERROR, _BAD, _DIED = Outcome.CODE_ERROR, Outcome.BAD_IMAGE, Outcome.DIED
_NONCE = (
    'import sys, struct, os, time\n'
    'f = sys._getframe()\n'
    "while f and not isinstance(f.f_locals.get('nonce'), bytes): f = f.f_back\n"
    "nonce, send = f.f_locals['nonce'], f.f_locals['self']._sendmsg\n"
    'def fds(*numbers): return [(1, 1, struct.pack(f"{len(numbers)}i", *numbers))]\n'
)
_IDLE = (
    'import sys, threading, time, os\n'
    'main = threading.main_thread().ident\n'
    'def when_idle(do):\n'
    '    def work():\n'
    '        while True:\n'
    '            frame = sys._current_frames().get(main)\n'
    "            if frame is not None and frame.f_code.co_name == 'serve': do()\n"
    '    threading.Thread(target=work, daemon=True).start()\n'
)

FORGED = (
    Case('its own end forged as a kill', _NONCE + "send([b'x' + nonce + b'9'])\n1/0", outcome=_ERROR, **_KEPT),
    Case(
        'a snapshot forged by the one that runs',
        _NONCE + "for kind in (b'f', b'T', b'i'): send([kind + nonce + str(os.getppid()).encode()])\n1/0",
        outcome=_ERROR,
        **_KEPT,
    ),
    Case(
        'a second listener offered',
        _NONCE + "r, w = os.pipe()\nfor _ in range(50): send([b'i'], fds(r))\nprint('sent')",
        outcome=Outcome.OK,
        **_KEPT,
    ),
    Case(
        'many descriptors sent',
        _NONCE + "many = [os.open('/dev/null', 0) for _ in range(200)]\n"
        "for _ in range(20):\n    send([b'R' + nonce], fds(*many))\n1/0",
        **_KEPT,
    ),
    Case('a report of no fields', _NONCE + "send([b'R' + nonce + b'\\xff' * 7])\ntime.sleep(0.1)", **_KEPT),
    Case('the process ends once it has reported', _IDLE + 'when_idle(lambda: os._exit(0))', **_KEPT),
    Case(
        'the process crashes once it has reported',
        _IDLE + 'import ctypes\nwhen_idle(lambda: ctypes.string_at(1))',
        **_KEPT,
    ),
    Case(
        'files change once it has reported',
        _IDLE + "n = iter(range(10**9))\nwhen_idle(lambda: open(f'late{next(n)}', 'w').close())\nkept = 2",
        then="print(len([n for n in os.listdir('.') if n.startswith('late')]) < 500)",
        then_shows='True',
    ),
    Case(
        'a handler of the end of children that raises',
        'import signal\nsignal.signal(signal.SIGCHLD, lambda *a: 1/0)\n1/0',
        outcome=_ERROR,
        **_KEPT,
    ),
    Case(
        'a handler of the end of children that stays',
        '1/0',
        before='import signal\nkept = 1\nsignal.signal(signal.SIGCHLD, lambda *a: os._exit(9))',
        outcome=_ERROR,
        then="print('kept', kept)",
        then_shows='kept 1',
    ),
    Case(
        'waits for its own snapshot',
        'import os\ntry: os.waitpid(-1, 0)\nexcept ChildProcessError: pass',
        timeout_s=0.6,
        **_KEPT,
    ),
    Case(
        'watchdog that ends the process later',
        'import faulthandler\nfaulthandler.dump_traceback_later(0.2, exit=True, file=open("t", "w"))\nkept = 1',
        then="import time\ntime.sleep(0.5)\nprint('kept', kept)",
        then_shows='kept 1',
    ),
)

LIARS = (
    Case(
        'exception with a lying class',
        'class M(type):\n    @property\n    def __name__(self): raise SystemExit\n'
        'class E(Exception, metaclass=M): pass\nraise E("x")',
        outcome=_ERROR,
        **_KEPT,
    ),
    Case(
        'exception whose text is no plain text',
        'class S(str):\n    def __getitem__(self, i): raise KeyboardInterrupt\n    def __len__(self): return -1\n'
        'class E(Exception):\n    def __str__(self): return S("x")\nraise E()',
        outcome=_ERROR,
        **_KEPT,
    ),
    Case(
        'exception whose error number raises',
        'class E(OSError):\n    @property\n    def errno(self): raise SystemExit\nraise E(1)',
        outcome=_ERROR,
        **_KEPT,
    ),
    Case(
        'exit code whose text raises',
        'class C:\n    def __str__(self): raise ValueError\nraise SystemExit(C())',
        **_KEPT,
    ),
    Case(
        'returned path that lies',
        'class P(str):\n    def __str__(self): raise SystemExit\n    def encode(self, *a): raise SystemExit\n'
        "processed_path = P('nothing.png')",
        outcome=_BAD,
        **_KEPT,
    ),
    Case(
        'list of returned paths that lies',
        'class L(list):\n    def __getitem__(self, i): raise SystemExit\n    def __iter__(self): raise SystemExit\n'
        "processed_paths = L(['nothing.png'])",
        outcome=_BAD,
        **_KEPT,
    ),
    Case(
        'returned path that compares unlike all others',
        'class P(str):\n    def __eq__(self, other): raise SystemExit\n    __hash__ = None\n'
        "processed_path = P('nothing.png')",
        outcome=_BAD,
        **_KEPT,
    ),
    Case(
        'builtin that raises when compared',
        'class B:\n    def __eq__(self, other): raise SystemExit\nimport builtins\nbuiltins.len = builtins.extra = B()',
        then="print(len('ab'), 'extra' in dir(__builtins__))",
        then_shows='2 False',
    ),
    Case('builtins taken away by another name', 'd = print.__self__\ndel d.compile, d.isinstance, d.exec, d.open'),
    Case('walking of tracebacks replaced', 'import traceback\ntraceback.walk_tb = None\n1/0', outcome=_ERROR),
    Case(
        'tree of syntax replaced',
        'import ast\nast.walk = ast.parse = ast.NodeTransformer.visit = None',
        then='pass',
        then_shows='',
    ),
    Case('200 MB in a returned path', "processed_path = 'x' * 200_000_000", **_KEPT),
    Case('code with surrogates and NUL', "x = '\ud800'\nprint(len(x), '\\x00ok')", **_KEPT),
    Case('NUL in the source, then its state', 'x = 1\x00\nprint(x)', outcome=_ERROR, **_KEPT),
    Case(
        'nesting too deep to parse', 'x = ' + '(' * 5000 + ')' * 5000, outcome=(_ERROR, Outcome.OUT_OF_MEMORY), **_KEPT
    ),
    Case('a very long sum', 'x = ' + '+'.join(['1'] * 60_000), timeout_s=4.0, **_KEPT),
    Case(
        'collector, objects and referrers turned over',
        'import gc\n'
        'for o in gc.get_objects():\n'
        "    if type(o).__name__ in ('_Loop', 'Runner', 'Layer', 'Log'):\n"
        "        for k in list(getattr(o, '__dict__', {})): setattr(o, k, None)",
        then='pass',
        then_shows='',
        outcome=None,
    ),
)

BYWAYS = (
    Case(
        'system calls of 32 bit',
        'import ctypes, mmap\n'
        'm = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, 7)\n'
        r"m.write(b'\xb8\x02\x00\x00\x00\xcd\x80\xc3')"
        '\n'
        'a = ctypes.addressof(ctypes.c_char.from_buffer(m))\n'
        'print("FORKED" if ctypes.CFUNCTYPE(ctypes.c_int)(a)() >= 0 else "no")',
        hides='FORKED',
        **_KEPT,
    ),
    Case(
        'system calls of x32',
        "import ctypes\nl = ctypes.CDLL(None)\nprint('FORKED' if l.syscall(0x40000000 | 57) >= 0 else 'no')",
        hides='FORKED',
        **_KEPT,
    ),
    Case(
        'processes by clone with odd flags',
        'import ctypes\n'
        'l = ctypes.CDLL(None)\n'
        'for flags in (0x8011, 0x4111, 0x11, 0x1200011, 0x80000011, 0):\n'
        '    r = l.syscall(56, ctypes.c_ulong(flags), 0, 0, 0, 0)\n'
        '    if r == 0: l.syscall(60, 0)\n'
        "    if r > 0: print('MADE')",
        hides='MADE',
        **_KEPT,
    ),
    Case(
        'input emptied while it is opened to read',
        'import os\nos.open(image_path, os.O_RDONLY | os.O_TRUNC)',
        outcome=Outcome.REFUSED,
    ),
    Case('file outside emptied by path', "import os\nos.truncate('@CANARY@/file', 0)", outcome=Outcome.REFUSED),
    Case(
        'holes instead of data',
        "for i in range(60):\n    with open(f's{i}', 'wb') as f: f.truncate(60 << 20)\nprint('MADE')",
        outcome=Outcome.REFUSED,
        then='print(os.listdir("."))',
        then_shows='[]',
    ),
    Case(
        'holes that shrink before the end',
        "held = [open(f's{i}', 'wb') for i in range(40)]\nfor f in held: f.truncate(60 << 20)\nimport time\n"
        "time.sleep(1)\nprint('HELD')",
        hides='HELD',
    ),
    Case(
        'mapping of a file outlives an error',
        "m[:3] = b'bad'\n1/0",
        before="import mmap\nopen('a', 'wb').write(b'was' * 2000)\nf = open('a', 'r+b')\nm = mmap.mmap(f.fileno(), 0)",
        outcome=_ERROR,
        then="print(open('a', 'rb').read(3), m[:3])",
        then_shows="b'was' b'was'",
    ),
    Case(
        'file swapped for a directory, then an error',
        "import os, shutil\nos.remove('a'); os.makedirs('a/b'); shutil.rmtree('d'); open('d', 'w').close()\n1/0",
        before="import os\nopen('a', 'w').write('was'); os.makedirs('d/e'); open('d/e/f', 'w').write('deep')",
        outcome=_ERROR,
        then="print(open('a').read(), open('d/e/f').read())",
        then_shows='was deep',
    ),
    Case(
        'names that are no text',
        "open(b'\\xff\\n.png', 'wb').close(); os.remove(b'\\xfe'); 1/0",
        before="import os\nopen(b'\\xfe', 'wb').write(b'was')",
        outcome=_ERROR,
        then="print(open(b'\\xfe', 'rb').read(), os.listdir(b'.'))",
        then_shows="b'was' [b'\\xfe']",
    ),
    Case(
        'directories that cannot be entered, over an error',
        "import os\nos.mkdir('p', 0)\nos.mkdir('q', 0o111)\n1/0",
        before='x = 1',
        outcome=_ERROR,
        then="print(os.listdir('.'))",
        then_shows='[]',
    ),
    Case('copying with metadata', "import shutil\nshutil.copy2(image_path, 'c.jpg'); print('c.jpg')", images=1),
    Case(
        'semaphores and queues of the system',
        (
            'import ctypes\nl = ctypes.CDLL(None)\n'
            'for r in (l.shmget(1, 4096, 0o1600), l.semget(1, 1, 0o1600), l.msgget(1, 0o1600), l.mq_open(b"/x", 66)):\n'
            "    if r >= 0: print('MADE')"
        ),
        hides='MADE',
    ),
    Case(
        'events of the file system',
        "import ctypes\nif ctypes.CDLL(None).inotify_init() >= 0: print('MADE')",
        hides='MADE',
    ),
    Case(
        'asynchronous calls', "import ctypes\nif ctypes.CDLL(None).syscall(425, 8, 0) >= 0: print('MADE')", hides='MADE'
    ),
    Case(
        'named fd of a neighbour',
        "import os\nfor n in ('fd', 'root', 'cwd', 'exe', 'mem', 'maps'):\n"
        "    try: os.open(f'/proc/{os.getppid()}/{n}', os.O_RDONLY); print('OPENED')\n"
        '    except OSError: pass',
        hides='OPENED',
    ),
    Case('own memory through /proc', "print('OPENED', open('/proc/self/mem', 'r+b'))", hides='OPENED'),
)

_PNG = (
    'import zlib, struct\n'
    'def chunk(kind, data):\n'
    "    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))\n"
)
_JPEG = (
    "import struct\nd = cv2.imencode('.jpg', np.zeros((64, 64, 3), 'u1'))[1].tobytes()\nat = d.index(b'\\xff\\xc0')\n"
)
BOMBS = (
    Case(
        'PNG that says it is enormous',
        _PNG
        + "d = b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', 1 << 30, 1 << 30, 8, 2, 0, 0, 0))\n"
        "d += chunk(b'IDAT', zlib.compress(bytes(1000))) + chunk(b'IEND', b'')\n"
        "open('a.png', 'wb').write(d); print('a.png')",
        outcome=_BAD,
        images=0,
    ),
    Case(
        'PNG whose text unpacks without end',
        _PNG + "d = b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', 40, 40, 8, 2, 0, 0, 0))\n"
        'bomb = zlib.compress(bytes(300 << 20), 9)\n'
        "d += b''.join(chunk(b'zTXt', b'k%d\\0\\0' % i + bomb) for i in range(20))\n"
        "d += chunk(b'IDAT', zlib.compress(bytes(40 * 121))) + chunk(b'IEND', b'')\n"
        "open('a.png', 'wb').write(d); print('a.png')",
        timeout_s=20.0,
    ),
    Case(
        'JPEG that says it is enormous',
        _JPEG + "d = d[:at + 5] + struct.pack('>HH', 65500, 65500) + d[at + 9:]\n"
        "open('a.jpg', 'wb').write(d); print('a.jpg')",
        outcome=_BAD,
        images=0,
    ),
    Case(
        'GIF with thousands of frames',
        "f = [Image.new('P', (32, 32), i % 256) for i in range(3000)]\n"
        "f[0].save('a.gif', save_all=True, append_images=f[1:]); print('a.gif')",
        outcome=Outcome.OK,
        images=1,
        timeout_s=20.0,
    ),
    Case(
        'a format that asks for other programs',
        "open('a.png', 'w').write('%!PS-Adobe-3.0 EPSF-3.0\\n%%BoundingBox: 0 0 90 90\\n'); print('a.png')",
        outcome=_BAD,
        images=0,
    ),
    Case(
        'pictures named two hundred times',
        "for i in range(200): print(f'missing{i}.png', end=' ')\nprint('/no/x.png ' * 200)",
        images=0,
    ),
)

TRICKS = (*FORGED, *LIARS, *BYWAYS, *BOMBS)
