"""Cases that reach out: other programs, files, secrets, network; and cases that reach for the machinery itself."""

from __future__ import annotations

from typing import Any

from ...types import Outcome
from .suite import Case

_KEPT: dict[str, Any] = {'before': 'kept = 1', 'then': "print('kept', kept)", 'then_shows': 'kept 1'}

PROGRAMS = (
    Case('subprocess', "import subprocess\nsubprocess.run(['touch', '@MARKER@'])", outcome=Outcome.REFUSED),
    Case('os.system', "import os\nos.system('touch @MARKER@')"),
    Case('os.popen', "import os\nos.popen('touch @MARKER@').read()"),
    Case(
        'system through a subclass',
        (
            "w = [c for c in object.__subclasses__() if c.__name__ == '_wrap_close'][0]\n"
            "w.__init__.__globals__['system']('touch @MARKER@')"
        ),
    ),
    Case(
        'multiprocessing',
        (
            'import multiprocessing\n'
            "p = multiprocessing.get_context('fork').Process(target=open, args=('@MARKER@', 'w'))\n"
            'p.start(); p.join()'
        ),
    ),
    Case('posix_spawn', "import os\nos.posix_spawn('/usr/bin/touch', ['touch', '@MARKER@'], {})"),
    Case('system of libc', "import ctypes\nctypes.CDLL(None).system(b'touch @MARKER@')"),
    Case(
        'execve of libc',
        "import ctypes\nl = ctypes.CDLL(None)\nl.execl(b'/usr/bin/touch', b'touch', b'@MARKER@', None)",
    ),
    Case('pseudo-terminal', "import pty\npty.spawn(['/usr/bin/touch', '@MARKER@'])"),
)

FILES = (
    Case('input deleted', 'import os\nos.remove(image_path)'),
    Case('input overwritten', "open(image_path, 'wb').write(b'x')"),
    Case('input overwritten by OpenCV', "cv2.imwrite(image_path, np.zeros((9, 9, 3), 'u1'))"),
    Case('input truncated through libc', 'import ctypes\nctypes.CDLL(None).truncate(image_path.encode(), 0)'),
    Case('input renamed and its mode changed', "import os\nos.chmod(image_path, 0)\nos.rename(image_path, 'mine.jpg')"),
    Case('input renamed away', "import os\nos.rename(image_path, temp_output_dir + '/mine.jpg')"),
    Case('file outside overwritten', "open('@CANARY@/file', 'w').write('bad')", outcome=Outcome.REFUSED),
    Case('tree outside removed', "import shutil\nshutil.rmtree('@CANARY@')"),
    Case(
        'saved to the parent directory',
        "print(cv2.imwrite(temp_output_dir + '/../evil.png', np.zeros((90, 90, 3), 'u1')))",
        shows='False',
    ),
    Case(
        'own directory removed',
        'import shutil\nshutil.rmtree(temp_output_dir)',
        then="open('a', 'w').write('1'); print('kept')",
        then_shows='kept',
    ),
    Case('own directory renamed', "import os\nos.rename(temp_output_dir, temp_output_dir + '2')"),
    Case(
        'symbolic link to a picture outside',
        "import os\nos.symlink('@SECRETPNG@', 'leak.png')\nprint('leak.png')",
        images=0,
    ),
    Case(
        'hard link to a picture outside', "import os\nos.link('@SECRETPNG@', 'leak.png')\nprint('leak.png')", images=0
    ),
    Case('path of a picture outside', "print('@SECRETPNG@')", images=0, outcome=Outcome.BAD_IMAGE),
    Case('path of a picture outside, by climbing', "import os\nprint(os.path.relpath('@SECRETPNG@'))", images=0),
    Case(
        'path of a picture outside in a variable', "processed_path = '@SECRETPNG@'", images=0, outcome=Outcome.BAD_IMAGE
    ),
    Case('FIFO as picture', "import os\nos.mkfifo('p.png')\nprint('p.png')", images=0),
    Case('directory as picture', "import os\nos.mkdir('p.png')\nprint('p.png')", images=0),
    Case(
        'socket file',
        "import socket\ns = socket.socket(socket.AF_UNIX)\ns.bind('s.png')\nprint('BOUND')",
        hides='BOUND',
    ),
)

