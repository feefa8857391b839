"""Files that a killed process leaves old or new and never half: lines appended whole, files put in place whole."""

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


def replace_file(path: Path, pieces: Iterable[bytes], *, durable: bool = True) -> None:
    """Puts pieces into a file that is the old or the new one whenever the process is killed; they may come from it.

    Args:
        path: the file; its folder is made.
        pieces: what it holds.
        durable: whether that also holds after a power cut, which costs a few milliseconds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f'{path.name}.{os.getpid()}.part')
    try:
        with partial.open('wb') as file:
            file.writelines(pieces)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
