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

CASES: tuple[Case, ...] = (*ABUSE, *REACH, *MACHINERY, *PICTURES, *ORDINARY, *REPAIRS, *TRICKS, *SABOTAGE)
"""Every case, each with a name of its own."""
