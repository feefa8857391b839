"""Evaluation: the same questions, posed fairly, answered by one loop, counted with their uncertainty.

Owns what a score is made of: items, posing, attempts, verdicts, intervals, reports. How an answer comes about is the
loop's (`swift_thyme.agent`), what a right answer is the rewards' (`swift_thyme.rewards.rules`).
"""

from __future__ import annotations

from .conditions import Condition
from .items import Item
from .runner import EvalSettings, Policy, Runner
from .statistics import Estimate

__all__ = ['Condition', 'Estimate', 'EvalSettings', 'Item', 'Policy', 'Runner']
