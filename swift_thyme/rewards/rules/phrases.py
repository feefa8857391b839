"""Words as answers: yes and no, equal spellings, printed text, lists, and short sentences around the reference.

Owns comparison of texts that are neither choices, quantities nor mathematics.
"""

from __future__ import annotations

import re

from . import words as lists
from .text import compact, normal, unwrap, words
from .verdict import RuleVerdict, match, mismatch, undecided

_CASE_MATTERS = re.compile(
    r'case[ -](?:matters|sensitive)|exactly as (?:printed|written|shown|it appears)|区分大小写', re.IGNORECASE
)
_ORDERED = re.compile(
    r'\b(?:left to right|right to left|top to bottom|bottom to top|in order|order|sequence|sorted|ascending|descending|'
    r'first to last|clockwise|chronological\w*|alphabetical\w*|steps?|ranking)\b|从左到右|从上到下|顺序|依次',
    re.IGNORECASE,
)
_PRINTED_ASKED = re.compile(
    r'\b(?:say|says|read|reads|written|printed|text|words?|sign|title|label|letters)\b|写着|文字', re.IGNORECASE
)
_SEPARATOR = re.compile(r'\s*(?:[,;&\n]|/|\band\b|\bplus\b|和|与|以及|及)\s*', re.IGNORECASE)


def decide_polarity(reference: str, answer: str) -> RuleVerdict | None:
    """Yes/no questions; None when the reference is neither yes nor no."""
    bare = unwrap(reference).casefold()
    wanted = _polarity(bare)
    if wanted is None or bare in lists.OTHER_MEANINGS:
        return None
    text = unwrap(answer).casefold()
    whole = _polarity(text)
    if whole is not None:
        return match('yes or no') if whole is wanted else mismatch('yes or no')
    tokens = [t for t in re.split(r'[\s,/|;.]+|\bor\b|\band\b|或者?|和', text) if t]
    if tokens and all(_polarity(t) is not None for t in tokens):
        kinds = {_polarity(t) for t in tokens}
        return (
            mismatch('yes and no')
            if len(kinds) > 1
            else match('yes or no')
            if kinds == {wanted}
            else mismatch('yes or no')
        )
    head = re.match(r'([a-z]+|是的|不是的|不是|是|否|没有|有|不对|对)\s*[,.;:!]\s*(.+)', text, re.DOTALL)
    if head is None or _polarity(head.group(1)) is None:
        return undecided('yes or no')
    said = _polarity(head.group(1))
    rest = words(head.group(2))
    turned = {'but', 'however', 'wait', 'actually', 'although', 'unless', 'maybe', 'perhaps', '但', '但是', '不过'}
    if turned.intersection(rest) or lists.HEDGE.intersection(rest):
        return undecided('yes or no')
    if any(
        _polarity(t) is not None and _polarity(t) is not said and t not in ('right', 'correct', 'wrong') for t in rest
    ):
        return undecided('yes or no')
    if said and lists.NEGATION.intersection(rest):
        return undecided('yes or no')
    return match('yes or no') if said is wanted else mismatch('yes or no')


def _polarity(text: str) -> bool | None:
    text = text.strip(' .!,')
    return True if text in lists.YES else False if text in lists.NO else None


def decide_phrase(question: str, reference: str, answer: str) -> RuleVerdict:
    """Everything that is text: equal up to layout and spelling, printed codes, lists, negation, sentences."""
    wanted, given = unwrap(reference), unwrap(answer)
    if normal(wanted) == normal(given):
        return match('same text')
    if _CASE_MATTERS.search(question):
        same = compact(wanted) == compact(given)
        return (
            mismatch('case')
            if same and re.sub(r'\W', '', wanted) != re.sub(r'\W', '', given)
            else undecided('exact text')
        )
    if _negates(wanted, given):
        return mismatch('negated')
    if _same(wanted, given):
        return match('same text')
    listed = _decide_list(question, wanted, given)
    if listed is not None:
        return listed
    if _excluded(wanted, given):
        return mismatch('another of its class')
    if _is_code(wanted) and _is_code(given):
        same = re.sub(r'\W', '', wanted) == re.sub(r'\W', '', given)
        return undecided('printed code') if same else mismatch('printed code')
    return match('sentence') if _says(question, wanted, given) else undecided('text')


def _same(wanted: str, given: str) -> bool:
    left, right = compact(wanted), compact(given)
    if left and left == right:
        return True
    a, b = _key(wanted), _key(given)
    if a and a == b:
        return True
    position = set(a) <= _POSITIONS and set(b) <= _POSITIONS
    return bool(a) and position and sorted(a) == sorted(b)


_POSITIONS = frozenset({'top', 'bottom', 'left', 'right', 'middle', 'center'})


