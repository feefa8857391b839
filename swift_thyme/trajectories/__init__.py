"""Trajectories: one typed record, one codec, one reader for everything that writes any, and who writes in training.

`read_records` takes what training, inference and evaluation of this package write, the host's `completions.jsonl` and
result files, and the released code's `vis.json`. docs/trajectories.md describes the schema.
"""

from .codec import as_document, as_json, as_line, from_json
from .model import Fate, Phase, Record, RecordedTurn, Source, Stretch, TokenColumns
from .question import question_of, reference_of
from .read import Problem, find_files, read_records

__all__ = [
    'Fate', 'Phase', 'Problem', 'Record', 'RecordedTurn', 'Source', 'Stretch', 'TokenColumns', 'as_document',
    'as_json', 'as_line', 'find_files', 'from_json', 'question_of', 'read_records', 'reference_of',
]  # fmt: skip
