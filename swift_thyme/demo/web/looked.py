"""Where the model looked: the boxes of its crops on the question's picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from ... import protocol
from ...crops.locate import FoundBy, Locator, pixels
from ...types import SandboxResult
from .transcript import Transcript


@dataclass
class Looked:
    """The boxes found so far; feed it the transcript as it grows."""

    picture: Path
    _locator: Locator | None = None
    _done: int = 0
    boxes: list[tuple[tuple[int, int, int, int], str]] = field(default_factory=list)
    """Left, top, right and bottom in pixels, and a label."""

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
        if self._locator is None:
            with Image.open(self.picture) as image:
                self._locator = Locator(pixels(image.convert('RGB')))
        returned = []
        for image in result.images:
            with Image.open(image.path) as crop:
                returned.append(pixels(crop.convert('RGB')))
        for place in self._locator.locate(code, returned):
            if place is not None and place.by is not FoundBy.WHOLE:
                self.boxes.append((place.box, f'code {number}'))
