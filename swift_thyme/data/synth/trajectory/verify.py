"""Re-executes an SFT set from its files alone: does every snippet still run, and does every picture hold its target?

Owns the check. It trusts nothing that the generator remembers: code comes from the rows' text, pictures from the files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ....protocol import code_blocks, render_sandbox_output, segments
from ....types import SandboxResult, SegmentKind
from ..rows import Row
from ..types import Box
from ..writers import read_canonical, sha256_of
from .bench import Bench

SIMILAR = 12.0
"""Largest mean difference (grey levels, 0 to 255) between a returned crop and its region of the original."""
_COMPARE_PX = 48


@dataclass
class Verdict:
    """What re-execution found."""

    rows: int = 0
    rounds: int = 0
    pictures: int = 0
    identical_pictures: int = 0
    """Returned pictures whose bytes equal the stored ones."""
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every row ran as written and every picture holds its target."""
        return not self.problems


def verify(out: Path, progress: Callable[[int], None] | None = None) -> Verdict:
    """Re-executes every trajectory of a set.

    Args:
        out: the set's folder.
        progress: told the number of rows done.

    Raises:
        DataError: the folder holds no set.
        SandboxUnavailable: this machine has no working sandbox.
    """
    verdict = Verdict()
    with Bench() as bench:
        for row in read_canonical(out):
            _verify_row(row, out, bench, verdict)
            verdict.rows += 1
            if progress is not None:
                progress(verdict.rows)
    return verdict


def _verify_row(row: Row, out: Path, bench: Bench, verdict: Verdict) -> None:
    images, messages, views = row['images'], row['messages'], row.get('views')
    assert isinstance(images, list) and isinstance(messages, list)
    if not isinstance(views, list):
        verdict.problems.append(f'{row["id"]}: not an SFT row, it has no column `views`')
        return
    text = messages[-1]['content']
    original = out / images[0] if row['width'] else None
    returned: list[Path] = []
    with bench.session(original, images[0] if original else '') as session:
        outputs = [s.text for s in segments(text) if s.kind is SegmentKind.SANDBOX]
        for number, (code, output) in enumerate(zip(code_blocks(text), outputs, strict=True), 1):
            result = session.run(code)
            verdict.rounds += 1
            if render_sandbox_output(result) != output:
                verdict.problems.append(f'{row["id"]} round {number}: {_told(result)}, not what the row says')
            returned += [Path(image.path) for image in result.images]
        stored = [out / name for name in images[1 if original else 0 :]]
        if len(returned) != len(stored) or len(returned) != len(views):
            verdict.problems.append(f'{row["id"]}: {len(returned)} pictures came back, the row has {len(stored)}')
            return
        for new, kept, view in zip(returned, stored, views, strict=True):
            verdict.pictures += 1
            verdict.identical_pictures += hashlib.sha256(new.read_bytes()).hexdigest() == sha256_of(kept)
            problem = picture_problem(row, view, original, new)
            if problem:
                verdict.problems.append(f'{row["id"]}: {problem}')


def _told(result: SandboxResult) -> str:
    return f'{result.outcome.value} with {len(result.images)} pictures and {result.text!r}'


def picture_problem(row: Row, view: Row, original: Path | None, returned: Path) -> str:
    """What is wrong with a returned picture, in words; empty where it holds the whole target.

    Args:
        row: its `box` is the target's, pixels of the original.
        view: the region of the original that the picture claims to show, and how.
        original: the row's picture.
        returned: the picture to check. One that was not turned or strengthened is compared with its region.
    """
    box, region = row['box'], view['region']
    assert isinstance(region, list) and original is not None
    claimed = Box(*region)
    if isinstance(box, list) and not claimed.holds(Box(*box)):
        return f'the region {region} does not hold the target {box}'
    with Image.open(returned) as picture:
        size, shown = picture.size, _thumb(picture)
    if view['turn_deg']:
        shorter = min(claimed.width, claimed.height) * int(str(view['zoom']))
        return '' if min(size) >= shorter - 4 else f'the turned picture {size} is smaller than its region {region}'
    if view['enhanced']:
        return ''
    with Image.open(original) as whole:
        expected = _thumb(whole.crop(tuple(claimed)))
    difference = float(np.abs(shown - expected).mean())
    return '' if difference <= SIMILAR else f'the picture differs from its region {region} by {difference:.1f} levels'


def _thumb(picture: Image.Image) -> NDArray[np.float32]:
    small = picture.convert('L').resize((_COMPARE_PX, _COMPARE_PX), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32)
