"""The rule stage: question, reference and answer in, one of three verdicts out.

The principle: every character is accounted for. A type gives a verdict only when it read *both* sides whole, each
word and sign of them; where none did, the verdict is undecided.

Paper: §4.2 (rules first: choice letters, math-verify; then the judge). Differs from the release: three verdicts
instead of two, no match by substring, and readings that reject what they do not know instead of math-verify, which
does not.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence

from .choice import decide_choice
from .comparators import compare_texts
from .doubts import doubt
from .guards import guard
from .question import Question
from .text import unwrap
from .verdict import RuleVerdict, Verdict, undecided


def decide(question: str, reference: str | Sequence[str], answer: str) -> RuleVerdict:
    """Compares an answer with the reference by rules alone.

    Args:
        question: the user's question, with its options where it has any; may be empty.
        reference: the reference answer (`solution`), or several accepted ones, also as `accepted_answers` reads them.
        answer: what stands in the answer tags of a trajectory.

    Returns:
        Match, mismatch, or undecided, and the rule that spoke. Never raises on any text.
    """
    asked = Question(question)
    found = [_decide(asked, one, answer) for one in accepted_answers(reference)]
    for verdict in (Verdict.MATCH, Verdict.UNDECIDED, Verdict.MISMATCH):
        for one in found:
            if one.verdict is verdict:
                return one
    return undecided('no reference')


def accepted_answers(reference: str | Sequence[str]) -> tuple[str, ...]:
    """The answers that a reference accepts: several where it is a list of texts, also as JSON or as Python writes it.

    A list of numbers (`[0, 1, 2]`) is one answer.
    """
    if not isinstance(reference, str):
        return tuple(map(str, reference))
    text = reference.strip()
    if not (text.startswith('[') and text.endswith(']') and len(text) < 10_000):
        return (reference,)
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(found, list) and found and all(isinstance(one, str) for one in found):
            return tuple(found)
    return (reference,)


def _decide(question: Question, reference: str, answer: str) -> RuleVerdict:
    refused = guard(question, reference, answer)
    if refused is not None:
        return refused
    chosen = decide_choice(question, reference, answer)
    if chosen is not None:
        return chosen
    plain = unwrap(reference), unwrap(answer)
    return doubt(question, *plain, compare_texts(question, *plain))
