"""`thyme report`: how a training run went, as one HTML file of curves, without scripts.

Curves come from the host's `logging.jsonl` and from the trajectories that the run saved; both are read as they stand,
so a report can be made while the run goes on. docs/viewer.md says how each figure is counted.
"""

from .page import build_report
from .runs import find_runs

__all__ = ['build_report', 'find_runs']
