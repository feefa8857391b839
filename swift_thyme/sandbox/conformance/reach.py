"""Cases that reach out: other programs, files, secrets, network."""

from __future__ import annotations

from ...types import Outcome
from .suite import Case

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
    Case('path of a picture outside', "print('@SECRETPNG@')", images=0, outcome=Outcome.OK),
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

REACH = (*PROGRAMS, *FILES, *SECRETS, *NETWORK)
