"""Code as a model would write it: OpenCV or Pillow, in one of several habits, one trajectory in one habit.

Owns the spelling of snippets. Regions and angles are decided by `script`.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from enum import Enum

from ..hues import HUES
from ..types import Box, Place
from ..values import PALETTE
from .habits import CROP_NAMES, CV2_SIZES, IMAGE_NAMES, NOTES, PATH_NAMES, PIL_SIZES, RESULT_NAMES, STEMS

FOLDER = '/mnt/data/temp_processed_images/'
"""Where released data and models save; the sandbox maps it into the session. Paper: §2."""


class Library(str, Enum):
    """What a trajectory's code is written with."""

    CV2 = 'cv2'
    PIL = 'pil'


class Strength(str, Enum):
    """How much an enhancement does."""

    WEAK = 'weak'
    FULL = 'full'


@dataclass
class Coder:
    """Writes the snippets of one trajectory; remembers what earlier ones left in the session."""

    rng: random.Random
    path: str
    """The picture's path as the prompt names it."""
    size: tuple[int, int]
    """Of the picture, pixels."""
    library: Library = Library.CV2
    loaded: bool = False
    """Whether an earlier snippet left the picture in a variable."""
    saved: int = 0
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.library = self.rng.choice(list(Library))
        self.image, self.crop = self.rng.choice(IMAGE_NAMES), self.rng.choice(CROP_NAMES)
        self.stem = self.rng.choice(STEMS)
        self.ending = self.rng.choice(('jpg', 'png', 'png'))
        self.path_name, self.sizes = self.rng.choice(PATH_NAMES), self.rng.choice(range(len(CV2_SIZES)))
        self.saves_inline = self.rng.random() < 0.25
        self.comments = self.rng.random() < 0.7
        self.makes_folder = self.rng.random() < 0.4
        self.fractions = self.rng.random() < 0.2

    def begin(self, *, fresh: bool = False) -> None:
        """Starts a snippet with the picture in its variable: loaded, or left there by an earlier snippet."""
        self.lines = []
        if self.loaded and not fresh:
            return
        self.lines += self._imports()
        self.lines += ['', f'image_path = "{self.path}"']
        self._note('load')
        load = 'cv2.imread(image_path)' if self._cv2 else 'Image.open(image_path)'
        self.lines.append(f'{self.image} = {load}')
        self.loaded = True

    def snapped(self, box: Box) -> Box:
        """The region this habit would name for a box: edges moved outward to round numbers, inside the picture."""
        if self.fractions:
            edges = zip(box, (*self.size, *self.size), (False, False, True, True), strict=True)
            snapped = Box(*(_hundredth(edge, side, outward) for edge, side, outward in edges))
            if snapped.holds(box):
                return snapped
        step = self.rng.choice((1, 1, 2, 3, 4, 5, 8, 10))
        left, top, right, bottom = box
        rounded = Box(left // step * step, top // step * step, -(-right // step) * step, -(-bottom // step) * step)
        return rounded.clipped(*self.size)

    def cut(self, box: Box, note: str) -> None:
        """Crops a region of the picture, one that `snapped` gave."""
        self._note(note)
        width, height = self.size
        shares = [f'{edge / side:.2f}' for edge, side in zip(box, (width, height) * 2, strict=True)]
        if self.fractions and [int(float(s) * d) for s, d in zip(shares, (width, height) * 2, strict=True)] == list(
            box
        ):
            self.lines.append(f'h, w = {self.image}.shape[:2]' if self._cv2 else f'w, h = {self.image}.size')
            x1, y1, x2, y2 = (f'int({share} * {side})' for share, side in zip(shares, 'whwh', strict=True))
            self.lines += [f'x1, y1 = {x1}, {y1}', f'x2, y2 = {x2}, {y2}']
        else:
            self.lines.append(f'x1, y1, x2, y2 = {box.left}, {box.top}, {box.right}, {box.bottom}')
        self.cut_named()

    def cut_named(self) -> None:
        """Crops the region that `x1, y1, x2, y2` name."""
        how = f'{self.image}[y1:y2, x1:x2]' if self._cv2 else f'{self.image}.crop((x1, y1, x2, y2))'
        self.lines.append(f'{self.crop} = {how}')

    def strip_named(self) -> None:
        """Crops the full width between `y1` and `y2`."""
        how = f'{self.image}[y1:y2, :]' if self._cv2 else f'{self.image}.crop((0, y1, w, y2))'
        self.lines.append(f'strip = {how}')

    @property
    def column_of_strip(self) -> str:
        """The line that crops a strip to `x1` to `x2`."""
        how = 'strip[:, x1:x2]' if self._cv2 else 'strip.crop((x1, 0, x2, strip.height))'
        return f'{self.crop} = {how}'

    def place_corners(self, place: Place) -> None:
        """Computes the corners of a region that words state into `x1, y1, x2, y2`."""
        self._note('size')
        self.lines.append(f'h, w = {self.image}.shape[:2]' if self._cv2 else f'w, h = {self.image}.size')
        self._note('corners')
        self.lines += place.lines

    def color_corners(self, color: str) -> None:
        """Finds everything that has a colour; its corners go into `x1, y1, x2, y2`."""
        self._note('color', color=color)
        if self._cv2:
            masks = ' | '.join(f'cv2.inRange(hsv, {low}, {high})' for low, high in HUES[color])
            self.lines += [
                f'hsv = cv2.cvtColor({self.image}, cv2.COLOR_BGR2HSV)',
                f'mask = {masks}',
                'x, y, w, h = cv2.boundingRect(mask)',
                'x1, y1, x2, y2 = x, y, x + w, y + h',
            ]
            return
        self.lines += [
            'import numpy as np',
            f'pixels = np.asarray({self.image}.convert("RGB")).astype(int)',
            f'difference = np.abs(pixels - {PALETTE[color]}).max(axis=2)',
            'ys, xs = np.nonzero(difference < 24)',
            'x1, x2 = int(xs.min()), int(xs.max()) + 1',
            'y1, y2 = int(ys.min()), int(ys.max()) + 1',
        ]

    def grid_corners(self, outline: Box, grid: tuple[int, int, int, int]) -> None:
        """Computes the corners of a grid's cell into `x1, y1, x2, y2`."""
        rows, columns, row, column = grid
        self._note('outline')
        self.lines += [
            f'left, top, right, bottom = {outline.left}, {outline.top}, {outline.right}, {outline.bottom}',
            f'rows, cols = {rows}, {columns}',
            f'row, col = {row}, {column}',
            'cell_w, cell_h = (right - left) / cols, (bottom - top) / rows',
        ]
        self._note('cell')
        self.lines += [
            'x1, x2 = int(left + (col - 1) * cell_w), int(left + col * cell_w)',
            'y1, y2 = int(top + (row - 1) * cell_h), int(top + row * cell_h)',
        ]

    def zoom(self, factor: int) -> None:
        """Enlarges the crop."""
        if factor <= 1:
            return
        self._note('zoom')
        if self._cv2:
            how = self.rng.choice(('INTER_CUBIC', 'INTER_LANCZOS4', 'INTER_LINEAR'))
            size = CV2_SIZES[self.sizes].format(crop=self.crop, factor=factor, how=how)
            self.lines.append(f'{self.crop} = cv2.resize({self.crop}, {size})')
        else:
            how = self.rng.choice(('LANCZOS', 'BICUBIC', 'Resampling.LANCZOS', 'Resampling.BICUBIC'))
            size = PIL_SIZES[self.sizes].format(crop=self.crop, factor=factor)
            self.lines.append(f'{self.crop} = {self.crop}.resize({size}, Image.{how})')

    def rotate(self, angle: int, *, into: str = '') -> None:
        """Turns the crop by an angle, counterclockwise degrees, keeping all of it."""
        target = into or self.crop
        self._note('rotate')
        if self.library is Library.PIL:
            self.lines.append(f'{target} = {self.crop}.rotate({angle}, expand=True, resample=Image.BICUBIC)')
            return
        self.lines += [
            f'h, w = {self.crop}.shape[:2]',
            f'M = cv2.getRotationMatrix2D((w / 2, h / 2), {angle}, 1.0)',
            'c, s = abs(M[0, 0]), abs(M[0, 1])',
            'new_w, new_h = int(h * s + w * c), int(h * c + w * s)',
            'M[0, 2] += new_w / 2 - w / 2',
            'M[1, 2] += new_h / 2 - h / 2',
            f'{target} = cv2.warpAffine({self.crop}, M, (new_w, new_h), borderValue=(255, 255, 255))',
        ]

    def _spread(self, source: str, target: str) -> list[str]:
        """Stretches a crop that holds one text and its ground, and nothing else, to all grey levels."""
        if self._cv2:
            return [
                f'gray = cv2.cvtColor({source}, cv2.COLOR_BGR2GRAY)',
                f'{target} = cv2.normalize(gray, None, 0, 255, cv2.NORM_MINMAX)',
            ]
        return ['from PIL import ImageOps', f'{target} = ImageOps.autocontrast({source}.convert("L"))']

    def enhance(self, strength: Strength, *, source: str = '', into: str = '', alone: bool = False) -> None:
        """Raises the contrast of the crop; `alone` says that it holds one text and nothing else."""
        source, target = source or self.crop, into or self.crop
        self._note('enhance')
        if strength is Strength.WEAK:
            self.lines += self._weaker(source, target)
            return
        if alone:
            self.lines += self._spread(source, target)
            return
        gray = f'cv2.cvtColor({source}, cv2.COLOR_BGR2GRAY)' if self._cv2 else f'{source}.convert("L")'
        self.lines += ['import numpy as np', f'gray = np.asarray({gray}).astype(np.float32)', 'gh, gw = gray.shape']
        self.lines.append('middle = gray[gh // 3:2 * gh // 3, gw // 3:2 * gw // 3]')
        if self.rng.random() < 0.5:
            self.lines += [
                'low, high = np.percentile(middle, (1, 99))',
                'scaled = (gray - low) * 255 / (high - low + 1)',
            ]
        else:
            factor = self.rng.choice((4, 5, 6))
            self.lines.append(f'scaled = (gray - np.median(middle)) * {factor} + 128')
        array = 'np.clip(scaled, 0, 255).astype(np.uint8)'
        self.lines.append(f'{target} = {array}' if self._cv2 else f'{target} = Image.fromarray({array})')

    def _weaker(self, source: str, target: str) -> list[str]:
        if self._cv2:
            return [f'{target} = cv2.convertScaleAbs({source}, alpha=1.3, beta=-20)']
        return ['from PIL import ImageEnhance', f'{target} = ImageEnhance.Contrast({source}).enhance(1.5)']

    def save(self, what: str = '') -> str:
        """Saves and prints the path; returns the finished snippet."""
        what = what or self.crop
        self.saved += 1
        name = f'{self.stem}{"_" + str(self.saved) if self.saved > 1 else ""}.{self.ending}'
        if self.makes_folder and self.saved == 1:
            self.lines.append(f'os.makedirs("{FOLDER.rstrip("/")}", exist_ok=True)')
        self._note('save')
        path, where = self.path_name, f'"{FOLDER}{name}"'
        if self.saves_inline:
            self.lines.append(f'cv2.imwrite({where}, {what})' if self._cv2 else f'{what}.save({where})')
            self.lines.append(f'print({where})')
            return self.finish()
        self.lines.append(f'{path} = {where}')
        self.lines.append(f'cv2.imwrite({path}, {what})' if self._cv2 else f'{what}.save({path})')
        self.lines.append(f'print({path})')
        return self.finish()

    def finish(self) -> str:
        """The finished snippet."""
        text = '\n'.join(self.lines).strip('\n')
        self.lines = []
        return text

    def place_slip(self, place: Place) -> tuple[str, str]:
        """A first snippet that computes a region with floats and fails, and what is wrong with it in words."""
        if not self._cv2:
            return self.slip()
        self.begin()
        self.place_corners(place)
        self.lines = [line.replace('//', '/') for line in self.lines]
        self.cut_named()
        self.lines.append(f'print({self.crop}.shape)')
        self.loaded = False
        return self.finish(), '`/` gives floats and a slice needs whole numbers, so I divide with `//`'

    def slip(self) -> tuple[str, str]:
        """A first snippet that fails in a way beginners know, and what is wrong with it in words."""
        self.begin()
        if self._cv2:
            self.lines.append(f'width, height = {self.image}.size')
            words = f'`{self.image}.size` is a single number in OpenCV; the width and height are in `shape`'
        else:
            self.lines.append(f'height, width = {self.image}.shape[:2]')
            words = 'a Pillow image has no `shape`; its width and height are in `size`'
        self.lines.append('print(width, height)')
        self.loaded = False
        return self.finish(), words

    def _imports(self) -> list[str]:
        lines = ['import cv2'] if self._cv2 else ['from PIL import Image']
        return [*lines, 'import os'] if self.makes_folder else lines

    def computation(self, program: str) -> str:
        """A program that prints a number, in this habit."""
        named = self.rng.choice(RESULT_NAMES)
        program = re.sub(r'\b(result|answer|total)\b', named, program)
        self._note('compute')
        self.lines.append(program)
        return self.finish()

    def _note(self, about: str, **words: object) -> None:
        if self.comments:
            self.lines.append(f'# {self.rng.choice(NOTES[about]).format(**words)}')

    @property
    def _cv2(self) -> bool:
        return self.library is Library.CV2


def _hundredth(edge: int, side: int, outward: bool) -> int:
    share = -(-100 * edge // side) if outward else 100 * edge // side
    return int(float(f'{share / 100:.2f}') * side)
