"""Which rows a training stage reads: folders of `thyme prepare`, and files that mix rows with and without pictures."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ..data.manifest import MANIFEST
from ..data.rows import Split
from ..errors import ConfigError, DataError
from .fill import Stage
from .host import Method

_WITH, _WITHOUT = 'with_pictures', 'without_pictures'


@dataclass(frozen=True)
class Separation:
    """A file whose rows with and without pictures are fed from two files."""

    source: Path
    folder: Path
    """Where the two files go."""

    @property
    def parts(self) -> tuple[Path, Path]:
        """Rows with pictures, rows without."""
        stem = self.source.stem
        return self.folder / f'{stem}-{_WITH}.jsonl', self.folder / f'{stem}-{_WITHOUT}.jsonl'

    def write(self) -> tuple[int, int]:
        """Writes both files, row by row; returns how many rows went to each. Several nodes may do so at once.

        Raises:
            DataError: a line is no JSON object.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        counts = [0, 0]
        unfinished = [part.with_suffix(f'.{uuid.uuid4().hex}') for part in self.parts]
        with ExitStack() as stack:
            lines = stack.enter_context(self.source.open(encoding='utf-8'))
            files = [stack.enter_context(path.open('w', encoding='utf-8')) for path in unfinished]
            for number, line in enumerate(lines, 1):
                if line.strip():
                    which = int(not _has_pictures(line, self.source, number))
                    counts[which] += 1
                    files[which].write(line.rstrip('\n') + '\n')
        for path, part in zip(unfinished, self.parts, strict=True):
            path.replace(part)
        return counts[0], counts[1]


def expand(method: Method, datasets: Sequence[str], stage: Stage | None) -> list[str]:
    """Puts the sets of a prepared folder in the place of the folder: those that the stage trains on.

    Raises:
        ConfigError: it was prepared, but not for this.
    """
    wanted = _splits(method, stage)
    out: list[str] = []
    for dataset in datasets:
        found = [folder for folder in (Path(dataset) / part for part in wanted) if folder.is_dir()]
        if not found and (Path(dataset) / MANIFEST).is_file():
            kind = 'rl' if method is Method.RLHF else 'sft'
            raise ConfigError(
                f'{dataset} has no rows for `thyme {method.value}`: got a folder prepared for another training, '
                f'expected {" or ".join(wanted)} in it; make one: thyme prepare {kind} SRC --out DIR'
            )
        out += [str(folder) for folder in found] or [dataset]
    return out


def _splits(method: Method, stage: Stage | None) -> list[str]:
    if method is Method.RLHF:
        return ['rl']
    return [split.folder for split in Split if split.folder.startswith(f'stage{(stage or Stage.ONE).value}/')]


def mixed(datasets: Sequence[str], folder: Path) -> list[Separation]:
    """The local `.jsonl` files that hold rows with pictures and rows without.

    Raises:
        DataError: a line is no JSON object.
    """
    found = []
    for dataset in datasets:
        path = Path(dataset)
        if path.suffix == '.jsonl' and path.is_file():
            kinds = set()
            with path.open(encoding='utf-8') as lines:
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        kinds.add(_has_pictures(line, path, number))
                    if len(kinds) == 2:
                        found.append(Separation(path, folder))
                        break
    return found


def _has_pictures(line: str, path: Path, number: int) -> bool:
    try:
        row = json.loads(line)
        return bool(row.get('images') or row.get('image'))
    except (ValueError, AttributeError) as error:
        raise DataError(f'{path}, line {number} is no JSON object: {error}; write one object a line') from error
