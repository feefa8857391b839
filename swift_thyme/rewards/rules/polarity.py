"""Yes and no. An explanation behind them is read too: it must say the question again, or deny it, and nothing else."""

from __future__ import annotations

import re

from .question import Question
from .text import words
from .verdict import RuleVerdict, match, mismatch, undecided
from .words import CLASSES, FILLER, NEGATION, NO, SPELLINGS, YES

_SEVERAL = re.compile(r'\s*(?:[,/|;]|\bor\b|\band\b|或者?|和|\s)\s*')
_EXPLAINED = re.compile(r'([a-z]+|是的|不是的|不是|是|否|没有|有|不对|对)\s*(?:[,.;:!，]| -)\s*(.+)', re.DOTALL)
_SIDES = frozenset({'correct', 'incorrect', 'true', 'false', '正确', '不正确'})
"""Words that say yes or no as an answer, but may mean something else as a reference (a rating, a printed value)."""


def polarity_of(text: str) -> bool | None:
    """Whether a text is one word for yes (True) or no (False)."""
    text = text.casefold()
    return True if text in YES else False if text in NO else None


def decide_polarity(question: Question, reference: str, answer: str) -> RuleVerdict | None:
    """Two answers to a yes-no question; None when one side is none."""
    wanted = polarity_of(reference)
    if wanted is None:
        return None
    said = polarity_of(answer)
    if (
        question.is_open
        and said in (wanted, None)
        and (reference.isupper() or answer.isupper() or answer.casefold() != reference.casefold())
    ):
        return None
    if said is not None:
        if (
            said is not wanted
            and not question.is_closed
            and (reference.casefold() in _SIDES) != (answer.casefold() in _SIDES)
        ):
            return undecided('yes or no')
        return match('yes or no') if said is wanted else mismatch('yes or no')
    each = {polarity_of(p) for p in _SEVERAL.split(answer.casefold()) if p}
    if None not in each:
        return mismatch('yes and no') if len(each) > 1 else undecided('yes or no')
    explained = _EXPLAINED.fullmatch(answer.casefold())
    said = polarity_of(explained.group(1)) if explained else None
    if explained is None or said is None or not _explains(question, said, explained.group(2)):
        return None
    return match('yes or no') if said is wanted else mismatch('yes or no')


def _explains(question: Question, said: bool, explanation: str) -> bool:
    """Whether an explanation says what yes or no says, in the question's own words.

    Yes: words of the question, unnegated. No: the same negated, or with one word changed for another of its class.
    """
    if NEGATION & question.words or not re.fullmatch(r"[\w\s',.]+", explanation):
        return False
    given = [SPELLINGS.get(w, w) for w in words(explanation)]
    asked = {SPELLINGS.get(w, w) for w in question.words}
    negations = [w for w in given if w in NEGATION]
    added = [w for w in given if w not in asked and w not in FILLER and w not in negations]
    if said:
        return not negations and not added
    if negations:
        return len(negations) == 1 and not added
    return len(added) == 1 and any(added[0] in group and group & asked for group in CLASSES)
