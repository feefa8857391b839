"""Seeds: where every row's randomness comes from, and why splits cannot overlap.

Owns the numbering of rows and the random source of one row. Knows nothing of pictures or tasks.
"""

from __future__ import annotations

import hashlib
import random
from enum import Enum

from ...errors import ConfigError

INDEX_BITS = 24
SEED_BITS = 26
MAX_ROWS = 1 << INDEX_BITS
MAX_SEED = (1 << SEED_BITS) - 1


class Split(str, Enum):
    """What a set is for. Each split owns its own range of row seeds."""

    TRAIN = 'train'
    VALIDATION = 'validation'
    TEST = 'test'


_SPLITS = tuple(Split)


def row_seed(split: Split, seed: int, index: int) -> int:
    """The number of one row, unique over splits, seeds and indices; below 2**53, so JSON readers keep it exact.

    Args:
        split: the set's split; it fills the top bits, so no seed or index of one split reaches another's.
        seed: the user's seed, 0 to `MAX_SEED`.
        index: the row's place in the set, 0 to `MAX_ROWS - 1`.

    Raises:
        ConfigError: seed or index is out of range.
    """
    if not 0 <= seed <= MAX_SEED:
        raise ConfigError(f'seed must be 0 to {MAX_SEED}, got {seed}; choose a smaller one')
    if not 0 <= index < MAX_ROWS:
        raise ConfigError(f'a set holds at most {MAX_ROWS} rows, got row {index}; use several seeds')
    return (_SPLITS.index(split) << (SEED_BITS + INDEX_BITS)) | (seed << INDEX_BITS) | index


def split_of(number: int) -> Split:
    """The split whose range holds a row seed."""
    return _SPLITS[number >> (SEED_BITS + INDEX_BITS)]


def split_of_text(text: str) -> Split:
    """The one split that a question without a picture belongs to: three quarters of all texts are for training."""
    place = digest('split', text)[0] % 8
    return {0: Split.TEST, 1: Split.VALIDATION}.get(place, Split.TRAIN)


def digest(*parts: object) -> bytes:
    """SHA-256 of the parts' texts; the parts are told apart by a separator that none of them holds."""
    return hashlib.sha256('\x1f'.join(map(str, parts)).encode()).digest()


def rng_for(*parts: object) -> random.Random:
    """A random source that depends on the parts alone: not on the process, the machine or `PYTHONHASHSEED`."""
    return random.Random(int.from_bytes(digest(*parts), 'big'))
