"""What every sandbox backend must stand: a table of snippets, and a check that runs one against a backend.

`CASES` holds hostile and ordinary snippets; `World` sets up the surroundings they attack (a secret, a canary, a
listener, an input picture); `check` runs a case and lists what went wrong. Nothing here knows a particular backend.
"""

from .cases import CASES
from .suite import Case, World, check

__all__ = ['CASES', 'Case', 'World', 'check']
