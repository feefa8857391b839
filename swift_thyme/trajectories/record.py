"""Records made from what happened, and written: one folder a step of a training run, readable while it runs.

`OUTPUT_DIR/trajectories/step-000012/` holds one JSON line a trajectory (`rank-0.jsonl`) and the pictures its code
returned. A line is complete or not there; a step's pictures are written before its lines. Older steps are removed once
the folder outgrows its bound.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from .. import picture
from ..agent import assistant_text
from ..errors import DataError
from ..types import StopReason, Turn
from .codec import as_line
from .model import Record, RecordedTurn, Stretch
from .read import read_records

FOLDER = 'trajectories'
EVAL_FOLDER = 'trajectories-eval'
"""Of `--eval_strategy`: the same, of trajectories that nothing is learnt from."""
_SHOWN_CHARS = 500


def record_of(
    turns: Sequence[Turn], stop_reason: StopReason, *, error: str = '', segments: Sequence[Sequence[Stretch]] = ()
) -> Record:
    """A trajectory as a record.

    Args:
        turns: of a finished one.
        stop_reason: why it ended.
        error: of the machinery.
        segments: for each turn how its tokens were sampled, where that is known.
    """
    known = [*segments, *([()] * (len(turns) - len(segments)))]
    return Record(
        turns=tuple(_turn(turn, tuple(some)) for turn, some in zip(turns, known, strict=True)),
        text=assistant_text(turns),
        stop_reason=stop_reason,
        error=error,
    )


def _turn(turn: Turn, segments: tuple[Stretch, ...]) -> RecordedTurn:
    result = turn.result
    if result is None:
        return RecordedTurn(turn.text, turn.code, segments=segments)
    return RecordedTurn(
        text=turn.text,
        code=turn.code,
        outcome=result.outcome,
        raw_outcome=result.raw_outcome,
        sandbox_text=result.text,
        images=tuple(image.path for image in result.images),
        repairs=result.repairs,
        repairs_seen=result.repairs_seen,
        elapsed_s=result.elapsed_s,
        segments=segments,
    )


class Recorder:
    """Writes the trajectories of one rank, batch by batch. A run that goes on writes its steps once."""

    def __init__(self, root: Path, *, rank: int = 0, max_bytes: int = 1 << 30) -> None:
        self._root, self._name, self._max_bytes = root, f'rank-{rank}.jsonl', max_bytes
        self._life: int | None = None
        self._step, self._groups = -1, 0
        """Groups that were written for this step, those of other ranks included."""

    def write(self, records: Sequence[tuple[Record, int]], step: int, groups: int) -> None:
        """Writes a batch. The first one of a run removes what an earlier life wrote of this step and later ones.

        Args:
            records: each with the number of its group within the batch; of those without turns nothing is known.
            step: the trainer's global step.
            groups: how many the batch has, over all ranks.
        """
        if self._life is None:
            self._life = self._begin(step)
        if self._step != step:
            self._step, self._groups = step, 0
        folder = self._root / f'step-{step:06d}'
        (folder / 'images').mkdir(parents=True, exist_ok=True)
        lines = [
            as_line(replace(kept(record, folder), step=step, life=self._life, prompt_id=f'prompt_{self._groups + n}'))
            for record, n in records
            if record.turns
        ]
        with (folder / self._name).open('ab') as file:
            file.write(b''.join(lines))
        self._groups += groups
        self._trim()

    def _begin(self, step: int) -> int:
        """Removes what this step and later ones have of an earlier life; returns the number of the new one."""
        lives = [-1]
        for folder in sorted(self._root.glob('step-*')):
            path = folder / self._name
            if path.is_file():
                first = next(read_records(path, on_problem=lambda problem: None), None)
                lives += [] if first is None else [first.life or 0]
                if int(folder.name.removeprefix('step-')) >= step:
                    path.unlink()
        return max(lives) + 1

    def _trim(self) -> None:
        steps = sorted(self._root.glob('step-*'))
        sizes = {step: _bytes_in(step) for step in steps}
        while len(steps) > 1 and sum(sizes[step] for step in steps) > self._max_bytes:
            shutil.rmtree(steps.pop(0), ignore_errors=True)


def kept(record: Record, folder: Path) -> Record:
    """A record whose pictures lie under a folder, in `images`; it names them relative to the folder.

    Raises:
        OSError: the folder cannot be written.
    """
    turns = (replace(turn, images=tuple(_keep(image, folder) for image in turn.images)) for turn in record.turns)
    return replace(record, turns=tuple(turns), images=tuple(_keep(image, folder) for image in record.images))


def _bytes_in(folder: Path) -> int:
    """The size of what a folder holds; other ranks write to it and remove from it meanwhile."""
    size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                size += os.stat(os.path.join(parent, name)).st_size
    return size


def _keep(reference: Any, folder: Path) -> str:
    """Puts a picture under a folder by content; returns its path relative to the folder, or what it was."""
    if not reference:
        return ''
    try:
        found = picture.plain(picture.resolve(reference))
    except DataError:
        return str(reference)[:_SHOWN_CHARS]
    content = found if isinstance(found, bytes) else found.read_bytes()
    return str(picture.save(content, folder / 'images').relative_to(folder))
