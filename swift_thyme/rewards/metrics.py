"""Counting what the rewards did: parts before weights, who decided, latencies, retries, disagreement.

Owns the numbers only; `host.rewards` writes them to a file and hands them to the trainer.
"""

from __future__ import annotations

import statistics
import threading
from collections import Counter, defaultdict

from ..sandbox.times import p50_p99

LATENCIES_KEPT = 10_000


class Metrics:
    """Counters and values since the last `take`. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._values: dict[str, list[float]] = defaultdict(list)

    def count(self, name: str, number: int = 1) -> None:
        """Adds to a counter."""
        with self._lock:
            self._counts[name] += number

    def add(self, name: str, value: float) -> None:
        """Adds a value to a series."""
        with self._lock:
            series = self._values[name]
            series.append(value)
            del series[: max(0, len(series) - LATENCIES_KEPT)]

    def take(self) -> dict[str, float]:
        """The figures since the last call, which it ends: counters, means, and p50/p99 of series that end in `_s`."""
        with self._lock:
            counts, values = self._counts, self._values
            self._counts, self._values = Counter(), defaultdict(list)
        figures: dict[str, float] = {name: float(number) for name, number in sorted(counts.items())}
        for name, series in sorted(values.items()):
            if name.endswith('_s'):
                figures |= p50_p99(name[:-2], series)
            else:
                figures[name] = statistics.fmean(series)
        return figures
