"""Words as answers: the same words, a side or corner, a colour, a list of things.

Owns the comparison of texts that are nothing else. Every word and sign counts, in its place; what may differ has a
name here: the case of ordinary words, British spelling, a leading article, a hyphen for a space, the separator of a
list.
"""

from __future__ import annotations

import re

from .numerals import MEASURES_ZH
from .question import Question
from .reading import Row, listed, read, row
from .text import tokens
from .verdict import RuleVerdict, match, mismatch, undecided
from .words import AFTER_A_LETTER, ARTICLES, CHINESE_COLOURS, CLASSES, SPELLINGS

Side = tuple[str, str]
"""Vertical and horizontal; empty where not said."""

_V = r'(?P<v>top|upper|bottom|lower|middle|center|centre)(?:most)?'
_H = r'(?P<h>left|right|middle|center|centre)(?:most|-hand| hand)?'
_ON = r'(?:(?:it is |it\'s )?(?:on|in|at|to) )?(?:the )?'
_PLACE = r'(?: side| corner)?(?: of the (?:image|picture|photo))?'
_SAME_SIDE = {'upper': 'top', 'lower': 'bottom', 'centre': 'center', 'middle': 'center'}
_SIDES_ZH = {'左': ('', 'left'), '右': ('', 'right'), '上': ('top', ''), '下': ('bottom', '')}


def _side(match: re.Match[str]) -> Side:
    found = match.groupdict()
    vertical, horizontal = (found.get(k) or '' for k in 'vh')
    vertical, horizontal = vertical.casefold(), horizontal.casefold()
    return _SAME_SIDE.get(vertical, vertical), _SAME_SIDE.get(horizontal, horizontal)


SIDES: tuple[Row[Side], ...] = (
    row('horizontal', rf'{_ON}{_H}{_PLACE}', _side, re.IGNORECASE),
    row('vertical', rf'{_ON}{_V}{_PLACE}', _side, re.IGNORECASE),
    row('corner', rf'{_ON}{_V}[ -]?{_H}{_PLACE}', _side, re.IGNORECASE),
    row('turned corner', rf'{_ON}{_H}[ -]?{_V}{_PLACE}', _side, re.IGNORECASE),
    row('chinese', r'在?([左右上下])(?:边|侧|面|方)?', lambda m: _SIDES_ZH[m[1]]),
)
COLOURS: tuple[Row[str], ...] = (
    row('chinese', rf'([{"".join(CHINESE_COLOURS)}])色?的?', lambda m: CHINESE_COLOURS[m[1]]),
    row('english', '|'.join((*CHINESE_COLOURS.values(), 'grey', 'golden')),
        lambda m: {'grey': 'gray', 'golden': 'gold'}.get(m[0].casefold(), m[0].casefold()), re.IGNORECASE),
)  # fmt: skip
_NEAR = tuple(
    frozenset(group.split())
    for group in (
        'red orange pink brown',
        'red pink purple brown',
        'yellow gold orange brown',
        'blue purple',
        'blue green',
        'white silver gray gold',
        'black gray brown blue',
    )
)
"""Colours that two people may name differently; the distinct ones are told apart all the same."""
_DISTINCT = frozenset(['red', 'yellow', 'green', 'blue', 'black', 'white'])
_SEPARATOR = re.compile(r'\s*(?:,\s*and\b|[,;&\n]|\band\b|和|与|以及|及)\s*', re.IGNORECASE)
_QUOTED = re.compile(r'\A(["\'])([^"\']*)\1\Z')
_HYPHEN = re.compile(r'(?<=[^\W\d_]{2})-(?=[^\W\d_]{2})')
_GLUED_UNIT = re.compile(r'(?<![\w.@/-])(\d+(?:\.\d+)?)(?!st|nd|rd|th)(?=[A-Za-z]{3}|[a-z]{2})')
_ONE_OF = re.compile(rf'\A一[{MEASURES_ZH}](?=[一-鿿])')
_DOTTED = re.compile(r'(?<!\w)([A-Z]|Dr|Mr|Mrs|Ms|St|Jr|Sr|Prof)\.(?=\s+[A-Z]|\Z|[A-Z]\.)')
_SIGNS = {
    'angle': '∠', 'triangle': '△', 'cap': '∩', 'cup': '∪', 'parallel': '∥', 'perp': '⊥', 'cong': '≅', 'sim': '∼',
    'rightarrow': '→', 'to': '→', 'leftarrow': '←', 'Rightarrow': '⇒', 'subset': '⊂', 'in': '∈', 'neq': '≠', 'ne': '≠',
}  # fmt: skip
_SIGN = re.compile(rf'\\(?:{"|".join(sorted(_SIGNS, key=len, reverse=True))})(?![A-Za-z])')
_SUBSCRIPT = re.compile(r'(?:(?<=[A-Z)])|(?<=[A-Z][a-z]))_(?:\{(\d+)\}|(\d))')
"""Of a chemical formula or a label (`H_2O`, `P_1`); small letters are names of values."""
_ORDINALS = listed('first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth')
_ORDINAL = re.compile(rf'\b(?:{"|".join(_ORDINALS).replace("second", "(?<=the )second")})\b', re.IGNORECASE)
"""A second is a time, too, but not with an article."""
_NUMERALS = (
    re.compile(r'[1-9]\d*(?:st|nd|rd|th)'),
    re.compile(r'(?=.)x{0,3}(?:ix|iv|v?i{0,3})'),
)
"""Written so that two of a kind that differ have different values."""
_POINTS = {'N': 'north', 'S': 'south', 'E': 'east', 'W': 'west'}
COMPASS: tuple[Row[str], ...] = (
    row('compass', r'(?:to the |the )?(north|south|)[ -]?(east|west|)',
        lambda m: ''.join(m.groups()).casefold() or None, re.IGNORECASE),
    row('short compass', r'[NS][EW]', lambda m: ''.join(_POINTS[letter] for letter in m[0])),
)  # fmt: skip
_LABELS = tuple(map(re.compile, (r'[A-Za-z][1-9]\d?', r'[1-9]\d?[A-Z]', r'[A-Z]{1,2}(?:\+{1,2}|-|#)')))
_ADDRESS = re.compile(r'[@/\\:_]|\.(?![A-Z]\.)\w')


