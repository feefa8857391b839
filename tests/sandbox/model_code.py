"""Forty snippets as models of this kind write them, and what their authors would want of them.

Own words in the styles of Thyme (paths, boxes, `processed_path`), DeepEyesV2 (crops and sums, text mixed with pictures)
and PyVision (a notebook: shows, displays, last values). Written before the sandbox was changed for them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

PROMPT = '/data/bench/street 17.jpg'
"""What the prompt calls the picture (640 x 480, a gradient)."""


@dataclass(frozen=True)
class Wish:
    """What one snippet should come to."""

    code: str
    sizes: tuple[tuple[int, int], ...] = ()
    """Of the returned pictures, (width, height) in px; (0, 0) for any."""
    says: tuple[str, ...] = ()
    fails: bool = False


@dataclass(frozen=True)
class Sample:
    """One trajectory's snippets."""

    name: str
    wishes: tuple[Wish, ...] = field(default=())


def one(name, code, *sizes, says=(), fails=False):
    return Sample(name, (Wish(code, tuple(sizes), tuple(says), fails),))


THYME = (
    one(
        'plate, zoomed, released folder',
        "import cv2\nimport os\nfrom uuid import uuid4\nimage_path = '/data/bench/street 17.jpg'\n"
        'image = cv2.imread(image_path)\nx1, y1, x2, y2 = 250, 200, 360, 240\n'
        'cropped = image[y1:y2, x1:x2]\nresized = cv2.resize(cropped, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)\n'
        "processed_path = os.path.join('/mnt/data/temp_processed_images/', f'street_{str(uuid4())[:8]}.jpg')\n"
        'cv2.imwrite(processed_path, resized)\nprint(processed_path)',
        (220, 80),
    ),
    one(
        'other root before the file name',
        "from PIL import Image\nimg = Image.open('/eval/images/street 17.jpg')\ncrop = img.crop((100, 100, 300, 260))\n"
        "processed_path = '/mnt/data/temp_processed_images/c.png'\ncrop.save(processed_path)\nprint(processed_path)",
        (200, 160),
    ),
    one(
        'made-up image_path',
        "image_path = '/path/to/your/image.jpg'\nimg = cv2.imread(image_path)\ncrop = img[0:200, 0:300]\n"
        "processed_path = 'crop.jpg'\ncv2.imwrite(processed_path, crop)\nprint(processed_path)",
        (300, 200),
    ),
    one(
        'negative start computed from a centre',
        'img = cv2.imread(image_path)\ncx, cy, r = 60, 40, 100\ncrop = img[cy - r:cy + r, cx - r:cx + r]\n'
        "cv2.imwrite('a.png', crop)\nprint('a.png')",
        (160, 140),
    ),
    one(
        'box mostly beyond the picture',
        'img = Image.open(image_path)\nbox = (500, 300, 3000, 2400)\ncrop = img.crop(box)\n'
        "processed_path = 'far.png'\ncrop.save(processed_path)\nprint(processed_path)",
        (140, 180),
    ),
    one(
        'crop too small to be seen',
        "img = Image.open(image_path)\ncrop = img.crop((300, 200, 312, 210))\ncrop.save('tiny.png')\nprint('tiny.png')",
        (64, 64),
    ),
    one(
        'crop too small to be seen, with OpenCV',
        "img = cv2.imread(image_path)\nroi = img[470:480, 630:640]\nprocessed_path = 'roi.jpg'\n"
        'cv2.imwrite(processed_path, roi)\nprint(processed_path)',
        (64, 64),
    ),
    one(
        'contrast, saved beside the input',
        'import os\nfrom PIL import ImageEnhance\nimg = Image.open(image_path)\nout = ImageEnhance.Contrast(img).enhance(1.8)\n'
        "p = os.path.join(os.path.dirname(image_path), 'enhanced_' + os.path.basename(image_path))\nout.save(p)\nprint(p)",
        (640, 480),
    ),
    one(
        'rotate and save in a sub-folder of /tmp',
        "import os\nos.makedirs('/tmp/thyme/out', exist_ok=True)\nimg = cv2.rotate(cv2.imread(image_path), cv2.ROTATE_90_CLOCKWISE)\n"
        "cv2.imwrite('/tmp/thyme/out/r.png', img)\nassert os.path.exists('/tmp/thyme/out/r.png')\n"
        "print(f'Processed image saved to: /tmp/thyme/out/r.png')",
        (480, 640),
    ),
    one(
        'prose around a fence',
        "Here's the code to crop the sign:\n\n```python\nimg = Image.open(image_path)\n"
        "img.crop((0, 0, 120, 90)).save('s.png')\nprint('s.png')\n```\nThis will show the sign.",
        (120, 90),
    ),
    one('area of a trapezium', 'a, b, h = 12.5, 7.5, 4\narea = (a + b) / 2 * h\nprint(f"{area:.1f}")', says=('40.0',)),
    one(
        'sympy',
        'from sympy import symbols, Eq, solve\nx = symbols("x")\nprint(solve(Eq(x**2 - 5*x + 6, 0), x))',
        says=('[2, 3]',),
    ),
    one(
        'coordinates are not a box',
        'coords = [1200, 3400, 5600, 7800]\nprint(max(coords) - min(coords))',
        says=('6600',),
    ),
    Sample(
        'second crop of the enlarged first',
        (
            Wish(
                "img = Image.open(image_path)\nbig = img.crop((100, 100, 300, 250)).resize((1600, 1200))\nbig.save('big.png')\nprint('big.png')",
                ((1600, 1200),),
            ),
            Wish(
                "big = Image.open('big.png')\nbox = (900, 700, 1300, 1100)\nbig.crop(box).save('part.png')\nprint(box, 'part.png')",
                ((400, 400),),
            ),
        ),
    ),
    one(
        'list of crops',
        'img = Image.open(image_path)\nprocessed_path = []\nfor i, b in enumerate([(0, 0, 200, 200), (300, 100, 500, 300)]):\n'
        "    p = f'/mnt/data/temp_processed_images/c_{i}.png'\n    img.crop(b).save(p)\n    processed_path.append(p)\nprint(processed_path)",
        (200, 200),
        (200, 200),
    ),
    one(
        'colour of a small patch',
        'img = Image.open(image_path).convert("RGB")\nimg.paste((10, 200, 30), (300, 200, 320, 215))\n'
        'patch = np.array(img)[200:215, 300:320]\nprint("mean", patch.reshape(-1, 3).mean(0))',
        says=('mean [ 10. 200.  30.]',),
    ),
    one(
        'padding by a negative box',
        "img = Image.open(image_path)\npad = 20\nout = img.crop((-pad, -pad, img.width + pad, img.height + pad))\nout.save('p.png')\nprint('p.png')",
        (680, 520),
    ),
)

