"""What every sandbox backend must stand: a table of snippets, and a check that runs one against a backend.

`CASES` holds hostile and ordinary snippets; `World` sets up the surroundings they attack (a secret, a canary, a
listener, an input picture); `check` runs a case and lists what went wrong, `run_cases` many of them. Nothing here
knows a particular backend.
"""

from .cases import CASES
from .run import Verdict, run_cases, table
from .suite import Case, World, check

__all__ = ['CASES', 'Case', 'Verdict', 'World', 'check', 'run_cases', 'table']