def decide_side(question: Question, reference: str, answer: str) -> RuleVerdict | None:
    """Two sides or corners; None when one is neither."""
    wanted, given = read(SIDES, reference), read(SIDES, answer)
    if wanted is None or given is None:
        return None
    if wanted == given:
        return match('side')
    opposite = any(a and b and a != b and 'center' not in (a, b) for a, b in zip(wanted, given, strict=True))
    return mismatch('side') if opposite else undecided('side')


def decide_colour(question: Question, reference: str, answer: str) -> RuleVerdict | None:
    """Two plain colours; None when one is none."""
    wanted, given = read(COLOURS, reference), read(COLOURS, answer)
    if wanted is None or given is None:
        return None
    if wanted == given:
        return match('colour')
    near = any({wanted, given} <= group for group in _NEAR)
    return undecided('colour') if near and not {wanted, given} <= _DISTINCT else mismatch('colour')


def decide_compass(question: Question, reference: str, answer: str) -> RuleVerdict | None:
    """Two points of the compass; None when one is none."""
    table = COMPASS if question.asks_direction else COMPASS[:1]
    wanted, given = read(table, reference), read(table, answer)
    if wanted is None or given is None:
        return None
    return match('compass') if wanted == given else mismatch('compass')


def decide_label(question: Question, reference: str, answer: str) -> RuleVerdict | None:
    """Two labels of one shape (`23A`, `f3`, `AB+`) that differ in more than case; None of all others."""
    alike = any(shape.fullmatch(reference) and shape.fullmatch(answer) for shape in _LABELS)
    return mismatch('label') if alike and reference.casefold() != answer.casefold() else None


