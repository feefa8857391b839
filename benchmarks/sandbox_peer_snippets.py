"""Snippets of `benchmarks/sandbox_peers.py`: two sessions as models write them, twenty hostile cases. Data only."""

SESSIONS = (
    (
        """
import cv2
img = cv2.imread(image_path)
h, w = img.shape[:2]
x1, y1, x2, y2 = int(0.3 * w), int(0.25 * h), int(0.65 * w), int(0.6 * h)
crop = img[y1:y2, x1:x2]
processed_path = 'crop.jpg'
cv2.imwrite(processed_path, cv2.resize(crop, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))
print(processed_path)""",
        """
gray = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
clear = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8)).apply(gray)
cv2.imwrite('clear.png', clear)
print('clear.png')""",
        """
_, mask = cv2.threshold(cv2.GaussianBlur(gray, (9, 9), 0), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
large = sorted((cv2.contourArea(c) for c in contours), reverse=True)[:5]
print(f'{len(contours)} regions, the largest: {large}')""",
    ),
    (
        """
from PIL import Image, ImageEnhance
img = Image.open(image_path).convert('RGB')
def look(box, scale=2):
    part = img.crop(box)
    return part.resize((part.width * scale, part.height * scale), Image.LANCZOS)
part = ImageEnhance.Contrast(look((600, 400, 1100, 800))).enhance(1.6)
part.save('part.jpg')
print('part.jpg')""",
        """
import os
out = os.path.join(os.getcwd(), 'turned.png')
look((100, 100, 400, 500)).rotate(90, expand=True).save(out)
print(out if os.path.exists(out) else 'not written')""",
        """
import numpy as np
values = np.asarray(part.convert('L'))
bright = 0
for y in range(0, values.shape[0], 16):
    for x in range(0, values.shape[1], 16):
        if values[y, x] > 128:
            bright += 1
print('bright samples:', bright, 'share', round(bright * 256 / values.size, 3))""",
    ),
)
"""The snippets of a session share their variables."""

HOSTILE = {
    'endless loop': 'while True: pass',
    'endless generator': 'import itertools\nany(x < 0 for x in itertools.count())',
    'loop that catches everything': 'while True:\n    try:\n        while True: pass\n    except BaseException: pass',
    'thread without end': """
import threading
def spin():
    while True: pass
threading.Thread(target=spin, daemon=True).start()""",
    'recursion without end': """
try: __import__('sys').setrecursionlimit(10 ** 9)
except Exception: pass
def f(n): return [*map(f, [n])]
f(0)""",
    'memory over the limit': "held = np.zeros(640 << 20, 'u1')\nprint('GOT')",
    '100 MB printed': "print('z' * 100_000_000)",
    '50 forks that stay': """
import os, time
for _ in range(50):
    if os.fork() == 0:
        time.sleep(20)
        os._exit(0)""",
    'SIGKILL to itself': 'import os\nos.kill(os.getpid(), 9)',
    'os._exit': 'import os\nos._exit(0)',
    'sys.exit': 'import sys\nsys.exit(3)',
    'descriptors closed': 'import os\nos.closerange(0, 1000)',
    'signals ignored, then a loop': """
import signal
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM): signal.signal(number, signal.SIG_IGN)
while True: pass""",
    'folder and environment changed': "import os\nos.chdir('/')\nos.environ['CUDA_VISIBLE_DEVICES'] = '-1'",
    'cv2 changed for later sessions': 'cv2.resize = cv2.imread = None',
    'input destroyed': """
try: __import__('os').remove(image_path)
except Exception: cv2.imwrite(image_path, np.zeros((40, 40, 3), 'u1'))""",
    'writing outside': """
try: open('@OUTSIDE@/new.txt', 'w').write('x')
except Exception: cv2.imwrite('@OUTSIDE@/new.png', np.zeros((40, 40, 3), 'u1'))""",
    'secret outside read': """
try: print('GOT', open('@OUTSIDE@/secret').read())
except Exception: print('GOT', np.fromfile('@OUTSIDE@/secret', 'u1').tobytes())""",
    "caller's environment in /proc": """
try: print('GOT', open('/proc/@PID@/environ').read())
except Exception: print('GOT', np.fromfile('/proc/@PID@/environ', 'u1').tobytes())""",
    'server on loopback': "import socket\nsocket.create_connection(('127.0.0.1', @PORT@), 1).close()\nprint('GOT')",
}
"""What a snippet must not get makes it print GOT; `@OUTSIDE@` is a folder, `@PID@` who called, `@PORT@` a server's."""
