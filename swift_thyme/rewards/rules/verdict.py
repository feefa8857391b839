"""What a rule can say of an answer: three verdicts, and which rule gave them. Owns the vocabulary only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(str, Enum):
    """Whether an answer means the same as the reference."""

    MATCH = 'match'
    MISMATCH = 'mismatch'
    UNDECIDED = 'undecided'
    """No rule can tell: the judge is asked. Never a wrong answer by itself."""


@dataclass(frozen=True)
class RuleVerdict:
    """A rule's verdict."""

    verdict: Verdict
    rule: str
    """Name of the rule that spoke, for metrics and for people who ask why."""


def match(rule: str) -> RuleVerdict:
    """The answer means the same as the reference."""
    return RuleVerdict(Verdict.MATCH, rule)


def mismatch(rule: str) -> RuleVerdict:
    """The answer does not mean the same."""
    return RuleVerdict(Verdict.MISMATCH, rule)


def undecided(rule: str) -> RuleVerdict:
    """The rule is responsible, but cannot tell."""
    return RuleVerdict(Verdict.UNDECIDED, rule)