SECRETS = (
    Case('system file', "print(open('/etc/passwd').read())", outcome=Outcome.REFUSED),
    Case('shadow file', "print(open('/etc/shadow').read())"),
    Case('key in the environment', "import os\nprint(os.environ, os.getenv('THYME_CONFORMANCE_KEY'))"),
    Case('own environment', "print(open('/proc/self/environ', 'rb').read())"),
    Case("trainer's environment", "print(open('/proc/@PID@/environ', 'rb').read())"),
    Case("parent's environment", "import os\nprint(open(f'/proc/{os.getppid()}/environ', 'rb').read())"),
    Case(
        'environment in memory',
        (
            'import ctypes\n'
            "e = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), 'environ')\n"
            'i = 0\n'
            'while e[i]:\n'
            '    print(e[i]); i += 1'
        ),
    ),
    Case('secret file', "print(open('@SECRET@').read())"),
    Case(
        'secret file through OpenCV',
        "f = cv2.FileStorage('@SECRET@', cv2.FILE_STORAGE_READ)\nprint(np.fromfile('@SECRET@', 'u1').tobytes())",
    ),
    Case(
        'directory outside listed',
        "import os\nprint('LISTED', os.listdir('/root'), os.listdir('/home'))",
        hides='LISTED',
    ),
    Case(
        'other sessions listed',
        "import os\nprint('LISTED', os.listdir(os.path.dirname(os.path.dirname(temp_output_dir))))",
        hides='LISTED',
    ),
    Case(
        'objects of the host through the collector',
        "import gc\nfor o in gc.get_objects():\n    if type(o) is dict and 'THYME_CONFORMANCE_KEY' in o: print(o)",
    ),
    Case(
        'frames of the caller',
        'import sys\nf = sys._getframe()\nwhile f:\n    print(sorted(map(str, f.f_globals))[:3]); f = f.f_back',
    ),
    Case('descriptor of a directory', "import os\nprint(os.listdir('/proc/self/fd'))", outcome=Outcome.REFUSED),
    Case(
        'open by handle',
        "import ctypes\nl = ctypes.CDLL(None)\nif l.syscall(304, -100, 0, 0) >= 0: print('OPENED')",
        hides='OPENED',
    ),
)

NETWORK = (
    Case(
        'TCP',
        "import socket\nsocket.create_connection(('127.0.0.1', @PORT@), 1).sendall(b'x')",
        outcome=Outcome.REFUSED,
        shows='network',
    ),
    Case(
        'HTTP',
        "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:@PORT@/', timeout=1)",
        outcome=Outcome.REFUSED,
        shows='network',
    ),
    Case(
        'UDP',
        (
            'import socket\n'
            's = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n'
            "s.sendto(b'x', ('127.0.0.1', @PORT@))\n"
            "print('SENT')"
        ),
        hides='SENT',
        outcome=Outcome.REFUSED,
    ),
    Case(
        'TCP through libc',
        "import ctypes\nprint('SOCKET' if ctypes.CDLL(None).socket(2, 1, 0) >= 0 else '')",
        hides='SOCKET',
    ),
    Case(
        'datagram pair to a path',
        "import socket\na, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\nprint('PAIR')",
        hides='PAIR',
    ),
)

_SCAN = (
    'import socket, struct, json\n'
    'for fd in range(3, 1100):\n'
    '    try: s = socket.socket(fileno=fd)\n'
    '    except OSError: continue\n'
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
            'import threading, socket\n'
            'def steal():\n'
            '    s = socket.socket(fileno=1000)\n'
            '    while True:\n'
            '        try: s.recvmsg(65536)\n'
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

REACH = (*PROGRAMS, *FILES, *SECRETS, *NETWORK, *MACHINERY)