def key_of(text: str) -> tuple[str, ...]:
    """The tokens of a text in the form that is compared: see the module's docstring for what they no longer tell."""
    text = _GLUED_UNIT.sub(r'\1 ', _ONE_OF.sub('', text)).replace('->', '→')
    text = _SIGN.sub(lambda m: _SIGNS[m[0][1:]], _SUBSCRIPT.sub(r'\1\2', text))
    if not _ADDRESS.search(text):
        text = _HYPHEN.sub(' ', _DOTTED.sub(r'\1 ', text))
    found = tokens(_ORDINAL.sub(_in_digits, text))
    if len(found) > 1 and _is_article(*found[:2]):
        found = found[1:]
    ordinary = any(len(t) > 2 and t.replace("'", '').isalpha() for t in found)
    return tuple(_folded(t) if ordinary else t for t in found)


def _in_digits(ordinal: re.Match[str]) -> str:
    place = _ORDINALS.index(ordinal.group().casefold()) + 1
    return f'{place}{("st", "nd", "rd")[place - 1] if place < 4 else "th"}'


def _is_article(first: str, second: str) -> bool:
    """Whether the first of two tokens is an article of the second; a capital A may be a letter, key or grade."""
    if first.casefold() == 'the' and re.fullmatch(r'\d+(?:st|nd|rd|th|s)', second):
        return True
    if not second[0].isalpha() or second >= '㐀' or second.casefold() in ARTICLES:
        return False
    return (second.islower() and second not in AFTER_A_LETTER) if first == 'A' else first.casefold() in ARTICLES


def _folded(token: str) -> str:
    """A word without its case, unless it has capitals inside (NaCl), or digits (Ab1)."""
    if not token.replace("'", '').isalpha() or not (token.isupper() or token[1:].islower() or len(token) == 1):
        return token
    folded = token.casefold()
    return SPELLINGS.get(folded, folded)


def same_text(question: Question, left: str, right: str) -> bool:
    """Whether two texts are the same words and signs; in a name a capital A counts, it may be its first word."""
    if question.asks_exact_text or (question.asks_name and left.startswith('A ') != right.startswith('A ')):
        return left == right
    return key_of(left) == key_of(right)


def decide_text(question: Question, reference: str, answer: str) -> RuleVerdict:
    """Any two texts."""
    if same_text(question, reference, answer):
        return match('same text')
    if question.asks_exact_text:
        return mismatch('exact text') if reference.isalnum() and answer.isalnum() else undecided('exact text')
    wanted, given = key_of(reference), key_of(answer)
    listed = _lists(question, reference, answer)
    if listed is not None:
        return listed
    if _another_numeral(wanted, given):
        return mismatch('another numeral')
    if question.offers(reference, answer):
        return mismatch('the other alternative')
    if len(wanted) == len(given) == 1:
        pair = {wanted[0], given[0]}
        if any(pair <= group for group in CLASSES):
            return mismatch('another of its class')
        if wanted != given and (pair <= question.alternatives):
            return mismatch('the other alternative')
    return undecided('text')


def _another_numeral(wanted: tuple[str, ...], given: tuple[str, ...]) -> bool:
    """Whether two texts differ in one ordinal, or of several words in one Roman numeral, alone."""
    if len(wanted) != len(given):
        return False
    apart = [pair for pair in zip(wanted, given, strict=True) if pair[0] != pair[1]]
    return len(apart) == 1 and any(all(map(kind.fullmatch, apart[0])) for kind in _NUMERALS[: len(wanted)])


def _lists(question: Question, reference: str, answer: str) -> RuleVerdict | None:
    """Two lists of the same length; None when one side is none."""
    left, right = _items(reference), _items(answer)
    if len(left) < 2 or len(left) != len(right):
        return None
    if left == right:
        return undecided('a name or a list') if question.asks_name else match('list')
    if sorted(left) == sorted(right):
        return mismatch('order') if question.asks_order else undecided('order')
    return None


def _items(text: str) -> list[tuple[str, ...]]:
    bracketed = re.fullmatch(r'\[([^\[\]]*)\]', text)
    parts = [_QUOTED.sub(r'\2', p.strip()) for p in _SEPARATOR.split(bracketed.group(1) if bracketed else text)]
    return [] if any(not p or re.search(r'[(){}\[\]]', p) for p in parts) else [key_of(p) for p in parts]
