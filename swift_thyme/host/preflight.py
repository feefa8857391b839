"""Looks at the rows of a run before it starts: what would fail in step 1,000 is said before step 1.

Reads local `.jsonl` files only, as they are named on the command line; other sources are the host's to load. Owns what
a row needs for a rollout; `data.validate` looks deeper.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .. import protocol
from ..errors import DataError
from ..picture import is_file

_ENDINGS = frozenset({'.jpg', '.jpeg', '.png', '.webp', '.gif', '.bmp', '.tif', '.tiff'})


def check_datasets(datasets: Sequence[str], *, need_solution: bool) -> int:
    """Checks every row of the local files among the data sets of a run.

    Args:
        datasets: as given to `--dataset`; `#N` at the end takes N rows and is left out here.
        need_solution: whether a reward compares with `solution`.

    Returns:
        The number of rows looked at.

    Raises:
        DataError: the first row that cannot be used, by file and line.
    """
    rows = 0
    for dataset in datasets:
        path = Path(str(dataset).partition('#')[0])
        if path.suffix == '.jsonl' and path.is_file():
            for line_number, row in _rows(path):
                _check_row(row, f'{path}, line {line_number}', need_solution)
                rows += 1
    return rows


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open(encoding='utf-8') as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise DataError(f'{path}, line {number} is not JSON: {error}; write one object a line') from error
                if isinstance(row, dict):
                    yield number, row


def _check_row(row: dict[str, Any], where: str, need_solution: bool) -> None:
    solution = row.get('solution')
    if need_solution and (solution is None or not str(solution).strip()):
        columns = ', '.join(sorted(row))
        raise DataError(f'{where}: no reference answer, got columns {columns}; expected a non-empty `solution`; add it')
    images = row.get('images') or []
    for image in images if isinstance(images, list) else [images]:
        name = image.get('path') if isinstance(image, dict) and not image.get('bytes') else image
        if isinstance(name, str) and _looks_like_a_path(name) and not is_file(name):
            raise DataError(f'{where}: picture {name!r} does not exist; expected a readable file; check the path')
    texts = [m['content'] for m in row.get('messages') or [] if isinstance(m.get('content'), str)]
    tags = sum(text.count(protocol.IMAGE_TAG) for text in texts)
    if tags and isinstance(images, list) and tags != len(images):
        raise DataError(
            f'{where}: {len(images)} images for {tags} {protocol.IMAGE_TAG} tags; expected as many; correct the row'
        )


def _looks_like_a_path(name: str) -> bool:
    """Base64 of a JPEG begins with `/9j/`, so a leading slash says nothing; an ending does."""
    return len(name) < 4096 and Path(name).suffix.lower() in _ENDINGS
