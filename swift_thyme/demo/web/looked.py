"""Where the model looked: the boxes of its crops on the question's picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from ... import protocol
from ...crops.match import How, Pixels, locate, pixels
from ...crops.regions import Box, RegionReader
from ...types import SandboxResult
from .transcript import Transcript


@dataclass
class Looked:
    """The boxes found so far; feed it the transcript as it grows."""

    picture: Path
    _whole: Pixels | None = None
    _reader: RegionReader | None = None
    _done: int = 0
    boxes: list[tuple[Box, str]] = field(default_factory=list)
    """Box in pixels, and a label."""

    def follow(self, transcript: Transcript) -> bool:
        """Takes in the rounds that have ended since; whether a box is new."""
        before = len(self.boxes)
        finished = [one for one in transcript.rounds if one.result is not None]
        for number, one in enumerate(finished[self._done :], self._done + 1):
            if one.result is not None:
                self._add(number, protocol.code_at_end(one.text) or '', one.result)
        self._done = len(finished)
        return len(self.boxes) > before

    def _add(self, number: int, code: str, result: SandboxResult) -> None:
        if self._whole is None or self._reader is None:
            with Image.open(self.picture) as image:
                self._whole = pixels(image.convert('RGB'))
            self._reader = RegionReader(self._whole.width_px, self._whole.height_px)
        stated = self._reader.boxes(code)
        for image in result.images:
            with Image.open(image.path) as crop:
                place = locate(self._whole, pixels(crop.convert('RGB')), stated)
            if place is not None and place.how is not How.WHOLE:
                self.boxes.append((place.box, f'code {number}'))
