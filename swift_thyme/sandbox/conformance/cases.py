"""The conformance cases, by what they attack. Data only; `suite` says how they run.

`@IMAGE@`, `@SECRET@`, `@SECRETPNG@`, `@CANARY@`, `@MARKER@`, `@PID@` and `@PORT@` stand for this run's values.
"""

from __future__ import annotations

from .abuse import ABUSE
from .machinery import MACHINERY
from .ordinary import ORDINARY
from .pictures import PICTURES
from .reach import REACH
from .repairs import REPAIRS
from .sabotage import SABOTAGE
from .suite import Case
from .tricks import TRICKS

GROUPS: dict[str, tuple[Case, ...]] = {
    'abuse': ABUSE,
    'reach': REACH,
    'machinery': MACHINERY,
    'pictures': PICTURES,
    'ordinary': ORDINARY,
    'repairs': REPAIRS,
    'tricks': TRICKS,
    'sabotage': SABOTAGE,
}
CASES: tuple[Case, ...] = tuple(case for group in GROUPS.values() for case in group)
"""Every case, each with a name of its own."""
