"""Verdicts on disk, by content: shared by all ranks and nodes that see the folder, and kept over restarts.

Owns the files. Every process appends to a file of its own, one JSON line a verdict, and reads what the others append;
so that no lock is needed, also on a network file system, and a torn last line costs one verdict.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...errors import ConfigError

KEPT = 1_000_000
"""Verdicts held in memory; the oldest go first. The files keep all."""
REFRESH_S = 5.0
"""Least time between two looks at the other processes' files."""


def key_of(model: str, prompt_version: str, parts: Mapping[str, str], images: Sequence[str], votes: int) -> str:
    """The name of a verdict: a hash of everything it depends on."""
    pictures = [hashlib.sha256(image.encode()).hexdigest() for image in images]
    content = json.dumps([model, prompt_version, sorted(parts.items()), pictures, votes], ensure_ascii=False)
    return hashlib.sha256(content.encode('utf-8', 'surrogatepass')).hexdigest()[:40]


class VerdictCache:
    """Verdicts by key. Thread-safe; an empty folder name keeps them in memory only."""

    def __init__(self, folder: str) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, tuple[int, ...]] = {}
        self._read: dict[Path, int] = {}
        self._looked = float('-inf')
        self._folder = Path(folder).expanduser() if folder else None
        self._own: Path | None = None
        if self._folder is not None:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ConfigError(
                    f'THYME_JUDGE_CACHE cannot be used: got {folder!r}: {error.strerror}; expected a folder that can '
                    f'be written; name another one, or set it to off'
                ) from error

    def get(self, key: str) -> tuple[int, ...] | None:
        """The scores of a verdict, or None."""
        with self._lock:
            if key not in self._known and time.monotonic() - self._looked >= REFRESH_S:
                self._refresh()
            return self._known.get(key)

    def put(self, key: str, scores: tuple[int, ...]) -> None:
        """Keeps a verdict; a folder that can no longer be written only costs the sharing."""
        with self._lock:
            if key in self._known:
                return
            self._remember(key, scores)
            if self._folder is None:
                return
            if self._own is None or str(os.getpid()) not in self._own.name:
                self._own = self._folder / f'{socket.gethostname()}-{os.getpid()}-{time.time_ns()}.jsonl'
            try:
                with self._own.open('ab', buffering=0) as file:
                    file.write(json.dumps([key, list(scores)]).encode() + b'\n')
            except OSError:
                self._folder = None

    def _refresh(self) -> None:
        self._looked = time.monotonic()
        for path in sorted(self._folder.glob('*.jsonl')) if self._folder else ():
            if path == self._own:
                continue
            try:
                with path.open('rb') as file:
                    file.seek(self._read.get(path, 0))
                    data = file.read()
            except OSError:
                continue
            whole = data.rfind(b'\n') + 1
            self._read[path] = self._read.get(path, 0) + whole
            for line in data[:whole].splitlines():
                self._take(line)

    def _remember(self, key: str, scores: tuple[int, ...]) -> None:
        self._known[key] = scores
        while len(self._known) > KEPT:
            del self._known[next(iter(self._known))]

    def _take(self, line: bytes) -> None:
        try:
            key, scores = json.loads(line)
            self._remember(str(key), tuple(int(s) for s in scores))
        except (ValueError, TypeError):
            return
