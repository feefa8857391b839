"""What a user can ask of `thyme prepare`; frozen, and the same in every worker process."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from ...errors import ConfigError
from ..lengths import LengthBudget
from ..rows import Kind, SystemPolicy, Verdict

FORMAT_VERSION = 2
"""Of the prepared set on disk. Raised when sets of before can no longer be read or resumed."""


class RowFormat(str, Enum):
    """How rows are written; the host reads both, also streamed."""

    PARQUET = 'parquet'
    JSONL = 'jsonl'


@dataclass(frozen=True)
class Options:
    """One preparation."""

    kind: Kind
    sources: tuple[str, ...]
    out: Path
    row_format: RowFormat = RowFormat.PARQUET
    system: SystemPolicy = SystemPolicy.KEEP
    keep_paths: bool = False
    """Write absolute paths in place of handles and relative paths."""
    decode: bool = False
    """Decode every picture instead of trusting a whole structure."""
    lengths: LengthBudget | None = None
    workers: int = 2
    """At most; fewer run where their memory would not fit."""
    memory_bytes: int = 1 << 30
    """For all processes together. Files whose row groups are larger than it allows are still read, one at a time."""
    certify: bool = False
    """Run the code of every row in the sandbox."""
    drop: frozenset[Verdict] = frozenset()
    """Verdicts whose rows are not kept."""
    shards: int | None = None
    """Take the first shards only."""

    def __post_init__(self) -> None:
        if self.drop and not self.certify:
            raise ConfigError('--drop needs verdicts: got no --certify; give both')

    def meaning(self) -> dict[str, Any]:
        """The settings that decide what the rows are: a run resumes only under the same ones."""
        return {
            'version': FORMAT_VERSION,
            'kind': self.kind.value,
            'row_format': self.row_format.value,
            'system': self.system.value,
            'keep_paths': str(self.out) if self.keep_paths else None,
            'decode': self.decode,
            'lengths': asdict(self.lengths) if self.lengths else None,
        }
