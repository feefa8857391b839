"""Files of lines that a killed run goes on with: a line is whole or not there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path


def whole_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file with their ends, but for blank ones and a last one that was cut off; none without a file."""
    if path.is_file():
        with path.open('rb') as file:
            yield from (line for line in file if line.endswith(b'\n') and line.strip())


def append_line(path: Path, line: bytes) -> None:
    """Appends a line, its end included; it is on its way to the disk when this returns."""
    with path.open('ab') as file:
        file.write(line)


def replace_file(path: Path, pieces: Iterable[bytes]) -> None:
    """Puts pieces into a file that is the old or the new one whenever the process is killed; they may come from it."""
    partial = path.with_name(f'{path.name}.part')
    with partial.open('wb') as file:
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
