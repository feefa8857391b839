"""Which rows a set has already, on disk: memory stays small however many there are."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

_CHUNK = 500


class SeenIds:
    """Row ids and the shard that has each. Opened when it is first used."""

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        """Takes the file; it is made when it is first needed.

        Args:
            path: of the file.
            durable: a later run reads it again, so it must survive a power cut; costs a disk flush per claim.
        """
        self._path = path
        self._durable = durable
        self._table: sqlite3.Connection | None = None

    def claim(self, index: int, ids: Sequence[str]) -> set[str]:
        """Claims row ids for a shard; returns those that another shard has. Doing it twice changes nothing."""
        table = self._table = self._table or self._open()
        keys = [bytes.fromhex(key) for key in ids]
        taken: set[str] = set()
        with table:
            table.executemany('INSERT OR IGNORE INTO seen VALUES (?, ?)', ((key, index) for key in keys))
            for at in range(0, len(keys), _CHUNK):
                chunk = keys[at : at + _CHUNK]
                marks = ','.join('?' * len(chunk))
                found = table.execute(f'SELECT id FROM seen WHERE id IN ({marks}) AND shard != ?', [*chunk, index])
                taken.update(key.hex() for (key,) in found)
        return taken

    def _open(self) -> sqlite3.Connection:
        table = sqlite3.connect(self._path)
        table.execute('PRAGMA cache_size = -32768')
        if not self._durable:
            table.execute('PRAGMA synchronous = OFF')
            table.execute('PRAGMA journal_mode = MEMORY')
        table.execute('CREATE TABLE IF NOT EXISTS seen (id BLOB PRIMARY KEY, shard INTEGER) WITHOUT ROWID')
        return table

    def close(self) -> None:
        """Lets go of the file."""
        if self._table is not None:
            self._table.close()
            self._table = None
