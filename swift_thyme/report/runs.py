"""Finding a run and reading the host's log. Owns what of `logging.jsonl` is a curve."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..trajectories.record import FOLDER

LOG = 'logging.jsonl'
_STEP = 'global_step/max_steps'
_NO_CURVES = {_STEP, 'epoch', 'percentage', 'elapsed_time', 'remaining_time', 'global_step'}

Curve = list[tuple[float, float]]
"""(step, value) in the order of steps."""


@dataclass(frozen=True)
class Run:
    """One training run: an `OUTPUT_DIR` of the host."""

    folder: Path
    name: str
    """For headings: the folder's path from where the search began."""

    @property
    def trajectories(self) -> Path | None:
        """Where the run saved trajectories; None where it saved none."""
        saved = self.folder / FOLDER
        if saved.is_dir():
            return saved
        completions = self.folder / 'completions.jsonl'
        return completions if completions.is_file() else None

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The host's `args.json`; empty where it is missing or no JSON object."""
        try:
            found = json.loads((self.folder / 'args.json').read_text(encoding='utf-8'))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def began(self) -> float:
        """When it began, about, in seconds since 1970: the age of the file that the host writes first."""
        marks = [self.folder / 'args.json', self.folder / LOG, self.folder / FOLDER]
        return min((mark.stat().st_mtime for mark in marks if mark.exists()), default=0.0)


@dataclass
class Log:
    """The host's log of a run."""

    curves: dict[str, Curve] = field(default_factory=dict)
    """Metric → its values; only numbers."""
    last: dict[str, Any] = field(default_factory=dict)
    """Facts of the last lines: elapsed and remaining time, steps so far and in all."""
    ended: bool = False
    """Whether the host has written its last line."""


def find_runs(paths: Sequence[Path]) -> list[Run]:
    """The runs at or below some folders, oldest first.

    Args:
        paths: of each, an `OUTPUT_DIR`, or a folder above several (a quickstart's, one with `v0-…` versions).

    Raises:
        DataError: there is none at one of them.
    """
    folders = {folder.resolve(): folder for path in paths for folder in _run_folders(path)}
    above = Path(os.path.commonpath(folders))
    runs = [
        Run(shown, str(folder.relative_to(above)) if folder != above else folder.name)
        for folder, shown in folders.items()
    ]
    return sorted(runs, key=lambda run: (run.began, str(run.folder)))


def _run_folders(path: Path) -> set[Path]:
    found = {p.parent for name in (LOG, 'completions.jsonl') for p in path.rglob(name)}
    found |= {p.parent for p in path.rglob(FOLDER) if p.is_dir()}
    if not found:
        raise DataError(
            f"no run to report on: got {str(path)!r}; expected the host's OUTPUT_DIR (with {LOG} or {FOLDER}/) or a "
            'folder above one; check the path'
        )
    return found


def read_log(folder: Path) -> Log:
    """Reads `logging.jsonl`; lines that are no JSON objects (one is still being written) are passed over."""
    log = Log()
    file = folder / LOG
    for values in _lines(file) if file.is_file() else ():
        step = _step_of(values)
        log.last |= {k: v for k, v in values.items() if k in (_STEP, 'elapsed_time', 'remaining_time', 'memory(GiB)')}
        log.ended |= 'train_runtime' in values
        if step is None:
            continue
        for name, value in values.items():
            if name not in _NO_CURVES and isinstance(value, (int, float)) and math.isfinite(value):
                log.curves.setdefault(name, []).append((step, float(value)))
    for curve in log.curves.values():
        curve.sort(key=lambda point: point[0])
    return log


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding='utf-8', errors='replace') as lines:
        for line in lines:
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                yield value


def _step_of(values: dict[str, Any]) -> float | None:
    text, _, _ = str(values.get(_STEP, '')).partition('/')
    return float(text) if text.isdigit() and 'train_runtime' not in values else None
