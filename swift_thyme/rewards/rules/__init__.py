"""Rules that tell whether an answer means the same as a reference, without a model: match, mismatch or undecided."""

from __future__ import annotations

from .decide import accepted_answers, decide
from .stage import RuleStage
from .verdict import RuleVerdict, Verdict

__all__ = ['RuleStage', 'RuleVerdict', 'Verdict', 'accepted_answers', 'decide']
