"""What a preparation remembers between runs: its lock, its settings, its finished shards, the rows it has seen.

A shard is finished when its marker exists, and the marker is written last: every file it speaks of is then in place.
Files come into being under another name and are renamed, so that a kill leaves none half-written under its own name.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import shutil
from pathlib import Path
from typing import Any

from ...errors import ConfigError, DataError
from ...trajectories.lines import replace_file
from ..manifest import MANIFEST
from ..seen import SeenIds
from ..sources import Shard
from .options import Options

STATE = '.thyme'
_LOCK = 'lock'


def write_json(path: Path, value: Any) -> None:
    """Writes JSON so that the file is either the old one or the new one, whole, also after a power cut."""
    replace_file(path, [json.dumps(value, ensure_ascii=False, indent=1).encode('utf-8', 'backslashreplace')])


def read_json(path: Path) -> Any | None:
    """Reads JSON; None where there is no such file.

    Raises:
        DataError: it is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise DataError(f'{path} is not JSON: {error}; run `thyme prepare` again with --restart') from error


def publish(partial: Path, target: Path) -> None:
    """Moves a finished file into place. It outlives a power cut only after `flush_disk`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(partial, target)


def flush_disk(folder: Path) -> None:
    """Puts everything written to the file system of a folder on the disk: pictures, rows, and the folders' entries.

    Raises:
        OSError: the disk could not take it.
    """
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), 'syncfs', None)
    held = os.open(folder, os.O_RDONLY)
    try:
        code = errno.ENOSYS if syncfs is None else ctypes.get_errno() if syncfs(held) else 0
    finally:
        os.close(held)
    if code in (errno.ENOSYS, errno.EINVAL):
        os.sync()
    elif code:
        raise OSError(code, f'cannot flush the disk of {folder}')


class State:
    """The memory of one prepared set; held by one run at a time."""

    def __init__(self, out: Path, *, restart: bool = False) -> None:
        """Takes the set's folder and locks it.

        Args:
            out: the folder; made where it is not there.
            restart: forget what an earlier run left in it, pictures too.

        Raises:
            ConfigError: another run works on it, or it holds files and no set of ours.
        """
        self._out, self._folder = out, out / STATE
        if out.is_dir() and not self._folder.is_dir() and any(out.iterdir()):
            raise ConfigError(f'{out} holds no prepared set: got a folder with other files; give an empty or new --out')
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self._folder / _LOCK).open('w')
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise ConfigError(
                f'{out} is being prepared by another process; expected one at a time; wait for it or use another --out'
            ) from error
        if restart:
            self._forget()
        self.scratch = self._folder / 'scratch'
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.seen = SeenIds(self._folder / 'seen.sqlite')

    def close(self) -> None:
        """Releases the lock and removes scratch files and what a stopped run left half-written."""
        self.seen.close()
        shutil.rmtree(self.scratch, ignore_errors=True)
        for partial in (*self._out.glob('images/??/*.part'), *self._out.glob('*.part')):
            partial.unlink(missing_ok=True)
        self._lock.close()

    def check_settings(self, options: Options) -> None:
        """Sees that a resumed run means the same as the one before.

        Raises:
            ConfigError: it does not.
        """
        path = self._folder / 'run.json'
        before, now = read_json(path), options.meaning()
        if before is None:
            write_json(path, now)
        elif before != now:
            changed = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
            raise ConfigError(
                f'{options.out} was begun with other settings: {", ".join(changed)} differ; expected the same to go '
                'on; use another --out, or --restart to begin again'
            )

    def check_shards(self, planned: int) -> None:
        """Sees that every shard that is there is planned again: the folders hold the rows of all of them.

        Raises:
            ConfigError: it is not.
        """
        there = [int(path.stem) + 1 for path in (self._folder / 'shards').glob('*.json')]
        if max(there, default=0) > planned:
            raise ConfigError(
                f'{self._folder.parent} holds {max(there)} shards, but this run names {planned}; expected the same '
                'sources, or more behind them; name them all, or begin again with --restart'
            )

    def finished(self, shard: Shard) -> dict[str, Any] | None:
        """The marker of a finished shard, or None.

        Raises:
            ConfigError: the shard was finished from a source that is not the same any more.
        """
        marker: dict[str, Any] | None = read_json(self._marker(shard.index))
        if marker is not None and marker['fingerprint'] != shard.fingerprint:
            raise ConfigError(
                f'shard {shard.index} was made from another source than {shard.name}: got {shard.fingerprint!r}, '
                f'expected {marker["fingerprint"]!r}; use another --out, or --restart to begin again'
            )
        return marker

    def finish(self, shard: Shard, marker: dict[str, Any]) -> None:
        """Marks a shard as finished; the last step of its commit. What it speaks of is on the disk before it is."""
        flush_disk(self._out)
        write_json(self._marker(shard.index), {**marker, 'fingerprint': shard.fingerprint, 'name': shard.name})

    def reopen(self, shard: Shard) -> None:
        """Takes a shard's marker away, also from the disk, before the files it speaks of change."""
        marker = self._marker(shard.index)
        if marker.exists():
            marker.unlink()
            flush_disk(marker.parent)

    def notes(self, index: int) -> Path:
        """Where a shard's certification writes what it knows so far."""
        return self._folder / 'certified' / f'{index:05d}.jsonl'

    def _marker(self, index: int) -> Path:
        return self._folder / 'shards' / f'{index:05d}.json'

    def _forget(self) -> None:
        for name in ('images', 'stage1', 'stage2', 'rl', 'rejected', 'certified'):
            shutil.rmtree(self._out / name, ignore_errors=True)
        for name in (MANIFEST, 'report.json', 'report.html'):
            (self._out / name).unlink(missing_ok=True)
        for path in self._folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != _LOCK:
                path.unlink()
