"""Answers in the form that benchmark harnesses read: the bare letter of the option an answer takes.

Owns this reduction only. VLMEvalKit's MME-RealWorld takes the first capital A to E of an answer, so `Blue` would count
as B; evalscope takes the last capital letter. An answer is therefore reduced to its letter by the same rules that grade
in training, where they can tell.
"""

from __future__ import annotations

from .choice import Reading, options_of, taken


def letter_of(question: str, answer: str) -> str:
    """The letter of the one option that an answer takes.

    Args:
        question: as it was put, options included.
        answer: what stands in the answer tags.

    Returns:
        The letter; the answer unchanged where the question offers no options, or it does not take exactly one.
    """
    options = options_of(question)
    if not options:
        return answer
    found = taken(options, answer)
    if found.reading is Reading.TAKES and len(found.letters) == 1:
        return next(iter(found.letters))
    return answer
