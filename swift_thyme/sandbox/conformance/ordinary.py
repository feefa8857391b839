"""Ordinary code must behave as in a script, its state must last, and a failed snippet must leave no trace."""

from __future__ import annotations

from ...types import Outcome
from .suite import Case

_OK, _ERROR = Outcome.OK, Outcome.CODE_ERROR

STATE = (
    Case('variables last', 'x = 41', then='print(x + 1)', then_shows='42'),
    Case(
        'functions, generators and open files last',
        "add = lambda v: v + 1\ng = iter(range(9))\nnext(g)\nf = open(image_path, 'rb'); f.read(3)",
        then="print('r', add(1), next(g), f.tell())",
        then_shows='r 2 1 3',
    ),
    Case(
        'classes last',
        'class P:\n    def __init__(self, v): self.v = v\np = P(5)',
        then="print('r', p.v, P(6).v, isinstance(p, P))",
        then_shows='r 5 6 True',
    ),
    Case('imports last', 'from collections import Counter as C', then="print('r', C('aab')['a'])", then_shows='r 2'),
    Case(
        'random numbers go on',
        'import random\nrandom.seed(3); np.random.seed(3)',
        then=(
            'import random\n'
            "print('r', random.Random(3).random() == random.random(), "
            'np.random.RandomState(3).rand() == np.random.rand())'
        ),
        then_shows='r True True',
    ),
    Case(
        'generator kept over turns',
        'print(next(g))',
        before='def count():\n    n = 0\n    while True:\n        yield n\n        n += 1\ng = count()',
        shows='0',
        then='print("r", next(g))',
        then_shows='r 1',
    ),
)

_FAILS = {
    'error': '1/0',
    'timeout': 'while True: pass',
    'crash': 'import ctypes\nctypes.string_at(1)',
    'exit': 'import os\nos._exit(1)',
    'quota': "for i in range(9): open(f'q{i}', 'wb').write(b'x' * (30 << 20))",
    'bad picture': "open('bad.png', 'w').write('x'); print('bad.png')",
}

ROLLBACK = (
    *(
        Case(
            f'rebinding undone after {name}',
            f'x = 99\nl.append(9)\na[:] = 7\n{fail}',
            before='x = 1\nl = [1]\na = np.zeros(4)',
            then="print('s', x, l, int(a.sum()))",
            then_shows='s 1 [1] 0',
        )
        for name, fail in _FAILS.items()
    ),
    *(
        Case(
            f'files undone after {name}',
            (
                "open('a', 'w').write('changed')\n"
                "open('b', 'a').write('more')\n"
                "os.remove('c'); os.mkdir('new'); open('new/x', 'w').write('x'); os.rename('e/f', 'moved')\n" + fail
            ),
            before="for n in 'abc': open(n, 'w').write('was ' + n)\nos.makedirs('e'); open('e/f', 'w').write('was f')",
            then="print('s', sorted(os.listdir('.')), [open(n).read() for n in ('a', 'b', 'c', 'e/f')])",
            then_shows="s ['a', 'b', 'c', 'e'] ['was a', 'was b', 'was c', 'was f']",
        )
        for name, fail in _FAILS.items()
    ),
    Case('source nested too deeply', 'x = ' + '-' * 50_000 + '1', outcome=_ERROR, shows='nested'),
    Case(
        "a missing file is told of without the host's folders",
        "Image.open('nothing.png')",
        outcome=_ERROR,
        shows="there: 'input picture.jpg'",
        hides='@IMAGE@',
    ),
    Case(
        'first snippet undone',
        "x = 1\nopen('a', 'w').write('x')\n1/0",
        outcome=_ERROR,
        then="print('s', 'x' in globals(), os.listdir('.'))",
        then_shows='s False []',
    ),
    Case(
        'position in an open file undone',
        'f.read(100)\n1/0',
        before="f = open(image_path, 'rb', 0); f.read(5)",
        then="print('s', f.tell())",
        then_shows='s 5',
    ),
    Case(
        'file kept open for writing goes on',
        "f.write('bad\\n'); f.flush()\n1/0",
        before="f = open('log', 'w'); f.write('one\\n'); f.flush()",
        then="f.write('two\\n'); f.flush(); print('s', open('log').read().split())",
        then_shows="s ['one', 'two']",
    ),
    Case(
        'write through an old mapping undone',
        "m[0] = ord('c')\n1/0",
        before=(
            'import mmap, time\n'
            "f = open('m', 'w+b')\n"
            "f.write(b'a' * 4096); f.flush()\n"
            'm = mmap.mmap(f.fileno(), 4096)\n'
            "m[0] = ord('b')\n"
            'time.sleep(0.1)'
        ),
        outcome=_ERROR,
        then="print('s', open('m').read(1), chr(m[0]))",
        then_shows='s b b',
    ),
    Case(
        'mapped file undone',
        "m[:3] = b'bad'; m.flush()\n1/0",
        before="import mmap\nopen('m', 'wb').write(b'good'); f = open('m', 'r+b'); m = mmap.mmap(f.fileno(), 4)",
        then="print('s', bytes(m[:4]), open('m').read())",
        then_shows="s b'good' good",
    ),
    Case(
        'changed directory undone',
        "import os\nos.chdir('d')\n1/0",
        before="os.mkdir('d')",
        then="print('s', os.path.basename(os.getcwd()) == os.path.basename(temp_output_dir))",
        then_shows='s True',
    ),
    Case(
        'file replaced by a directory',
        "os.remove('a'); os.mkdir('a'); open('a/b', 'w').close()\n1/0",
        before="open('a', 'w').write('was')",
        then="print('s', open('a').read())",
        then_shows='s was',
    ),
    Case(
        'directory replaced by a file',
        "import shutil\nshutil.rmtree('d'); open('d', 'w').close()\n1/0",
        before="os.makedirs('d/e'); open('d/e/f', 'w').write('was')",
        then="print('s', open('d/e/f').read())",
        then_shows='s was',
    ),
    Case('two failures in a row', 'x = 3\n1/0', before='x = 1', then="print('s', x)", then_shows='s 1'),
)

