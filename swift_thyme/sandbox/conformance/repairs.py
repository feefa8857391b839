"""Cases about repairs: what is repaired and reported, and what must be left alone."""

from __future__ import annotations

from ...types import Outcome
from .suite import Case

_OK = Outcome.OK
_READ = 'img = cv2.imread(image_path)\n'
_OPEN = 'img = Image.open(image_path)\n'

MADE = (
    Case('common indentation', '    x = 1\n    print("v", x)', outcome=_OK, shows='v 1', repairs=('indentation',)),
    Case(
        'first line lost its indentation',
        'x = 1\n    print("v", x)',
        outcome=_OK,
        shows='v 1',
        repairs=('indentation',),
    ),
    Case('stray space', 'x = 1\n y = 2\nprint("v", x + y)', outcome=_OK, shows='v 3', repairs=('indentation',)),
    Case(
        'tabs and spaces',
        'if True:\n\tx = 1\n        y = 2\nprint("v", x + y)',
        outcome=_OK,
        shows='v 3',
        repairs=('indentation',),
    ),
    Case(
        'input path that does not exist',
        'image_path = "/nowhere/a.jpg"\n' + _READ + "print('v', img.shape)",
        outcome=_OK,
        shows='v (480, 640, 3)',
        repairs=('image_path',),
    ),
    Case(
        'name of the input under another folder',
        "img = Image.open('/nowhere/input picture.jpg')\nprint('v', img.size)",
        outcome=_OK,
        shows='v (640, 480)',
        repairs=('image_path',),
    ),
    Case(
        'name of the input, computed, looked for first',
        "import os\np = '/data/' + 'input picture.jpg'\nprint('v', os.path.exists(p), cv2.imread(p).shape)",
        outcome=_OK,
        shows='v True (480, 640, 3)',
        repairs=('image_path',),
    ),
    Case(
        'slice over the edge',
        _READ + "c = img[-20:200, -10:300]\nprint('v', c.shape)",
        outcome=_OK,
        shows='v (200, 300, 3)',
        repairs=('clamp',),
    ),
    Case(
        'slice over the edge, computed',
        _READ + ("x, y = 30, 40\nc = img[y - 90 : y + 90, x - 80 : x + 80]\nprint('v', c.shape)"),
        outcome=_OK,
        shows='v (130, 110, 3)',
        repairs=('clamp',),
    ),
    Case(
        'box over the edge',
        _OPEN + "c = img.crop((-50, 10, 9000, 300))\nprint('v', c.size)",
        outcome=_OK,
        shows='v (640, 290)',
        repairs=('clamp',),
    ),
    Case(
        'tiny crop returned',
        _OPEN + "img.crop((5, 5, 9, 300)).save('a.png')\nprint('a.png', img.crop((5, 5, 9, 300)).size)",
        outcome=_OK,
        images=1,
        repairs=('min_crop',),
    ),
    Case(
        'tiny crop of an array returned',
        _READ + "processed_path = 'a.png'\ncv2.imwrite(processed_path, img[470:480, 630:640])",
        outcome=_OK,
        images=1,
        repairs=('min_crop',),
    ),
    Case(
        'box over the edge, computed',
        _OPEN + ("b = [v * 3 for v in (10, 20, 300, 400)]\nc = img.crop(b)\nprint('v', c.size)"),
        outcome=_OK,
        shows='v (610, 420)',
        repairs=('clamp',),
    ),
    Case(
        'cv for cv2',
        "img = cv.imread(image_path)\nprint('v', img.shape)",
        outcome=_OK,
        shows='v (480',
        repairs=('cv_alias',),
    ),
    Case(
        'import cv3',
        "import cv3\nimg = cv3.imread(image_path)\nprint('v', img.shape)",
        outcome=_OK,
        shows='v (480',
        repairs=('cv_alias',),
    ),
    Case(
        'saving directory of released data',
        _READ
        + ("cv2.imwrite('/mnt/data/temp_processed_images/c.jpg', img)\nprint('/mnt/data/temp_processed_images/c.jpg')"),
        outcome=_OK,
        images=1,
        repairs=(),
    ),
    Case(
        'saving directory made first',
        _OPEN
        + (
            "d = '/mnt/data/temp_processed_images'\n"
            'os.makedirs(d, exist_ok=True)\n'
            "processed_path = f'{d}/c_{1}.png'\n"
            'img.save(processed_path)\n'
            'print(processed_path)'
        ),
        outcome=_OK,
        images=1,
        repairs=(),
    ),
    Case(
        'saving directory in an f-string',
        _OPEN + ("n = 3\np = f'/mnt/data/temp_processed_images/c_{n}.png'\nimg.save(p)\nprint(p)"),
        outcome=_OK,
        images=1,
        repairs=(),
    ),
    Case(
        'saved and read again under the released name',
        ("img = cv2.imread('/mnt/data/' + 'temp_processed_images/c.jpg')\nprint('v', img.shape)"),
        before=_READ + ("cv2.imwrite('/mnt/data/temp_processed_images/c.jpg', img[:100, :200])"),
        outcome=_OK,
        shows='v (100, 200, 3)',
        repairs=(),
    ),
)

