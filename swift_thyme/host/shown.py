"""Pictures as a model is shown them (decoded, RGB, resized), kept for those who are shown them again.

A picture is encoded once for every round of a trajectory, every member of a group and the training step, and for a
large one that means decoding and shrinking it each time. Owns that memory and its bound, and what is known
of a picture's size before it is shown; how it is shown is the host's. Nothing here changes a pixel.
"""

from __future__ import annotations

import asyncio
import io
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from functools import lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from PIL import Image
from swift.template import Template

from .. import picture
from ..config import RolloutSettings
from ..errors import DataError
from .arguments import host_run

if TYPE_CHECKING:
    from swift.template import Template as _Base
else:
    _Base = object

_pillow: Any = Image.core  # type: ignore[attr-defined]
_BYTES_A_PIXEL = 4
"""Pillow keeps RGB in 32 bits."""
_BLANK_PX = 56
_MOST_BLOCKS = 64
"""Freed memory that is kept while pictures are being decoded, in Pillow's blocks of 16 MiB."""


class ShownPictures:
    """A bounded memory of pictures; the least recently used go first. Safe to use from several threads.

    Pictures are handed out as they are kept: whoever wants to draw on one makes a copy.
    """

    def __init__(self, limit_bytes: int) -> None:
        """Makes an empty one.

        Args:
            limit_bytes: of memory; 0 keeps nothing.
        """
        self._limit = limit_bytes
        self._bytes = 0
        self._kept: OrderedDict[Hashable, Image.Image] = OrderedDict()
        self._in_work: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def keeps(self) -> bool:
        """Whether it may hold anything at all."""
        return self._limit > 0

    def get(self, key: Hashable) -> Image.Image | None:
        """The picture of a key, or None."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def get_or_make(self, key: Hashable, make: Callable[[], Image.Image | None]) -> Image.Image | None:
        """The picture of a key, made now if it is not there; threads that ask for the same one wait for one of them.

        Raises:
            Exception: whatever `make` raises; the next thread that waited then tries itself.
        """
        with self._lock:
            in_work = self._in_work.setdefault(key, threading.Lock())
        with in_work:
            image = self.get(key)
            try:
                if image is None:
                    image = make()
                    if image is not None:
                        self._keep(key, image)
            finally:
                with self._lock:
                    self._in_work.pop(key, None)
        return image

    def _keep(self, key: Hashable, image: Image.Image) -> None:
        with self._lock:
            self._drop(key)
            self._kept[key] = image
            self._bytes += _size(image)
            while self._bytes > self._limit:
                self._drop(next(iter(self._kept)))

    def _drop(self, key: Hashable) -> None:
        image = self._kept.pop(key, None)
        self._bytes -= 0 if image is None else _size(image)


def _size(image: Image.Image) -> int:
    return image.width * image.height * _BYTES_A_PIXEL


class KeptMemory:
    """While anyone is inside, Pillow uses the memory of freed pictures for the next ones; then the system has it back.

    A decoded 4K picture and the copy that the host makes of it are 88 MB of fresh pages; with two threads on two cores
    getting them was a fifth to a quarter of the work. Safe to enter from several threads.
    """

    def __init__(self) -> None:
        self._inside = self._before = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = _pillow.get_blocks_max()
                _pillow.set_blocks_max(max(self._before, _MOST_BLOCKS))
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                _pillow.set_blocks_max(self._before)


_memory = KeptMemory()


@lru_cache(maxsize=1)
def shown_pictures() -> ShownPictures:
    """Those of this process, bounded by `THYME_PICTURE_MB`."""
    return ShownPictures(RolloutSettings.from_env().picture_mb << 20)


class ShowsPictures(_Base):
    """Mixed in before a host template: shows pictures from memory, each the same in rollouts and in training."""

    @staticmethod
    def _load_image(image: Any, load_images: bool) -> Any:
        """As the host's, for pictures that readers see differently as a plain copy (`picture.plain`)."""
        if not isinstance(image, Image.Image):
            with suppress(DataError):  # a web address, or something that the host has a better word for
                found = picture.resolve(image)
                plain = picture.plain(found)
                if isinstance(plain, bytes) and plain is not found:
                    image = Image.open(io.BytesIO(plain))
        return Template._load_image(image, load_images)

    def show(self, given: Any) -> Image.Image | None:
        """A picture as the model sees it: decoded, RGB, resized; from memory if this process showed it before.

        Loaded and resized by the host's own code. Safe to call from several threads.

        Args:
            given: as in a request: a path, base64, a `data:` URL, bytes, or a dict of these.

        Returns:
            An RGB picture; None where the host has to do it (web addresses, `--max_pixels`, odd sizes).

        Raises:
            OSError, ValueError, SyntaxError: it cannot be read.
        """
        key = self._picture_key(given)
        return None if key is None else shown_pictures().get_or_make(key, lambda: self._show(given))

    async def show_all(self, given: Iterable[Any]) -> None:
        """Shows pictures side by side, outside of the event loop; whoever encodes them then finds them done.

        What cannot be read is left to that encoding to find out. Where nothing is kept, nothing is done ahead.
        """
        if not shown_pictures().keeps:
            return
        with _memory:
            await asyncio.gather(*(asyncio.to_thread(self.show, one) for one in given), return_exceptions=True)

    def _show(self, given: Any) -> Image.Image | None:
        once = self._as_host_shows(self._load_image(given, load_images=True))
        try:
            again = self._as_host_shows(once)
        except ValueError:
            return None
        return once if again.size == once.size else None

    def _as_host_shows(self, image: Any) -> Image.Image:
        inputs = SimpleNamespace(images=[image], chat_template_kwargs={}, mm_processor_kwargs={})
        self.replace_tag('image', 0, inputs)
        shown: Image.Image = inputs.images[0]
        return shown

    def _picture_key(self, given: Any) -> tuple[object, ...] | None:
        from qwen_vl_utils import vision_process

        known = None if self.max_pixels is not None else picture.fingerprint(given)
        if known is None:
            return None
        limits = vision_process.IMAGE_MIN_TOKEN_NUM, vision_process.IMAGE_MAX_TOKEN_NUM
        return *known, *limits, int(self.processor.image_processor.patch_size)

    def shown(self, inputs: Any) -> list[Any]:
        """The pictures of a row, as they are shown where that is known: rollouts make what is not, SFT does not."""
        if inputs.objects or inputs.chat_template_kwargs or not (self._makes or shown_pictures()):
            return list(inputs.images)
        return [self._known(image) or image for image in inputs.images]

    @property
    def _makes(self) -> bool:
        """Whether what is shown will be shown again: to every round of a trajectory and every member of its group."""
        return not self.is_training or host_run().rolls_out

    def _known(self, given: Any) -> Image.Image | None:
        if self._makes:
            return self.show(given)
        key = self._picture_key(given)
        return None if key is None else shown_pictures().get(key)

    def shown_size(self, width_px: int, height_px: int) -> tuple[int, int]:
        """Width and height, px, at which the model is shown a picture of this size, by the host's own rule.

        Raises:
            DataError: the host cannot show it: too narrow for a model of this family, at this pixel budget at least.
        """
        from qwen_vl_utils import vision_process

        factor = int(self.processor.image_processor.patch_size) * self._merge_size
        width, height = width_px, height_px
        if self.max_pixels and width * height > self.max_pixels:
            shrunk = math.sqrt(self.max_pixels / (width / height))
            height, width = int(shrunk), int(shrunk * (width_px / height_px))
        try:
            height, width = vision_process.smart_resize(height, width, factor)
            vision_process.smart_resize(height, width, factor)  # what is shown may be shown again
        except (ValueError, ZeroDivisionError) as error:
            budget = min(self.max_pixels or math.inf, vision_process.IMAGE_MAX_TOKEN_NUM * factor**2)
            raise DataError(
                f'{width_px}x{height_px} is too narrow to be shown at {budget} pixels (MAX_PIXELS); use a picture of '
                'a smaller aspect ratio'
            ) from error
        return width, height

    def picture_problem(self, width_px: int, height_px: int) -> str:
        """Why the model cannot be shown a picture of this size; empty where it can."""
        try:
            self.shown_size(width_px, height_px)
        except DataError as error:
            return str(error).partition(' (MAX_PIXELS)')[0]
        return ''

    def visual_tokens(self, width_px: int, height_px: int) -> int:
        """Tokens that one picture of this size becomes.

        Raises:
            DataError: the model cannot be shown such a picture.
        """
        factor = int(self.processor.image_processor.patch_size) * self._merge_size
        width, height = self.shown_size(width_px, height_px)
        return (height // factor) * (width // factor)

    def blank_for_unreadable(self, pictures: list[Any]) -> list[Any]:
        """The pictures of a rollout's prompt with a blank for each that cannot be shown; its scheduler is told."""
        kept = []
        for one in pictures:
            try:
                picture.check(one)
                self.shown_size(*picture.size(one))
                kept.append(one)
            except DataError as error:
                picture.BAD_ROWS.note(pictures, str(error))
                kept.append(Image.new('RGB', (_BLANK_PX, _BLANK_PX)))
        return kept

    @property
    def _merge_size(self) -> int:
        return int(self.processor.image_processor.merge_size)
