"""Saved trajectories, read back: one typed record and one reader for everything that writes any.

`read_records` takes what training, inference and evaluation of this package write, the host's `completions.jsonl` and
result files, and the released code's `vis.json`. docs/trajectories.md describes the schema. Writing is `record`'s.
"""

from .model import Record, RecordedTurn, Source, Stretch, TokenColumns
from .read import Problem, find_files, read_records

__all__ = ['Problem', 'Record', 'RecordedTurn', 'Source', 'Stretch', 'TokenColumns', 'find_files', 'read_records']