DEEP_EYES = (
    one(
        'look for a file that is not there',
        "from PIL import Image\nim = Image.open('/mnt/data/crop_from_before.png')\nprint(im.size)",
        says=('crop_from_before.png', 'street 17.jpg'),
        fails=True,
    ),
    Sample(
        'error after output, then the last line corrected',
        (
            Wish(
                "img = cv2.imread(image_path)\nprint('shape', img.shape)\nprint(img.shapes)",
                says=('shape (480, 640', 'shapes', 'as they were'),
                fails=True,
            ),
            Wish('img = cv2.imread(image_path)\nprint(img.shape[:2])', says=('(480, 640)',)),
        ),
    ),
    one(
        'template of a few pixels',
        'img = cv2.imread(image_path)\ntemplate_crop = img[100:112, 200:216]\nres = cv2.matchTemplate(img, template_crop, cv2.TM_SQDIFF)\nprint(res.shape, cv2.minMaxLoc(res)[2])',
        says=('(469, 625)', '(200, 100)'),
    ),
    one(
        'the folder of the prompt is listed',
        "import os\nfrom pathlib import Path\nfolder = Path('/data/bench')\nprint(sorted(p.name for p in folder.glob('*.jpg')), os.listdir(folder))",
        says=("['street 17.jpg'] ['street 17.jpg']",),
    ),
    one(
        'glob finds the picture',
        "import glob\npaths = glob.glob('/data/**/*.jpg', recursive=True)\nimg = Image.open(paths[0])\nimg.crop((0, 0, 50, 50)).save('/mnt/data/g.png')\nprint('/mnt/data/g.png')",
        (50, 50),
    ),
    one(
        'copy first',
        "import shutil\nshutil.copy(image_path, '/tmp/work.jpg')\nimg = cv2.imread('/tmp/work.jpg')\nprint(img.shape)",
        says=('(480, 640, 3)',),
    ),
    one(
        'web address of a source',
        "print('see https://upload.example.org/a/b/logo.png and /usr/share/pixmaps/x.png')",
        says=('logo.png',),
    ),
    one(
        'a module of its own',
        "with open('helpers.py', 'w') as f:\n    f.write('def double(v):\\n    return 2 * v\\n')\nfrom helpers import double\nprint(double(21))",
        says=('42',),
    ),
    one(
        'non-breaking spaces and a zero-width space',
        'w\u00a0=\u00a0640\nh\u00a0= 480\u200b\nprint("a\u00a0b", w * h)',
        says=('307200',),
    ),
    one(
        'pip first',
        '!pip install -q easyocr\nimport easyocr\nreader = easyocr.Reader(["en"])',
        says=('shell',),
        fails=True,
    ),
    one(
        'missing picture through OpenCV',
        "img = cv2.imread('/mnt/data/none.png')\nprint(img.shape)",
        says=('NoneType', 'none.png', 'street 17.jpg'),
        fails=True,
    ),
)

