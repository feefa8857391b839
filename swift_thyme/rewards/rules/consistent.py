"""Whether the end of a thinking process leads to the answer given, by rules: for the embedded judge.

Owns the same three verdicts as `decide`, which it uses to compare the last conclusion with the answer. Training asks a
real judge; this is what `thyme judge --rules` can say without one.
"""

from __future__ import annotations

import re

from . import words as lists
from .decide import decide
from .quantity import parse_quantity
from .text import compact, is_empty, latin, normal, unwrap, words
from .verdict import RuleVerdict, Verdict, match, mismatch, undecided

_SENTENCE = re.compile(r'(?<=[.!?。！？])\s+|(?<=[。！？])|\n+')
_MARKUP = re.compile(r'[<‹]/?\w+[>›]')
_LETTER = re.compile(
    r'\b(?:option|choice|answer(?: is|:)?|select|choose|pick|chose|so|hence|thus|therefore,?|选项?)'
    r'\s*(?:is\s+)?[(\[]?([A-H])\b|'
    r'\b([A-H])\b(?=\s+(?:is|fits|must be)\b)|[(\[]([A-H])[)\]]|\A\W*([A-H])\W*\Z'
)
_QUANTITY = re.compile(r'[$€£¥]?-?\d[\d.,/]*(?:\s?(?:%|°[CF]?|[a-zA-Zμ]{1,3}(?:[/^]\w+)?\b))?')
_OPEN = re.compile(
    r"\b(?:cannot|can't|unable|not sure|unclear|impossible|hard) (?:to )?(?:tell|determine|say|see|decide|know|be)",
    re.I,
)
_ORDERED = re.compile(r'\b(?:output|return|reply|respond)\b.{0,30}(?:consistency|correctness|\{)', re.I)


def decide_consistency(thinking: str, answer: str) -> RuleVerdict:
    """Compares the last conclusion of a thinking process with the answer.

    Args:
        thinking: its end (the last 500 characters in training).
        answer: what stands in the answer tags.
    """
    given = unwrap(answer)
    thinking = _MARKUP.sub(' ', normal(thinking))
    if is_empty(given) or is_empty(thinking):
        return mismatch('empty')
    sentences = [s for s in _SENTENCE.split(thinking) if words(s) and not _ORDERED.search(s)]
    if not sentences:
        return mismatch('empty')
    last = sentences[-1]
    if _OPEN.search(last) and not re.search(r'\b(?:but|so|choose|guess|best)\b', last.casefold()):
        return mismatch('no conclusion')
    for rule in (_by_letter, _by_quantity, _by_text):
        verdict = rule(sentences, given)
        if verdict is not None:
            return verdict
    return undecided('consistency')


def _by_letter(sentences: list[str], given: str) -> RuleVerdict | None:
    head = re.match(r'[(\[]?([A-Ha-h])[)\].:]?(?:\s+(.*)|\Z)', given, re.DOTALL)
    if not head or (head.group(2) and not re.match(r'[(\[]?[A-H][)\].:]', given)):
        return None
    wanted = latin(head.group(1)).upper()
    for sentence in reversed(sentences):
        found = [next(g for g in m.groups() if g) for m in _LETTER.finditer(sentence)]
        if found:
            return match('letter') if found[-1] == wanted else mismatch('letter')
    return None


def _by_quantity(sentences: list[str], given: str) -> RuleVerdict | None:
    if parse_quantity(given) is None:
        return None
    formulas = re.findall(r'\$([^$]+)\$', sentences[-1])
    if not formulas and '\\' in sentences[-1]:
        return None
    found = formulas or [m.group().strip(' .,') for m in _QUANTITY.finditer(sentences[-1])]
    found = [f for f in found if parse_quantity(f) is not None]
    if not found:
        return None
    verdicts = [decide('', f, given).verdict for f in found]
    if verdicts[-1] is Verdict.MATCH or (len(set(found)) == 1 and Verdict.MATCH in verdicts):
        return match('quantity')
    return mismatch('quantity') if all(v is Verdict.MISMATCH for v in verdicts[-1:]) else None


def _by_text(sentences: list[str], given: str) -> RuleVerdict | None:
    last, target = words(sentences[-1]), lists.spelled(words(given))
    spelled = lists.spelled(last)
    if not target or len(target) > 12:
        return None
    inside = any(spelled[i : i + len(target)] == target for i in range(len(spelled) - len(target) + 1))
    inside = inside or (len(compact(given)) > 2 and compact(given) in compact(sentences[-1]))
    negated = bool(lists.NEGATION.intersection(last)) != bool(lists.NEGATION.intersection(target))
    if inside and not negated:
        return match('text')
    classes = [
        g for g in lists.CLASSES if len(target) == 1 and target[0] in g and g.intersection(spelled) - {target[0]}
    ]
    return mismatch('another of its class') if classes and not inside else None
