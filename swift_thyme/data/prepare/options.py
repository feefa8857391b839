"""What a user can ask of `thyme prepare`; frozen, and the same in every worker process."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from ...errors import ConfigError
from ..lengths import LengthBudget
from ..rows import Kind, SystemPolicy, Verdict

FORMAT_VERSION = 2
"""Of the prepared set on disk. Raised when sets of before can no longer be read or resumed."""

ALL = sys.maxsize
"""Rows to certify: every one."""


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
    certify_rows: int = 0
    """Run the code of so many rows in the sandbox, spread over the shards; `ALL` of every row."""
    drop: frozenset[Verdict] = frozenset()
    """Verdicts whose rows are not kept."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Names of the source's columns → names that are read."""
    shards: int | None = None
    """Take the first shards only."""

    def __post_init__(self) -> None:
        if self.drop and self.certify_rows < ALL:
            raise ConfigError('--drop needs the verdict of every row: got no --certify, or a sample; give --certify')
        if self.certify_rows and self.kind is Kind.RL:
            raise ConfigError('--certify runs the code of responses: got an RL set; expected `thyme prepare sft`')

    def meaning(self) -> dict[str, Any]:
        """The settings that decide what the rows are: a run resumes only under the same ones."""
        return {
            'version': FORMAT_VERSION,
            'kind': self.kind.value,
            'row_format': self.row_format.value,
            'system': self.system.value,
            'keep_paths': str(self.out) if self.keep_paths else None,
            'decode': self.decode,
            'columns': dict(self.columns),
            'lengths': asdict(self.lengths) if self.lengths else None,
        }
