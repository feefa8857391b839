"""The rule stage of one step: `decide` within a budget of time.

Sizes are bounded before anything is computed, so that one answer costs milliseconds and no verdict depends on the
machine's load; the budget is for a batch of many large ones.
"""

from __future__ import annotations

import threading
import time

from .decide import decide
from .verdict import RuleVerdict, undecided

BUDGET_S = 10.0
"""CPU seconds of all answers of a step; what comes after is undecided."""


class RuleStage:
    """Decides the answers of one step. Usable from any thread."""

    def __init__(self, budget_s: float = BUDGET_S) -> None:
        self._left_s = budget_s
        self._lock = threading.Lock()

    def decide(self, question: str, reference: str, answer: str) -> RuleVerdict:
        """As `decide`; undecided once the budget is used up."""
        if self._left_s <= 0:
            return undecided('out of time')
        started_s = time.thread_time()
        verdict = decide(question, reference, answer)
        with self._lock:
            self._left_s -= time.thread_time() - started_s
        return verdict