SCRIPT = (
    Case(
        'functions call functions',
        "def a(): return 20\ndef b(): return a() + 1\nprint('v', b())",
        outcome=_OK,
        shows='v 21',
    ),
    Case(
        'recursive function',
        "def f(n): return 1 if n < 2 else n * f(n - 1)\nprint('v', f(20))",
        outcome=_OK,
        shows='v 2432902008176640000',
    ),
    Case(
        'comprehension over a variable',
        "n = 3\nprint('v', [n * i for i in range(3)], {n: n for _ in 'a'})",
        outcome=_OK,
        shows='v [0, 3, 6]',
    ),
    Case(
        'closure and decorator',
        (
            'import functools\n'
            'def twice(f):\n'
            '    @functools.wraps(f)\n'
            '    def g(*a): return f(f(*a))\n'
            '    return g\n'
            '@twice\n'
            'def inc(x): return x + 1\n'
            "print('v', inc(1))"
        ),
        outcome=_OK,
        shows='v 3',
    ),
    Case(
        'class with inheritance and super',
        (
            'class A:\n'
            '    def v(self): return 1\n'
            'class B(A):\n'
            '    def v(self): return super().v() + 1\n'
            "print('v', B().v())"
        ),
        outcome=_OK,
        shows='v 2',
    ),
    Case(
        'dataclass and enum',
        (
            'from dataclasses import dataclass\n'
            'from enum import Enum\n'
            '@dataclass\n'
            'class D:\n'
            '    x: int = 3\n'
            'class E(Enum):\n'
            '    A = 1\n'
            "print('v', D(), E.A)"
        ),
        outcome=_OK,
        shows='v D(x=3) E.A',
    ),
    Case(
        'main guard', "def main(): print('v main')\nif __name__ == '__main__':\n    main()", outcome=_OK, shows='v main'
    ),
    Case(
        'exit ends the snippet',
        "print('v before')\nexit()\nprint('after')",
        outcome=_OK,
        shows='v before',
        hides='after',
    ),
    Case('sys.exit with zero', "import sys\nprint('v')\nsys.exit(0)", outcome=_OK, shows='v'),
    Case(
        'names without import',
        (
            "print('v', cv2.__name__, np.__name__, Image.__name__, math.pi > 3, json.dumps(1), "
            "re.sub('a', 'b', 'a'), os.sep, random.random() < 1)"
        ),
        outcome=_OK,
        shows='v cv2 numpy PIL.Image True 1 b / True',
    ),
    Case(
        'crop, resize and save',
        (
            'img = cv2.imread(image_path)\n'
            'h, w = img.shape[:2]\n'
            'c = img[h // 4 : h // 2, w // 4 : w // 2]\n'
            'c = cv2.resize(c, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)\n'
            "cv2.imwrite('c.jpg', c)\n"
            "print('c.jpg')"
        ),
        outcome=_OK,
        images=1,
        repairs=(),
    ),
    Case(
        'Pillow crop, rotate and contrast',
        (
            'from PIL import ImageEnhance\n'
            'img = Image.open(image_path)\n'
            'c = ImageEnhance.Contrast(img.crop((10, 10, 300, 200)).rotate(90, '
            'expand=True)).enhance(1.5)\n'
            "c.save('c.png')\n"
            "print('c.png')"
        ),
        outcome=_OK,
        images=1,
        repairs=(),
    ),
    Case(
        'matplotlib',
        (
            'import matplotlib.pyplot as plt\n'
            "plt.plot([1, 2, 3], [1, 4, 9]); plt.title('t'); plt.savefig('p.png')\n"
            "print('p.png')"
        ),
        outcome=_OK,
        images=1,
    ),
    Case(
        'matplotlib over two turns',
        "plt.plot([3, 4]); plt.savefig('p.png'); print('p.png')",
        before='import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.plot([1, 2])',
        outcome=_OK,
        images=1,
    ),
    Case(
        'text on a picture',
        (
            'from PIL import ImageDraw, ImageFont\n'
            'img = Image.open(image_path)\n'
            "d = ImageDraw.Draw(img); d.text((9, 9), 'hi', font=ImageFont.load_default())\n"
            "d.rectangle((5, 5, 50, 50), outline='red')\n"
            "img.save('t.png'); print('t.png')"
        ),
        outcome=_OK,
        images=1,
    ),
    Case(
        'sympy',
        "import sympy\nx = sympy.symbols('x')\nprint('v', sympy.solve(x**2 - 4, x))",
        outcome=_OK,
        shows='v [-2, 2]',
    ),
    Case(
        'print options',
        (
            'import sys\n'
            "print('a', 'b', sep='-', end='!\\n', flush=True)\n"
            "sys.stdout.write('v\\n')\n"
            "sys.stdout.buffer.write(b'raw')"
        ),
        outcome=_OK,
        shows='a-b!\nv\nraw',
    ),
    Case(
        'temporary files',
        (
            'import tempfile\n'
            "with tempfile.NamedTemporaryFile(suffix='.txt') as f:\n"
            "    f.write(b'x')\n"
            'with tempfile.TemporaryDirectory() as d:\n'
            "    open(d + '/x', 'w').write('y')\n"
            'with tempfile.TemporaryFile() as f:\n'
            "    f.write(b'x')\n"
            "print('v')"
        ),
        outcome=_OK,
        shows='v',
    ),
    Case(
        'threads that end',
        (
            'from concurrent.futures import ThreadPoolExecutor\n'
            'with ThreadPoolExecutor(4) as e:\n'
            "    print('v', list(e.map(lambda x: x * x, range(4))))"
        ),
        outcome=_OK,
        shows='v [0, 1, 4, 9]',
    ),
    Case(
        'asyncio',
        "import asyncio\nasync def f():\n    await asyncio.sleep(0.01)\n    return 5\nprint('v', asyncio.run(f()))",
        outcome=_OK,
        shows='v 5',
    ),
    Case(
        'exception caught',
        "try:\n    1/0\nexcept ZeroDivisionError as e:\n    print('v', e)",
        outcome=_OK,
        shows='v division by zero',
    ),
    Case('copying the input', "import shutil\nshutil.copy(image_path, 'c.jpg')\nprint('c.jpg')", outcome=_OK, images=1),
    Case(
        'error names exception, message and line',
        'x = 1\ny = x / 0\n',
        outcome=_ERROR,
        shows='ZeroDivisionError: division by zero (line 2)',
    ),
    Case(
        'error inside a function',
        'def f():\n    return [][1]\n\nf()',
        outcome=_ERROR,
        shows='IndexError: list index out of range (line 2)',
    ),
    Case('syntax error', 'x = (1,\ny = 2 +* 3', outcome=_ERROR, shows='SyntaxError'),
    Case('undefined name', 'print(undefined_thing)', outcome=_ERROR, shows='undefined_thing'),
    Case('missing file', "open('no.txt')", outcome=_ERROR, shows='FileNotFoundError'),
    Case('assertion', "assert 1 == 2, 'not equal'", outcome=_ERROR, shows='AssertionError: not equal (line 1)'),
    Case('nothing', '', outcome=_OK),
    Case('comments only', '# nothing', outcome=_OK),
    Case('NUL in the source', 'x = 1\0', outcome=_ERROR),
    Case('unicode', "naïve = 'äß漢字🙂'\nprint('v', naïve)", outcome=_OK, shows='v äß漢字🙂'),
    Case('input()', "x = input('?')", outcome=Outcome.REFUSED, shows='input()'),
    Case('imshow', "cv2.imshow('w', np.zeros((99, 99), 'u1')); cv2.waitKey(0)", outcome=_OK, images=1),
    Case('Image.show', 'Image.open(image_path).show()', outcome=_OK, images=1),
    Case('plt.show', 'import matplotlib.pyplot as plt\nplt.plot([1])\nplt.show()', outcome=_OK, images=1),
    Case('value on the last line', 'x = 6\nx * 7', outcome=_OK, shows='42', images=0),
    Case('picture on the last line', 'Image.open(image_path).crop((0, 0, 99, 99))', outcome=_OK, images=1),
    Case('text before an error', "print('kept')\n1/0", shows='kept\nZeroDivisionError: division by zero (line 2)'),
    Case(
        'saved below the root of the machine',
        "p = '/data/new/a.png'\nImage.new('RGB', (99, 99)).save(p)\nprint(Image.open(p).size, p)",
        outcome=_OK,
        images=1,
    ),
    Case(
        'written and read by every other call',
        "import glob, os, pathlib, shutil\nos.makedirs('/data/d')\npathlib.Path('/data/d/a.txt').write_text('x')\n"
        "shutil.copy('/data/d/a.txt', '/tmp/b.txt')\nos.rename('/tmp/b.txt', '/data/d/c.txt')\n"
        "print('v', sorted(os.listdir('/data/d')), glob.glob('/data/d/*.txt') != [], os.path.getsize('/data/d/c.txt'))",
        outcome=_OK,
        shows="v ['a.txt', 'c.txt'] True 1",
    ),
)

ORDINARY = (*STATE, *ROLLBACK, *SCRIPT)
