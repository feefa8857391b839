"""The types, in the order in which they are asked, for two texts that are unwrapped. Owns the order.

The first type that reads both sides whole speaks, and its `undecided` is final too: a later one that does not know
better must not overrule its doubt. Any text is words at last.
"""

from __future__ import annotations

from collections.abc import Callable

from .formula import decide_formula
from .moments import decide_moment
from .numeric import decide_number
from .phrases import decide_colour, decide_compass, decide_label, decide_side, decide_text
from .polarity import decide_polarity
from .printed import decide_code, decide_printed
from .question import Question
from .statements import said_in
from .text import unwrap
from .verdict import RuleVerdict, Verdict, match

Comparator = Callable[[Question, str, str], RuleVerdict | None]
TYPES: tuple[Comparator, ...] = (
    decide_polarity,
    decide_moment,
    decide_printed,
    decide_number,
    decide_code,
    decide_side,
    decide_compass,
    decide_colour,
    decide_label,
    decide_formula,
)


def compare_texts(question: Question, reference: str, answer: str) -> RuleVerdict:
    """The verdict on an answer, or on what it says where it is a sentence about the question's subject."""
    verdict = _by_type(question, reference, answer)
    said = said_in(question, answer) if verdict.verdict is Verdict.UNDECIDED else None
    return verdict if said is None else _by_type(question, reference, unwrap(said))


def _by_type(question: Question, reference: str, answer: str) -> RuleVerdict:
    if reference == answer:
        return match('same text')
    for comparator in TYPES:
        verdict = comparator(question, reference, answer)
        if verdict is not None:
            return verdict
    return decide_text(question, reference, answer)
