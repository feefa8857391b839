"""How times are summed up, those of snippets and those of judges: one formula for all figures that are logged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def p50_p99(name: str, seconds: Sequence[float]) -> dict[str, float]:
    """The median and the 99th percentile of times, by the names under which they are logged; nothing of none."""
    return {f'{name}_p{share}_s': float(np.percentile(seconds, share)) for share in (50, 99) if seconds}
