"""Whether the end of a thinking process leads to the answer given, by rules: for the embedded judge.

Owns the same three verdicts as `decide`, which it uses to compare the last conclusion with the answer. It decides
only where the last sentence commits to one value in one of a few closed wordings; everything else, several values or
a negation among them, is undecided. Training asks a real judge.
"""

from __future__ import annotations

import re

from .decide import decide
from .reading import listed
from .text import is_empty, normal, tokens, unwrap
from .verdict import RuleVerdict, mismatch, undecided
from .words import NEGATION

_SENTENCE = re.compile(r'(?<=[.!?])\s+|(?<=[。！？])|\n+')
_MARKUP = re.compile(r'[<‹]/?\w+[>›]')
_ORDERED = re.compile(r'\b(?:output|return|reply|respond)\b.{0,30}(?:consistency|correctness|\{)', re.IGNORECASE)
_CONCLUSIONS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r'(?:.*,\s*(?:so\s+)?)?(?P<head>[^,=<>]{1,40})=\s*(?P<said>[^=<>,]+)',
        r'(?:.*\W)?(?:answer|option|choice|result|total|sum|value)\s+(?:is|must be|should be)\s+'
        r'(?:option\s+)?(?P<said>.+)',
        r'(?:.*\W)?(?:answer|result)\s*[:=]\s*(?P<said>.+)',
        r'(?:.*\W)?(?:so|hence|thus|therefore),?\s+(?:it is\s+)?(?:option\s+)?(?P<said>[^\s,]+)',
        r'(?:.*[,;]\s*)?(?:so\s+|but\s+|hence\s+)?(?:option\s+)?(?P<said>[^\s,]+) '
        r'is (?:the )?(?:correct|right|best)(?: (?:one|option|answer|choice))?',
        r'(?:.*\W)?(?:I|we)\s+(?:choose|select|pick)\s+(?:option\s+)?(?P<said>[^\s,]+)',
        r'.*\boption\s+(?P<said>[A-H])',
        r'(?:.*,\s*)?(?:it|the [a-z ]+?) (?:is|reads|says|shows|measures|costs) (?P<said>[^,;]+)',
        r'(?:所以|因此)?答案(?:是|为|:)(?P<said>.+)',
        r'[一-鿿]{1,6}是(?P<said>[一-鿿]{1,4})',
        r'(?P<said>[-+\d.,%$]+)',
    )
)
_OPEN = NEGATION | frozenset(
    listed('or maybe perhaps possibly probably might may could either but if unless first 或 也许 可能')
)


def decide_consistency(thinking: str, answer: str) -> RuleVerdict:
    """Compares the last conclusion of a thinking process with the answer.

    Args:
        thinking: its end (the last 500 characters in training).
        answer: what stands in the answer tags.
    """
    thinking = _MARKUP.sub(' ', normal(thinking))
    if is_empty(unwrap(answer)) or is_empty(thinking):
        return mismatch('empty')
    sentences = [s for s in _SENTENCE.split(thinking) if tokens(s) and not _ORDERED.search(s)]
    said = conclusion_of(sentences[-1]) if sentences else None
    if said is None:
        return undecided('no plain conclusion')
    headed = re.match(r'[(\[]?([A-H])[)\].:]+(?:\s|\Z)', unwrap(answer))
    return decide('', said, headed.group(1) if headed else answer)


def conclusion_of(sentence: str) -> str | None:
    """The one value that a sentence commits to; None when it has no such form, or doubts or denies."""
    sentence = sentence.strip(' .!。')
    for pattern in _CONCLUSIONS:
        found = pattern.fullmatch(sentence)
        if found:
            said, head = found['said'], found.groupdict().get('head') or ''
            doubts = (
                _OPEN.intersection(tokens(f'{head} {said}'.casefold()))
                or ' and ' in head
                or re.search(r"n't\b|\?", said)
            )
            return None if doubts or len(said) > 60 else said
    return None
