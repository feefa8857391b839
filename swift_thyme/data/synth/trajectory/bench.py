"""The sandbox of one generating process, opened when the first trajectory needs it.

Owns the sandbox's life and where returned pictures go. One `Bench` serves all rows of a process.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from ....sandbox import BlockingSandbox, BlockingSession
from ..rows import Draft
from ..seeds import rng_for
from .run import Played, inputs, play
from .script import script_for


class Bench:
    """Plays trajectories; use as a context manager or `close` it."""

    def __init__(self) -> None:
        self._sandbox: BlockingSandbox | None = None

    @contextmanager
    def session(self, picture: Path | None, prompt_path: str) -> Iterator[BlockingSession]:
        """A fresh session for one row; its returned pictures live until it ends.

        Raises:
            SandboxUnavailable: this machine has no working sandbox.
        """
        if self._sandbox is None:
            self._sandbox = BlockingSandbox()
        with tempfile.TemporaryDirectory(prefix='thyme-synth-') as folder:
            images = inputs(picture, prompt_path)
            with self._sandbox.open(images, output_dir=folder) as session:
                yield session

    def make(self, made: Draft, out: Path) -> tuple[Played, tuple[str, ...]]:
        """Plans a row's trajectory, runs it, and keeps its pictures beside the row's own.

        Args:
            made: the finished question; its picture is already in place.
            out: the set's folder.

        Returns:
            The trajectory, and its returned pictures' paths relative to the folder.

        Raises:
            TrajectoryError: the code did not do what was planned.
        """
        script = script_for(made, rng_for('script', made.id))
        kept = []
        with self.session(out / made.file if made.file else None, made.file) as session:
            played = play(script, session)
            for number, path in enumerate(played.pictures, 1):
                name = f'images/{made.id}_{number}{path.suffix}'
                shutil.copyfile(path, out / name)
                kept.append(name)
        return played, tuple(kept)

    def close(self) -> None:
        """Ends the sandbox; any number of times."""
        if self._sandbox is not None:
            self._sandbox.close()
            self._sandbox = None

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
