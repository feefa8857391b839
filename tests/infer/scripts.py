"""What scripted policies say in the tests of inference and serving."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from swift_thyme.engines import Engine, Generation
from swift_thyme.infer import Thinker
from swift_thyme.sandbox import InputImage, Limits, Sandbox, Session

SIZE = (
    '<think>How large is it? <code>\n```python\nfrom PIL import Image\nprint("size", Image.open(image_path).size)\n'
    '```\n</code>'
)
"""Code whose output tells which picture the session has."""
SHORT = '<code>1</code>'
"""The least code there is, for what needs rounds and not what they do."""
CROP = (
    '<think>I look closer. <code>\nfrom PIL import Image\nprocessed_path = "crop.png"\n'
    'Image.open(image_path).crop((0, 0, 112, 84)).save(processed_path)\nprint(processed_path)\n</code>'
)
SLEEP = '<think>Wait. <code>\nimport time\ntime.sleep(5)\n</code>'
ANSWER = 'So it is B.</think>\n<answer>B</answer>'
README_CODE = """<think>To determine the plate number of the blue car in the image, zooming in will help.

<code>

import cv2
import os
import numpy as np
from uuid import uuid4

# Load the image
image_path = "/eval/17127.jpg"
image = cv2.imread(image_path)

# Define the coordinates for the license plate area (inferred from the image content)
x1, y1, x2, y2 = 10, 30, 120, 70

cropped_image = image[y1:y2, x1:x2]
zoom_factor = 2
resized_image = cv2.resize(cropped_image, None, fx=zoom_factor, fy=zoom_factor, interpolation=cv2.INTER_CUBIC)

random_suffix = str(uuid4())[:8]
processed_filename = f"17127_{random_suffix}.jpg"
processed_path = os.path.join("/mnt/data/temp_processed_images/", processed_filename)
cv2.imwrite(processed_path, resized_image)
print(processed_path)

</code>"""
"""The shape of the release's own example: no fence, a path of another machine, the fixed output folder."""
README_ANSWER = 'The characters are "S QT 911".</think>\n\n<answer> C. S QT 911 </answer>'


def lent(thinker: Thinker) -> Thinker:
    """The thinker of the test run for a user who closes it: engine and sandbox stay open for the tests that follow."""
    return Thinker(_LentEngine(thinker.engine), settings=thinker.settings, sandbox=_LentSandbox(thinker.sandbox))


class _LentEngine(Engine):
    name = 'thyme-tiny'

    def __init__(self, engine: Engine) -> None:
        self._inner = engine

    async def generate(self, *args: Any) -> Generation:
        return await self._inner.generate(*args)

    async def aclose(self) -> None:
        """Left open."""


class _LentSandbox(Sandbox):
    def __init__(self, sandbox: Sandbox) -> None:
        self._inner = sandbox

    @property
    def default_limits(self) -> Limits:
        return self._inner.default_limits

    async def open(self, images: Sequence[InputImage] = (), **options: Any) -> Session:
        return await self._inner.open(images, **options)

    async def aclose(self) -> None:
        """Left open: to start another takes a second of processor time."""
