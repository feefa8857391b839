"""What is no answer: empty texts, the question itself, and words addressed to the judge instead of the question.

Owns the checks that come before any comparison. A guard never says match.
"""

from __future__ import annotations

import re

from .text import boxed_contents, compact, is_empty, normal, unwrap, words
from .verdict import RuleVerdict, mismatch, undecided

LONG_ANSWER_CHARS = 1500
"""Longer answers are never matched by a rule."""

_TO_THE_JUDGE = re.compile(
    r'["\']?\b(?:correctness|consistency)\b["\']?\s*[:=]|'
    r'\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:rules?|instructions?|prompts?|above|previous|everything|guidelines|reference)\b|'
    r'\b(?:reference|gold|ground[ -]truth)[ _-]?(?:answer|solution)\b|'
    r'\b(?:mark|grade|score|judge|rate|treat|accept|count|consider|evaluate)\b'
    r'\s+(?:(?:this|it|the|my|as|answer|response|me|that)\s+){1,4}'
    r'(?:as\s+)?(?:correct|right|true|1|equivalent|full)\b|'
    r'\b(?:dear|as (?:a|an|the)|you are (?:a|an|the)|note to(?: the)?|hey|attention)\s+'
    r'(?:judge|grader|evaluator|examiner|assistant)\b|'
    r'\bthis (?:answer|response) is (?:fully |definitely )?(?:correct|equivalent)\b|'
    r'#{2,}\s*(?:reference|question|instruction|answer|judg|output|verdict|score)|'
    r'(?:参考|标准)答案|忽略.{0,12}(?:指令|规则|要求|以上|上述)|(?:判|算|评)(?:为|作|定为)?(?:正确|对|满分)',
    re.IGNORECASE | re.DOTALL,
)
_DOUBTFUL = re.compile(
    r'\b(?:output|return|print|respond|reply)\b\s+(?:with\s+)?(?:only\s+)?["\'{]*(?:1\b|true\b|correct\b|yes\b)|'
    r'\bsystem\s*(?:prompt|message|:)|\b(?:standard|expected)[ _-]?(?:answer|solution)\b|'
    r'\bif\b.{1,80}\b(?:then|otherwise|else)\b|\bwhatever\b.{0,40}\b(?:reference|correct|answer)\b|如果.{1,40}(?:则|否则|就)',
    re.I | re.S,
)


def guard(question: str, reference: str, answer: str) -> RuleVerdict | None:
    """Refuses what is no answer at all, or None when the answer may be compared."""
    text = unwrap(answer)
    if is_empty(text):
        return mismatch('empty') if not is_empty(unwrap(reference)) else undecided('empty')
    raw = normal(answer)
    if _TO_THE_JUDGE.search(raw) and not _TO_THE_JUDGE.search(normal(reference)):
        return mismatch('addresses the judge')
    if _DOUBTFUL.search(raw) and not _DOUBTFUL.search(normal(reference)):
        return undecided('conditional or instructing')
    boxes = {compact(b) for b in boxed_contents(raw)}
    if len(boxes) > 1:
        return undecided('several boxes')
    if _repeats(question, text) and compact(reference) != compact(text):
        return mismatch('repeats the question')
    if len(text) > LONG_ANSWER_CHARS:
        return mismatch('many items') if _is_list(text) else undecided('long')
    return None


def _repeats(question: str, text: str) -> bool:
    """Whether the answer is the question, or its first line, and nothing more."""
    asked = question.split('\n')[0]
    return len(words(asked)) >= 3 and compact(text) in (compact(asked), compact(question))


def _is_list(text: str) -> bool:
    items = re.split(r'[,;\n]', text)
    return len(items) > 20 and len(text) / len(items) < 40
