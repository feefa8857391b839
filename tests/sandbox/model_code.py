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
        """
import cv2
import os
from uuid import uuid4
image_path = '/data/bench/street 17.jpg'
image = cv2.imread(image_path)
x1, y1, x2, y2 = 250, 200, 360, 240
cropped = image[y1:y2, x1:x2]
resized = cv2.resize(cropped, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
processed_path = os.path.join('/mnt/data/temp_processed_images/', f'street_{str(uuid4())[:8]}.jpg')
cv2.imwrite(processed_path, resized)
print(processed_path)
""",
        (220, 80),
    ),
    one(
        'other root before the file name',
        """
from PIL import Image
img = Image.open('/eval/images/street 17.jpg')
crop = img.crop((100, 100, 300, 260))
processed_path = '/mnt/data/temp_processed_images/c.png'
crop.save(processed_path)
print(processed_path)
""",
        (200, 160),
    ),
    one(
        'made-up image_path',
        """
image_path = '/path/to/your/image.jpg'
img = cv2.imread(image_path)
crop = img[0:200, 0:300]
processed_path = 'crop.jpg'
cv2.imwrite(processed_path, crop)
print(processed_path)
""",
        (300, 200),
    ),
    one(
        'negative start computed from a centre',
        """
img = cv2.imread(image_path)
cx, cy, r = 60, 40, 100
crop = img[cy - r:cy + r, cx - r:cx + r]
cv2.imwrite('a.png', crop)
print('a.png')
""",
        (160, 140),
    ),
    one(
        'box mostly beyond the picture',
        """
img = Image.open(image_path)
box = (500, 300, 3000, 2400)
crop = img.crop(box)
processed_path = 'far.png'
crop.save(processed_path)
print(processed_path)
""",
        (140, 180),
    ),
    one(
        'crop too small to be seen',
        """
img = Image.open(image_path)
crop = img.crop((300, 200, 312, 210))
crop.save('tiny.png')
print('tiny.png')
""",
        (64, 64),
    ),
    one(
        'crop too small to be seen, with OpenCV',
        """
img = cv2.imread(image_path)
roi = img[470:480, 630:640]
processed_path = 'roi.jpg'
cv2.imwrite(processed_path, roi)
print(processed_path)
""",
        (64, 64),
    ),
    one(
        'contrast, saved beside the input',
        """
import os
from PIL import ImageEnhance
img = Image.open(image_path)
out = ImageEnhance.Contrast(img).enhance(1.8)
p = os.path.join(os.path.dirname(image_path), 'enhanced_' + os.path.basename(image_path))
out.save(p)
print(p)
""",
        (640, 480),
    ),
    one(
        'rotate and save in a sub-folder of /tmp',
        """
import os
os.makedirs('/tmp/thyme/out', exist_ok=True)
img = cv2.rotate(cv2.imread(image_path), cv2.ROTATE_90_CLOCKWISE)
cv2.imwrite('/tmp/thyme/out/r.png', img)
assert os.path.exists('/tmp/thyme/out/r.png')
print(f'Processed image saved to: /tmp/thyme/out/r.png')
""",
        (480, 640),
    ),
    one(
        'prose around a fence',
        """
Here's the code to crop the sign:

```python
img = Image.open(image_path)
img.crop((0, 0, 120, 90)).save('s.png')
print('s.png')
```
This will show the sign.
""",
        (120, 90),
    ),
    one(
        'area of a trapezium',
        """
a, b, h = 12.5, 7.5, 4
area = (a + b) / 2 * h
print(f"{area:.1f}")
""",
        says=('40.0',),
    ),
    one(
        'sympy',
        """
from sympy import symbols, Eq, solve
x = symbols("x")
print(solve(Eq(x**2 - 5*x + 6, 0), x))
""",
        says=('[2, 3]',),
    ),
    one(
        'coordinates are not a box',
        """
coords = [1200, 3400, 5600, 7800]
print(max(coords) - min(coords))
""",
        says=('6600',),
    ),
    Sample(
        'second crop of the enlarged first',
        (
            Wish(
                """
img = Image.open(image_path)
big = img.crop((100, 100, 300, 250)).resize((1600, 1200))
big.save('big.png')
print('big.png')
""",
                sizes=((1600, 1200),),
            ),
            Wish(
                """
big = Image.open('big.png')
box = (900, 700, 1300, 1100)
big.crop(box).save('part.png')
print(box, 'part.png')
""",
                sizes=((400, 400),),
            ),
        ),
    ),
    one(
        'list of crops',
        """
img = Image.open(image_path)
processed_path = []
for i, b in enumerate([(0, 0, 200, 200), (300, 100, 500, 300)]):
    p = f'/mnt/data/temp_processed_images/c_{i}.png'
    img.crop(b).save(p)
    processed_path.append(p)
print(processed_path)
""",
        (200, 200),
        (200, 200),
    ),
    one(
        'colour of a small patch',
        """
img = Image.open(image_path).convert("RGB")
img.paste((10, 200, 30), (300, 200, 320, 215))
patch = np.array(img)[200:215, 300:320]
print("mean", patch.reshape(-1, 3).mean(0))
""",
        says=('mean [ 10. 200.  30.]',),
    ),
    one(
        'padding by a negative box',
        """
img = Image.open(image_path)
pad = 20
out = img.crop((-pad, -pad, img.width + pad, img.height + pad))
out.save('p.png')
print('p.png')
""",
        (680, 520),
    ),
)

