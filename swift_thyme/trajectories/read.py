"""Finding and reading saved trajectories, whoever wrote them, one at a time.

Owns files and lines: which are looked at, half-written and broken ones, the order. What a line means is in `codec`
(ours) and `foreign` (the host's and the release's). Memory is bounded by the longest line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DataError
from .codec import from_json, is_ours
from .foreign import completions, host_result, is_completions, is_host_result, is_vis, vis
from .model import Record

MAX_LINE_CHARS = 256 << 20
"""A longer line is no trajectory; it is skipped and reported."""
_WHOLE_FILE_CHARS = 64 << 20
_WHOLE_FILES = ('trajectory.json', 'vis.json')
"""Other `.json` files are only read when they are named: run folders are full of large ones."""
_NO_TRAJECTORIES = {'logging.jsonl', 'thyme_rewards.jsonl', 'args.json', 'config.json', 'summary.json'}


@dataclass(frozen=True)
class Problem:
    """A line or file that could not be read."""

    where: str
    """File and line."""
    message: str


def find_files(path: Path) -> list[Path]:
    """The files below a folder that may hold trajectories, in the order in which they are shown.

    Where a training run saved its own trajectories, its `completions.jsonl` is left out: it tells of the same ones.

    Args:
        path: a file, which is taken as it is, or a folder.

    Raises:
        DataError: the path does not exist.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(f'no trajectories: got {str(path)!r}, which does not exist; expected a file or a folder')
    found = sorted(p for p in path.rglob('*.json*') if _may_hold(p))
    saved = {p.parent.parent.parent for p in found if p.parent.parent.name == 'trajectories'}
    return [p for p in found if not (p.name == 'completions.jsonl' and p.parent in saved)]


def _may_hold(path: Path) -> bool:
    if not path.is_file() or path.name in _NO_TRAJECTORIES:
        return False
    return path.suffix == '.jsonl' or path.name in _WHOLE_FILES


def read_records(path: Path, on_problem: Callable[[Problem], None] | None = None) -> Iterator[Record]:
    """Reads every trajectory of a file or folder, one at a time.

    A last line without its line end is still being written and is passed over. Below a folder, a file whose first
    line is no trajectory (rows of a data set, a log) is passed over as a whole.

    Args:
        path: a file, or a folder that is searched through.
        on_problem: called for a line that cannot be read, which is then passed over.

    Raises:
        DataError: the path does not exist; or, without `on_problem`, a line cannot be read.
    """
    for file in find_files(path):
        known = file == path
        for where, value in _values(file, on_problem):
            if not known and not _is_trajectory(value):
                break
            known = True
            try:
                yield from _records(value, where, file)
            except DataError as error:
                _report(on_problem, where, error)


def _is_trajectory(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and _is_trajectory(value[0])
    return isinstance(value, dict) and (
        is_ours(value) or is_completions(value) or is_vis(value) or is_host_result(value)
    )


def _records(value: Any, where: str, file: Path) -> Iterator[Record]:
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield from _records(item, f'{where}[{i}]', file)
    elif not isinstance(value, dict):
        raise DataError(f'{where}: expected a JSON object, got {type(value).__name__}; give a file of trajectories')
    elif is_ours(value):
        yield from_json(value, where, file.parent)
    elif is_completions(value):
        yield from completions(value, where, file.parent)
    elif is_vis(value):
        yield vis(value, where, file.parent)
    elif is_host_result(value):
        yield host_result(value, where, file.parent)
    else:
        fields = ', '.join(list(value)[:12]) or 'none'
        raise DataError(
            f'{where}: is no trajectory: its fields are {fields}; expected schema and turns (this package), prompt and '
            "completion (the host's completions.jsonl), response and messages (its result files), or trajectory and qs "
            "(the release's vis.json)"
        )


def _values(file: Path, on_problem: Callable[[Problem], None] | None) -> Iterator[tuple[str, Any]]:
    if file.suffix == '.json':
        yield from _whole(file, on_problem)
        return
    with file.open(encoding='utf-8', errors='replace') as lines:
        number = 0
        while line := lines.readline(MAX_LINE_CHARS):
            number += 1
            where = f'{file}:{number}'
            if not line.endswith('\n') and len(line) >= MAX_LINE_CHARS:
                while line and not line.endswith('\n'):
                    line = lines.readline(MAX_LINE_CHARS)
                _report(on_problem, where, DataError(f'{where}: longer than {MAX_LINE_CHARS} characters; not read'))
                continue
            try:
                if line.strip():
                    yield where, json.loads(line)
            except ValueError as error:
                if line.endswith('\n'):
                    _report(on_problem, where, DataError(f'{where}: is no JSON: {error}; remove the line'))


def _whole(file: Path, on_problem: Callable[[Problem], None] | None) -> Iterator[tuple[str, Any]]:
    try:
        if file.stat().st_size > _WHOLE_FILE_CHARS:
            raise DataError(f'{file}: larger than {_WHOLE_FILE_CHARS} bytes; write one JSON object a line (.jsonl)')
        value = json.loads(file.read_text(encoding='utf-8', errors='replace'))
    except DataError as error:
        _report(on_problem, str(file), error)
    except ValueError as error:
        _report(on_problem, str(file), DataError(f'{file}: is no JSON: {error}; write it again'))
    else:
        yield str(file), value


def _report(on_problem: Callable[[Problem], None] | None, where: str, error: DataError) -> None:
    if on_problem is None:
        raise error
    on_problem(Problem(where, str(error)))
