"""What is no answer: empty texts, the question itself, and words addressed to the judge instead of the question.

Owns the checks that come before any comparison. A guard never says match, and never mismatch of what may be an answer.
"""

from __future__ import annotations

import re

from .formula import is_empty_set
from .question import Question
from .text import is_empty, normal, tokens, unwrap
from .verdict import RuleVerdict, mismatch, undecided

LONGEST_CHARS = 1500
"""Longer answers are never decided by a rule."""

_TO_THE_JUDGE = re.compile(
    r'["\']?\b(?:correctness|consistency)\b["\']?\s*[:=]\s*["\']?(?:1\b|true\b)|'
    r'\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:rules?|instructions?|prompts?|guidelines)\b|'
    r'\b(?:mark|grade|score|rate|accept|evaluate)\b\s+(?:this|it|the|my|me|that)\b.{0,20}\bas\s+(?:correct|right|true|1|equivalent|full)\b|'
    r'忽略.{0,12}(?:指令|规则|要求)|(?:判|评)(?:为|作|定为)(?:正确|满分)',
    re.IGNORECASE,
)


def guard(question: Question, reference: str, answer: str) -> RuleVerdict | None:
    """Refuses what is no answer at all, or None when the answer may be compared."""
    if (
        max(len(answer), len(reference)) > LONGEST_CHARS
        and max(len(normal(answer)), len(normal(reference))) > LONGEST_CHARS
    ):
        return undecided('long')
    text = unwrap(answer)
    if is_empty(text) and not is_empty_set(text):
        return mismatch('empty') if not is_empty(unwrap(reference)) else undecided('empty')
    if _TO_THE_JUDGE.search(normal(answer)) and not _TO_THE_JUDGE.search(normal(reference)):
        return mismatch('addresses the judge')
    said = tokens(text.casefold())
    first_line = tokens(question.text.casefold().split('\n')[0])
    if len(first_line) >= 3 and said in (first_line, first_line[:-1], tokens(question.text.casefold())):
        return mismatch('repeats the question') if tokens(unwrap(reference).casefold()) != said else None
    return None