DEEP_EYES = (
    one(
        'look for a file that is not there',
        """
from PIL import Image
im = Image.open('/mnt/data/crop_from_before.png')
print(im.size)
""",
        says=('crop_from_before.png', 'street 17.jpg'),
        fails=True,
    ),
    Sample(
        'error after output, then the last line corrected',
        (
            Wish(
                """
img = cv2.imread(image_path)
print('shape', img.shape)
print(img.shapes)
""",
                says=('shape (480, 640', 'shapes', 'as they were'),
                fails=True,
            ),
            Wish(
                """
img = cv2.imread(image_path)
print(img.shape[:2])
""",
                says=('(480, 640)',),
            ),
        ),
    ),
    one(
        'template of a few pixels',
        """
img = cv2.imread(image_path)
template_crop = img[100:112, 200:216]
res = cv2.matchTemplate(img, template_crop, cv2.TM_SQDIFF)
print(res.shape, cv2.minMaxLoc(res)[2])
""",
        says=('(469, 625)', '(200, 100)'),
    ),
    one(
        'the folder of the prompt is listed',
        """
import os
from pathlib import Path
folder = Path('/data/bench')
print(sorted(p.name for p in folder.glob('*.jpg')), os.listdir(folder))
""",
        says=("['street 17.jpg'] ['street 17.jpg']",),
    ),
    one(
        'glob finds the picture',
        """
import glob
paths = glob.glob('/data/**/*.jpg', recursive=True)
img = Image.open(paths[0])
img.crop((0, 0, 50, 50)).save('/mnt/data/g.png')
print('/mnt/data/g.png')
""",
        (50, 50),
    ),
    one(
        'copy first',
        """
import shutil
shutil.copy(image_path, '/tmp/work.jpg')
img = cv2.imread('/tmp/work.jpg')
print(img.shape)
""",
        says=('(480, 640, 3)',),
    ),
    one(
        'web address of a source',
        """
print('see https://upload.example.org/a/b/logo.png and /usr/share/pixmaps/x.png')
""",
        says=('logo.png',),
    ),
    one(
        'a module of its own',
        """
with open('helpers.py', 'w') as f:
    f.write('def double(v):\\n    return 2 * v\\n')
from helpers import double
print(double(21))
""",
        says=('42',),
    ),
    one(
        'non-breaking spaces and a zero-width space',
        'w\xa0=\xa0640\nh\xa0= 480\u200b\nprint("a\xa0b", w * h)',
        says=('307200',),
    ),
    one(
        'pip first',
        """
!pip install -q easyocr
import easyocr
reader = easyocr.Reader(["en"])
""",
        says=('shell',),
        fails=True,
    ),
    one(
        'missing picture through OpenCV',
        """
img = cv2.imread('/mnt/data/none.png')
print(img.shape)
""",
        says=('NoneType', 'none.png', 'street 17.jpg'),
        fails=True,
    ),
)

NOTEBOOK = (
    one(
        'show of a crop',
        """
import matplotlib.pyplot as plt
img = Image.open(image_path)
plt.figure(figsize=(4, 3))
plt.imshow(img.crop((0, 0, 300, 200)))
plt.axis('off')
plt.show()
""",
        (0, 0),
    ),
    one(
        'two figures',
        """
import matplotlib.pyplot as plt
for n in (1, 2):
    plt.figure()
    plt.plot([0, n])
    plt.show()
""",
        (0, 0),
        (0, 0),
    ),
    one(
        'savefig, print, show',
        """
import matplotlib.pyplot as plt
plt.plot([1, 2, 3])
plt.savefig('plot.png')
print('plot.png')
plt.show()
""",
        (0, 0),
    ),
    one(
        'magic and inline plot',
        """
%matplotlib inline
import matplotlib.pyplot as plt
plt.plot([1])
""",
        says=('magic',),
        fails=True,
    ),
    one(
        'value on the last line',
        """
img = Image.open(image_path)
img.size
""",
        says=('(640, 480)',),
    ),
    one(
        'picture on the last line',
        """
img = Image.open(image_path)
img.crop((10, 10, 110, 90))
""",
        (100, 80),
    ),
    one(
        'display',
        """
from IPython.display import display
img = Image.open(image_path)
display(img.crop((0, 0, 100, 80)))
display(img.crop((100, 0, 300, 80)))
""",
        (100, 80),
        (200, 80),
    ),
    one(
        'Image.show',
        """
img = Image.open(image_path)
img.rotate(90, expand=True).show()
""",
        (480, 640),
    ),
    one(
        'cv2.imshow',
        """
img = cv2.imread(image_path)
cv2.imshow('crop', img[100:300, 100:400])
cv2.waitKey(0)
cv2.destroyAllWindows()
""",
        (300, 200),
    ),
    one(
        'frame of a table',
        """
import pandas as pd
df = pd.DataFrame({'item': ['a', 'b'], 'price': [3.5, 4.25]})
df['price'].sum()
""",
        says=('7.75',),
    ),
    one(
        'nothing printed',
        """
x = 3
y = x ** 2
""",
        says=('nothing',),
    ),
    one(
        'double fence with a language',
        """
```python
```python
print("inner")
```
```
""",
        says=('inner',),
    ),
)

SAMPLES = (*THYME, *DEEP_EYES, *NOTEBOOK)
