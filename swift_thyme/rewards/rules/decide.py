"""The rule stage: question, reference and answer in, one of three verdicts out.

Owns the order in which the rules are asked. The first rule that is responsible speaks; `undecided` from it is final
too, because a later rule that does not know better must not overrule its doubt.

Paper: §4.2 (rules first: choice letters, math-verify; then the judge). Differs from the release: three verdicts
instead of two, no match by substring, and mathematics only where the reference is mathematics.
"""

from __future__ import annotations

from .choice import decide_choice
from .guards import guard
from .mathematics import decide_math
from .numeric import decide_moment, decide_number
from .phrases import decide_phrase, decide_polarity
from .text import normal, unwrap
from .verdict import RuleVerdict, Verdict, match


def decide(question: str, reference: str, answer: str) -> RuleVerdict:
    """Compares an answer with the reference by rules alone.

    Args:
        question: the user's question, with its options where it has any; may be empty.
        reference: the reference answer (`solution`).
        answer: what stands in the answer tags of a trajectory.

    Returns:
        Match, mismatch, or undecided, and the rule that spoke. Never raises on any text.
    """
    refused = guard(question, reference, answer)
    if refused is not None:
        return refused
    verdict = decide_choice(question, reference, answer)
    if verdict is not None:
        return verdict
    reference, answer = unwrap(reference), unwrap(answer)
    if normal(reference) == normal(answer):
        return match('same text')
    verdict = decide_polarity(reference, answer) or decide_moment(question, reference, answer)
    if verdict is not None:
        return verdict
    numeric = decide_number(question, reference, answer)
    if numeric is not None and numeric.verdict is not Verdict.UNDECIDED:
        return numeric
    return numeric or decide_math(question, reference, answer) or decide_phrase(question, reference, answer)
