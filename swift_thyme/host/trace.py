"""Real training batches, written out for inspection and read back for verification.

With `THYME_TRACE_BATCHES=DIR` the O3 template writes the rows of each batch it collates for training: token ids,
labels and picture grids, exactly as the model gets them. `thyme quickstart` and the tests read them back. Off unless
asked for; bounded in number. It owns the files, not what is right about them (see `verify`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..env import read_env
from ..errors import ConfigError, DataError
from ..trajectories.lines import replace_file

DIR_VARIABLE, LIMIT_VARIABLE = 'THYME_TRACE_BATCHES', 'THYME_TRACE_LIMIT'
IGNORED = -100
"""The label of a token that is not trained."""


@dataclass(frozen=True)
class TracedRow:
    """One row of a training batch, padding left out."""

    input_ids: list[int]
    labels: list[int]
    """As long as `input_ids`; the id itself, or `IGNORED`."""
    image_tokens: list[int]
    """Visual tokens of each picture of the whole batch row by row."""


class BatchTrace:
    """Writes batches until the limit is reached. One per process."""

    def __init__(self, folder: Path | None, limit: int) -> None:
        self._folder, self._left = folder, limit

    @classmethod
    def from_env(cls) -> BatchTrace:
        """Reads `THYME_TRACE_BATCHES` (folder) and `THYME_TRACE_LIMIT` (batches, 64)."""
        folder = read_env(DIR_VARIABLE, str, '')
        return cls(Path(folder) if folder else None, read_env(LIMIT_VARIABLE, int, 64))

    def write(self, batch: dict[str, Any], *, merge_size: int) -> None:
        """Writes one collated batch, if tracing is on and the limit not reached.

        Args:
            batch: `input_ids` and `labels`, shape (rows, length); `attention_mask` where rows are padded;
                `image_grid_thw`, shape (pictures, 3), where there are any.
            merge_size: patches a visual token stands for, along one side.
        """
        if self._folder is None or self._left <= 0 or 'labels' not in batch:
            return
        self._left -= 1
        name = self._folder / f'batch-{os.getpid()}-{self._left:06d}.json'
        mask = batch.get('attention_mask')
        keep = mask.bool() if mask is not None and mask.dim() == 2 else batch['input_ids'] == batch['input_ids']
        grids = batch.get('image_grid_thw')
        rows = [
            {'input_ids': ids[kept].tolist(), 'labels': labels[kept].tolist()}
            for ids, labels, kept in zip(batch['input_ids'], batch['labels'], keep, strict=True)
        ]
        tokens = (grids.prod(-1) // merge_size**2).tolist() if grids is not None else []
        replace_file(name, [json.dumps({'rows': rows, 'image_tokens': tokens}).encode()], durable=False)


def read_batches(folder: Path) -> Iterator[list[TracedRow]]:
    """The traced batches of a folder, each a list of rows.

    Raises:
        DataError: a file is not a traced batch.
        ConfigError: the folder does not exist.
    """
    if not folder.is_dir():
        raise ConfigError(f'no traced batches: {folder} does not exist; train with {DIR_VARIABLE}={folder}')
    for path in sorted(folder.glob('batch-*.json')):
        try:
            content = json.loads(path.read_text(encoding='utf-8'))
            yield [TracedRow(row['input_ids'], row['labels'], content['image_tokens']) for row in content['rows']]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f'{path} is not a traced batch: {error}; delete it and train again') from error