NOTEBOOK = (
    one(
        'show of a crop',
        "import matplotlib.pyplot as plt\nimg = Image.open(image_path)\nplt.figure(figsize=(4, 3))\nplt.imshow(img.crop((0, 0, 300, 200)))\nplt.axis('off')\nplt.show()",
        (0, 0),
    ),
    one(
        'two figures',
        'import matplotlib.pyplot as plt\nfor n in (1, 2):\n    plt.figure()\n    plt.plot([0, n])\n    plt.show()',
        (0, 0),
        (0, 0),
    ),
    one(
        'savefig, print, show',
        "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3])\nplt.savefig('plot.png')\nprint('plot.png')\nplt.show()",
        (0, 0),
    ),
    one(
        'magic and inline plot',
        '%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1])',
        says=('magic',),
        fails=True,
    ),
    one('value on the last line', 'img = Image.open(image_path)\nimg.size', says=('(640, 480)',)),
    one('picture on the last line', 'img = Image.open(image_path)\nimg.crop((10, 10, 110, 90))', (100, 80)),
    one(
        'display',
        'from IPython.display import display\nimg = Image.open(image_path)\ndisplay(img.crop((0, 0, 100, 80)))\ndisplay(img.crop((100, 0, 300, 80)))',
        (100, 80),
        (200, 80),
    ),
    one('Image.show', 'img = Image.open(image_path)\nimg.rotate(90, expand=True).show()', (480, 640)),
    one(
        'cv2.imshow',
        "img = cv2.imread(image_path)\ncv2.imshow('crop', img[100:300, 100:400])\ncv2.waitKey(0)\ncv2.destroyAllWindows()",
        (300, 200),
    ),
    one(
        'frame of a table',
        "import pandas as pd\ndf = pd.DataFrame({'item': ['a', 'b'], 'price': [3.5, 4.25]})\ndf['price'].sum()",
        says=('7.75',),
    ),
    one('nothing printed', 'x = 3\ny = x ** 2', says=('nothing',)),
    one('double fence with a language', '```python\n```python\nprint("inner")\n```\n```', says=('inner',)),
)

SAMPLES = (*THYME, *DEEP_EYES, *NOTEBOOK)
