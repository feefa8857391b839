"""What speaks against a verdict although both sides were read whole.

It is another form than was asked for, or the same symbols arranged otherwise. Owns no reading; it only turns verdicts
into undecided ones.
"""

from __future__ import annotations

import re

from .question import Question
from .text import layout, tokens
from .verdict import RuleVerdict, Verdict, undecided

_PLAIN = re.compile(r'\\text\s*\{([^{}]*)\}|["\']|\.\Z')
_CROSS = re.compile(r'×|\\times|(?<=\d|[A-Za-z)]) x (?=\d|[A-Za-z(])|(?<=[A-Z]) ?\* ?(?=[A-Z])')
"""A product that may be one of vectors or sets; a typed asterisk only between capitals, as of matrices."""
_COMMAND = re.compile(r'\\(?:begin|end)\{\w+\}|\\[A-Za-z]+|sqrt|pi')
_SHORT_LABEL = re.compile(r'\d{1,3} ?[A-Za-z]{1,2}')
_GLUED_LABEL = re.compile(r'\d+[A-Z]')
_DECADE = re.compile(r"'?\d+0'?s")
_WITH_CONSTANT = re.compile(r'\+ ?[Cc]\Z')


def doubt(question: Question, reference: str, answer: str, verdict: RuleVerdict) -> RuleVerdict:
    """A verdict of the readings, or undecided where something speaks against it.

    Args:
        question: the question.
        reference: the reference answer, unwrapped.
        answer: the answer, unwrapped.
        verdict: what the readings made of them.
    """
    why = ''
    if verdict.verdict is Verdict.MISMATCH and _shape(answer) != _shape(reference):  # else case or blanks decided
        why = _not_another(reference, answer, verdict)
    elif verdict.verdict is Verdict.MATCH and not _shape(answer).endswith(_shape(reference)):  # nor a sentence with it
        why = _not_the_same(question, reference, answer, verdict)
    return undecided(why) if why else verdict


def _not_the_same(question: Question, reference: str, answer: str, verdict: RuleVerdict) -> str:
    if question.asks_shape:
        return 'form asked for'
    if verdict.rule == 'unit converted' and question.unit is not None:
        return 'unit asked for'
    label = _SHORT_LABEL if question.asks_label else _GLUED_LABEL if question.asks_printed else None
    if label and any(map(label.fullmatch, (reference, answer))):
        return 'label or quantity'
    lettered = any(re.search('[A-Za-z]', _COMMAND.sub('', side)) for side in (reference, answer))
    crossed = question.of_products or _CROSS.search(reference) or _CROSS.search(answer)
    formulas = verdict.rule in ('formula', 'equation')
    return 'product of other than numbers' if formulas and lettered and crossed else ''


def _not_another(reference: str, answer: str, verdict: RuleVerdict) -> str:
    sides = reference.casefold(), answer.casefold()
    if len({re.sub(r'[,\s]', '', side) for side in sides}) == 1:
        return 'separators'
    if all(map(_DECADE.fullmatch, sides)) and (sides[0].endswith(sides[1][-3:]) or sides[1].endswith(sides[0][-3:])):
        return 'decade'
    if verdict.rule == 'code' and sorted(tokens(sides[0])) == sorted(tokens(sides[1])):
        return 'order'
    if verdict.rule == 'formula':
        if _WITH_CONSTANT.search(reference):
            return 'constant of integration'
        if _CROSS.search(reference) and re.findall(r'\d+', sides[0]) == re.findall(r'\d+', sides[1]):
            return 'product of other than numbers'
    return ''


def _shape(text: str) -> str:
    return layout(_PLAIN.sub(r'\1', text.removeprefix('The ').removeprefix('the ')))
