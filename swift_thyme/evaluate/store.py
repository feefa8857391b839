"""A run's folder: every trajectory as it finishes, so that a killed run goes on where it was.

    RUN/run.json              the settings, which must be the same when it goes on; one entry a session
    RUN/trajectories.jsonl    one finished trajectory a line (docs/trajectories.md)
    RUN/failures.jsonl        attempts that the machinery failed at; they are made again when the run goes on
    RUN/pictures/             what code returned          RUN/inputs/   pictures that the set carried as base64

Owns files only. A line is complete or not there: a torn last line of a killed run is cut off.
"""

from __future__ import annotations

import fcntl
import json
import platform
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from ..errors import ConfigError, DataError
from ..trajectories import Record, as_line, read_records
from ..trajectories.lines import append_line, replace_file, whole_lines
from .grading import Grade

TRAJECTORIES, FAILURES, RUN = 'trajectories.jsonl', 'failures.jsonl', 'run.json'
_PACKAGES = ('swift-thyme', 'ms-swift', 'torch', 'transformers', 'vllm', 'numpy', 'pillow', 'opencv-python-headless')
Key = tuple[str, str, int]
"""Item id, condition, repeat."""


def key_of(record: Record) -> Key:
    """Which attempt a record is of."""
    return record.item_id, record.condition, record.repeat or 0


def with_grade(record: Record, grade: Grade) -> Record:
    """A record with its verdict."""
    return replace(record, verdict=grade.mark.value, graded_by=grade.by)


class Failure(msgspec.Struct, frozen=True):
    """An attempt that the machinery failed at."""

    item_id: str
    condition: str
    repeat: int
    cause: str

    @property
    def key(self) -> Key:
        """Which attempt it was."""
        return self.item_id, self.condition, self.repeat


class _Run(msgspec.Struct, frozen=True):
    """`run.json`."""

    settings: dict[str, Any]
    sessions: list[dict[str, Any]]


class Store:
    """One run's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pictures = folder / 'pictures'

    @contextmanager
    def opened(self, settings: Mapping[str, Any]) -> Iterator[None]:
        """Opens the folder for a session of a run with these settings, new or begun before; others are kept away.

        Args:
            settings: what must not change while a run goes on; plain JSON values.

        Raises:
            ConfigError: the folder holds a run with other settings, or something else, or is in use.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / '.lock').open('w') as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise ConfigError(
                    f'{self.folder} is in use by another process: expected it free; wait, or name another'
                ) from error
            self._begin(settings)
            yield

    def _begin(self, settings: Mapping[str, Any]) -> None:
        path = self.folder / RUN
        if path.is_file():
            run = self.settings()
            self._require_same(run['settings'], json.loads(json.dumps(settings)))
        elif (self.folder / TRAJECTORIES).exists():
            raise ConfigError(f'{self.folder} holds trajectories of another kind: expected a new folder; name another')
        else:
            run = {'settings': settings, 'sessions': []}
        started = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())
        run['sessions'].append({'started': started, 'versions': versions()})
        replace_file(path, [json.dumps(run, indent=1, ensure_ascii=False).encode()])
        for file in (self.folder / TRAJECTORIES, self.folder / FAILURES):
            if file.is_file():
                replace_file(file, whole_lines(file))

    def _require_same(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        by_hash = ('rows_left_out', 'columns_left_out', 'readable')  # the data's hash decides
        told = (before.keys() | now.keys()) - set(by_hash)
        changed = sorted(k for k in told if before.get(k) != now.get(k))
        if changed:
            was, then = (_leaves({k: side.get(k) for k in changed}) for side in (before, now))
            leaves = [k for k in was | then if was.get(k) != then.get(k)]
            shown = ', '.join(f'{k}: {_short(was.get(k))} before, {_short(then.get(k))} now' for k in leaves)
            raise ConfigError(
                f'{self.folder} holds a run with other settings ({shown}); expected the same to go on; '
                f'use another --out, or the settings of {RUN}'
            )

    def settings(self) -> dict[str, Any]:
        """`run.json`.

        Raises:
            DataError: there is no run, or its file is damaged.
        """
        path = self.folder / RUN
        if not path.is_file():
            raise DataError(f'no run: got {str(self.folder)!r}; expected a folder with {RUN}; check the path')
        try:
            run: dict[str, Any] = msgspec.to_builtins(msgspec.json.decode(path.read_bytes(), type=_Run))
        except msgspec.DecodeError as error:
            raise DataError(f'{path} is damaged: {error}; expected what a run wrote; name another folder') from error
        return run

    def add(self, record: Record) -> None:
        """Appends a finished trajectory."""
        append_line(self.folder / TRAJECTORIES, as_line(record))

    def add_failure(self, key: Key, cause: str) -> None:
        """Appends an attempt that the machinery failed at."""
        append_line(self.folder / FAILURES, msgspec.json.encode(Failure(*key, cause)) + b'\n')

    def records(self) -> list[Record]:
        """Every finished trajectory.

        Raises:
            DataError: a line cannot be read, or an attempt is there twice and would be counted twice.
        """
        path = self.folder / TRAJECTORIES
        records = list(read_records(path)) if path.is_file() else []
        for key, n in Counter(map(key_of, records)).items():
            if n > 1:
                raise DataError(f'{path}: {key} is there {n} times; expected one line an attempt; remove the others')
        return records

    def regrade(self, grades: Iterable[Grade]) -> None:
        """Puts verdicts into the trajectories, one each in the order of `records`."""
        graded = zip(self.records(), grades, strict=True)
        replace_file(self.folder / TRAJECTORIES, (as_line(with_grade(record, grade)) for record, grade in graded))

    def done(self) -> set[Key]:
        """The attempts that need not be made again."""
        return {key_of(record) for record in self.records()}

    def failures(self) -> list[Failure]:
        """Attempts that failed and were not made up for since; the last failure of each."""
        done = self.done()
        return list({f.key: f for f in self._failed() if f.key not in done}.values())

    def n_failed(self) -> int:
        """How often the machinery failed, made up for or not."""
        return len(self._failed())

    def _failed(self) -> list[Failure]:
        path = self.folder / FAILURES
        try:
            return [msgspec.json.decode(line, type=Failure) for line in whole_lines(path)]
        except msgspec.DecodeError as error:
            raise DataError(f'{path} is damaged: {error}; expected what a run wrote; remove that line') from error

    def relative(self, path: str | Path) -> str:
        """A picture's path as records name it: relative where it is inside the folder."""
        path, root = Path(path).resolve(), self.folder.resolve()
        return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _leaves(value: Any, name: str = '') -> dict[str, Any]:
    """The values in nested mappings, by their names joined with dots."""
    if not isinstance(value, Mapping):
        return {name: value}
    inner = ((key, _leaves(one, f'{name}.{key}' if name else key)) for key, one in value.items())
    return {leaf: one for _, found in inner for leaf, one in found.items()}


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f'{text[:57]}…'


def versions() -> dict[str, str]:
    """Versions of what an answer depends on; packages that are not installed are left out."""
    found = {'python': platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