PAPER = (
    Case(
        'unknown path read directly',
        "img = Image.open('/nowhere/b.png')\nprint('v', img.size)",
        outcome=_OK,
        shows='v (640, 480)',
        repairs=('image_path',),
    ),
    Case(
        'unknown path computed',
        ("import os\nimg = cv2.imread(os.path.join('/data', 'x' + '.jpg'))\nprint('v', img.shape)"),
        outcome=_OK,
        shows='v (480, 640, 3)',
        repairs=('image_path',),
    ),
    Case(
        'unknown path opened',
        "d = open('/nowhere/b.jpg', 'rb').read()\nprint('v', len(d) > 99)",
        outcome=_OK,
        shows='v True',
        repairs=('image_path',),
    ),
    Case(
        'box over the edge, in a variable',
        _OPEN + ("box = (600, 400, 700, 500)\nc = img.crop(box)\nprint('v', box, c.size)"),
        outcome=_OK,
        shows='v (600, 400, 640, 480)',
        repairs=('clamp', 'min_crop'),
    ),
    Case(
        'tiny crop of an array',
        _READ + "crop = img[100:110, 200:220]\nprint('v', crop.shape)",
        outcome=_OK,
        shows='v (64, 64, 3)',
        repairs=('min_crop',),
    ),
    Case(
        'tiny crop in the corner',
        _READ + "roi = img[470:480, 630:640]\nprint('v', roi.shape)",
        outcome=_OK,
        shows='v (64, 64, 3)',
        repairs=('min_crop',),
    ),
    Case(
        'tiny crop of a picture',
        _OPEN + "c = img.crop((5, 5, 9, 300))\nprint('v', c.size)",
        outcome=_OK,
        shows='v (64, 295)',
        repairs=('min_crop',),
    ),
    Case(
        'padding',
        _OPEN + "print('v', img.crop((-20, -20, 660, 500)).size)",
        outcome=_OK,
        shows='v (640, 480)',
        repairs=('clamp',),
    ),
)
"""What `THYME_REPAIRS=paper` repairs, and the default leaves alone."""

NOT_NEEDED = tuple(
    Case(f'no repair: {name}', code, outcome=_OK, shows=shows, repairs=())
    for name, code, shows in (
        ('crop inside', _READ + "c = img[10:200, 20:300]\nprint('v', c.shape)", 'v (190, 280, 3)'),
        ('slice to the end', _READ + "c = img[400:9000, 500:9000]\nprint('v', c.shape)", 'v (80, 140, 3)'),
        ('slice from the end', _READ + "c = img[-100:, -200:]\nprint('v', c.shape)", 'v (100, 200, 3)'),
        ('slice between ends', _READ + "c = img[-100:-20, :]\nprint('v', c.shape)", 'v (80, 640, 3)'),
        ('small window of pixels', _READ + "m = img[10:20, 10:20].shape\nprint('v', m)", 'v (10, 10, 3)'),
        (
            'table of numbers',
            "a = np.arange(100).reshape(10, 10)\ncrop = a[-3:5, 1:3]\nprint('v', crop.shape)",
            'v (0, 2)',
        ),
        ('slice assigned to', _READ + "img[-10:20, 0:5] = 0\nprint('v')", 'v'),
        ('dictionary with slices', "d = {1: 2}\nprint('v', d[1], [1, 2, 3][0:2])", 'v 2 [1, 2]'),
        ('import cv2 as cv', "import cv2 as cv\nprint('v', cv.imread(image_path).shape)", 'v (480'),
        ('variable called cv', "cv = 0.5\nprint('v', cv)", 'v 0.5'),
        ('path of the prompt', 'image_path = "@IMAGE@"\nprint("v", cv2.imread("@IMAGE@").shape)', 'v (480'),
        ('odd layout', 'x=1;y=2\nif x :   print( "v",x+y )', 'v 3'),
        ('own file read again', _READ + "cv2.imwrite('a.jpg', img)\nprint('v', cv2.imread('a.jpg').shape)", 'v (480'),
        ('box in fractions', "box = (0.1, 0.2, 0.5, 0.9)\nprint('v', box)", 'v (0.1, 0.2, 0.5, 0.9)'),
        ('file that is missing and no picture', "print('v', os.path.exists('/nowhere/a.jpg'))", 'v False'),
        ('box in a variable', "box = (600, 400, 700, 500)\nprint('v', box)", 'v (600, 400, 700, 500)'),
        ('numbers called coords', "coords = (1200, 3400, 5600, 7800)\nprint('v', sum(coords))", 'v 18000'),
        ('padding', _OPEN + "print('v', img.crop((-20, -20, 660, 500)).size)", 'v (680, 520)'),
        ('tiny crop', _READ + "crop = img[100:110, 200:220]\nprint('v', crop.shape)", 'v (10, 20, 3)'),
        (
            'tiny file read again',
            _OPEN + "img.crop((0, 0, 9, 9)).save('t.png')\nprint('v', Image.open('t.png').size)",
            'v (9, 9)',
        ),
        ('one pixel', _OPEN + "print('v', img.crop((9, 9, 10, 10)).size)", 'v (1, 1)'),
        ('last rows', _READ + "print('v', img[-20:9000, :].shape)", 'v (20, 640, 3)'),
        ('picture that is missing', "print('v', cv2.imread('no.png') is None)", 'v True'),
        ('path of the input in another variable', "p = '/nowhere/x.jpg'\nprint('v', cv2.imread(p) is None)", 'v True'),
        ('number format', "print(f'v {3.14159:.2f}')", 'v 3.14'),
    )
)

REPAIRS = (*MADE, *NOT_NEEDED)