def _key(text: str) -> tuple[str, ...]:
    """The words that carry the meaning: no articles or leading prepositions, one spelling, one language."""
    text = normal(text).casefold()
    chinese = re.fullmatch(rf'(深|浅)?([{"".join(lists.CHINESE_COLOURS)}])色?的?', text)
    if chinese and not chinese.group(1):
        return (lists.CHINESE_COLOURS[chinese.group(2)],)
    side = re.fullmatch(rf'在?([{"".join(lists.CHINESE_SIDES)}])(?:边|侧|面|方)?', text)
    if side:
        return (lists.CHINESE_SIDES[side.group(1)],)
    tokens = lists.spelled(words(text.replace('-', ' ')))
    while tokens and tokens[0] in ('in', 'on', 'at', 'to', 'the', 'a', 'an', 'it', 'is', "it's", 'its'):
        tokens = tokens[1:]
    return tuple(t for t in tokens if t not in lists.ARTICLES)


def _negates(wanted: str, given: str) -> bool:
    tokens, target = words(given), words(wanted)
    return len(tokens) > 1 and tokens[0] == 'not' and _key(' '.join(tokens[1:])) == _key(' '.join(target))


def items_of(text: str) -> list[str]:
    """The items of a list in words or in brackets, each reduced to its meaning words; one item for a plain text."""
    bracketed = re.fullmatch(r'[\[{(](.*)[\]})]', text.strip(), re.DOTALL)
    body = bracketed.group(1) if bracketed else text
    return [' '.join(_key(p)) or compact(p) for p in _SEPARATOR.split(body) if p.strip()]


def _decide_list(question: str, wanted: str, given: str) -> RuleVerdict | None:
    left, right = items_of(wanted), items_of(given)
    if len(left) < 2 and len(right) < 2:
        return None
    if left == right:
        return match('list')
    if len(left) > 1 and sorted(left) == sorted(right):
        ordered = _ORDERED.search(question) or wanted.strip().startswith(('[', '('))
        return mismatch('list order') if ordered else match('list')
    if len(left) > 1 and (set(left) < set(right) or set(right) < set(left)):
        return mismatch('list items')
    if len(left) == 1 and len(right) > 2 and left[0] in right and all(len(r.split()) <= 3 for r in right):
        return mismatch('lists many')
    return None


def _excluded(wanted: str, given: str) -> bool:
    a, b = _key(wanted), _key(given)
    if len(a) != 1 or len(b) != 1 or a == b:
        return False
    return any(a[0] in group and b[0] in group for group in lists.CLASSES)


def _is_code(text: str) -> bool:
    """Whether a text is a printed code: one to four short groups of capitals and digits, with at least one digit."""
    groups = re.split(r'[\s\-./·]+', text.strip())
    return (
        len(groups) <= 4
        and any(c.isdigit() for c in text)
        and all(re.fullmatch(r'[A-Z0-9]{1,8}', g) for g in groups)
        and (any(c.isalpha() for c in text) or len(groups) > 1 or text.startswith('0'))
    )


def _says(question: str, wanted: str, given: str) -> bool:
    """Whether the answer is the reference in a short sentence of fillers and words of the question.

    Never when the sentence negates, hedges, or names another member of the reference's class or alternative.
    """
    target, tokens = list(_key(wanted)), lists.spelled(words(given))
    code = compact(wanted)
    if not target or len(tokens) > 24:
        return False
    position = _find(tokens, target)
    if position is None:
        groups = re.split(r'\s+', given)
        joined = [g for g in groups if compact(g) == code]
        if not (_is_code(wanted) and len(joined) == 1):
            return False
        rest = words(' '.join(g for g in groups if compact(g) != code))
    else:
        rest = tokens[:position] + tokens[position + len(target) :]
    if (lists.NEGATION | lists.HEDGE).intersection(rest):
        return False
    if (
        any(set(rest) & group for group in lists.CLASSES)
        or set(rest) & lists.COLOURS
        or re.search(r'\d', ' '.join(rest))
    ):
        return False
    if re.search(r'[?]|\b(?:but|however|wait|actually)\b', given.casefold()):
        return False
    asked = set(lists.spelled(words(question)))
    before = rest[:position] if position is not None else rest
    if _PRINTED_ASKED.search(question) and rest and (len(before) < len(rest) or not lists.REPORTING & set(before)):
        return False
    adjective = before and before[-1] not in lists.FILLER
    if adjective and before[-1] not in asked:
        return False
    return all(t in lists.FILLER or t in asked for t in rest) and not set(target) <= asked - lists.FILLER - _offered(
        question
    )


def _offered(question: str) -> frozenset[str]:
    """The words of an either-or question ("… red or blue?")."""
    return frozenset(w for a, b in re.findall(r'([\w-]+),? or ([\w-]+)', question.casefold()) for w in (a, b))


def _find(tokens: list[str], target: list[str]) -> int | None:
    found = [i for i in range(len(tokens) - len(target) + 1) if tokens[i : i + len(target)] == target]
    return found[0] if len(found) == 1 else None
