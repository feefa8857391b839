"""Finds the checkpoint that training goes on from (`--resume_from_checkpoint auto`)."""

from __future__ import annotations

import json
from pathlib import Path


def latest_checkpoint(output_dir: Path) -> Path | None:
    """The checkpoint with the most steps below an output folder that was written to its end.

    The host writes `checkpoint-N` into the folder, or into a folder of its own for every run (`v0-…`). One that a crash
    cut short is passed over: `trainer_state.json` is written after weights and optimizer, and DeepSpeed names the last
    complete set of its own files in `latest`.

    Returns:
        The folder, or None when there is none to go on from.
    """
    found = [path for pattern in ('checkpoint-*', '*/checkpoint-*') for path in output_dir.glob(pattern)]
    complete = [(steps, path.stat().st_mtime, path) for path in found if (steps := _steps(path)) is not None]
    return max(complete)[2] if complete else None


def _steps(path: Path) -> int | None:
    """Steps of a complete checkpoint."""
    number = path.name.removeprefix('checkpoint-')
    state, latest = path / 'trainer_state.json', path / 'latest'
    if not number.isdigit() or not state.is_file() or not any(path.glob('*.safetensors')):
        return None
    try:
        json.loads(state.read_text(encoding='utf-8'))
    except ValueError:
        return None
    shards = list(path.glob('global_step*'))
    if shards and not (latest.is_file() and (path / latest.read_text(encoding='utf-8').strip()).is_dir()):
        return None
    return int(number)
