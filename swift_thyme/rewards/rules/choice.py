"""Multiple choice: the options a question offers, and which of them an answer takes.

Owns everything about letters and option texts. An answer is compared as the *set* of options it takes, so that
naming several where one is asked for, or all of them, is never a match.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from . import words as lists
from .quantity import parse_quantity
from .text import compact, latin, normal, unwrap, words
from .verdict import RuleVerdict, match, mismatch, undecided

_LINE = re.compile(r'^\s*(?:[-*•]\s+)?[(\[]?([A-Za-z])(?:[)\].:,]|\s*[-)])\s*(\S.*?)\s*$', re.MULTILINE)
_INLINE = re.compile(r'(?<![A-Za-z0-9])(?:\(([A-Z])\)|([A-Z])[).:,])\s*(?=\S)')


class Reading(str, Enum):
    """How an answer takes options."""

    TAKES = 'takes'
    """It commits to the letters given."""
    CONTRADICTS = 'contradicts'
    """It names a letter together with the text of another option."""
    NONE_OFFERED = 'none offered'
    """It is of the options' kind (a number, a letter), but none of them."""
    UNCLEAR = 'unclear'


@dataclass(frozen=True)
class Taken:
    """What an answer takes."""

    reading: Reading
    letters: frozenset[str] = frozenset()


_UNCLEAR = Taken(Reading.UNCLEAR)


def options_of(question: str) -> dict[str, str]:
    """The options of a question, letter → text, in order; empty when it offers fewer than two.

    Reads one option a line (`A. x`, `(A) x`, `A: x`) and, where that gives none, options in running text.
    """
    text = normal_lines(question)
    by_line = _consecutive([(m.group(1).upper(), m.group(2)) for m in _LINE.finditer(text)])
    if len(by_line) > 1:
        return by_line
    marks = list(_INLINE.finditer(text))
    pieces = []
    for i, mark in enumerate(marks):
        end = marks[i + 1].start() if i + 1 < len(marks) else len(text)
        pieces.append((mark.group(1) or mark.group(2), text[mark.end() : end].split('\n')[0].strip(' ,;.')))
    found = _consecutive(pieces)
    return found if len(found) > 1 else {}


def normal_lines(text: str) -> str:
    """The text normalised line by line, so that the line structure stays."""
    return '\n'.join(normal(line) for line in text.splitlines())


def _consecutive(pieces: list[tuple[str, str]]) -> dict[str, str]:
    best: dict[str, str] = {}
    run: dict[str, str] = {}
    for letter, text in pieces:
        if letter == 'A':
            run = {}
        elif letter != chr(ord('A') + len(run)):
            continue
        run[letter] = text
        if len(run) >= len(best):
            best = dict(run)
    return best


def decide_choice(question: str, reference: str, answer: str) -> RuleVerdict | None:
    """Compares the options taken; None when the question offers none, or the reference is none of them."""
    options = options_of(question)
    if not options:
        return _letters_without_options(reference, answer)
    wanted = taken(options, reference)
    if wanted.reading is not Reading.TAKES:
        return None
    given = taken(options, answer)
    if given.reading is Reading.TAKES:
        return match('choice') if given.letters == wanted.letters else mismatch('choice')
    if given.reading is Reading.CONTRADICTS:
        return mismatch('letter against text')
    if given.reading is Reading.NONE_OFFERED:
        return mismatch('not offered')
    return undecided('choice')


def _letters_without_options(reference: str, answer: str) -> RuleVerdict | None:
    """A reference that is a letter, for a question whose options are only in the picture."""
    wanted = re.fullmatch(r'[(\[]?([A-Z])[)\].:]?', unwrap(reference))
    if not wanted:
        return None
    given = re.fullmatch(r'(?:option |choice )?[(\[]?([A-Za-z])[)\].:]?', unwrap(answer), re.IGNORECASE)
    if given:
        return match('letter') if latin(given.group(1)).upper() == wanted.group(1) else mismatch('letter')
    several = _letter_list(unwrap(answer), dict.fromkeys('ABCDEFGH', ''))
    return mismatch('several letters') if several and len(several) > 1 else undecided('letter')


def taken(options: dict[str, str], text: str) -> Taken:
    """Which options a text takes."""
    text = unwrap(text)
    whole = _by_text(options, text)
    if len(whole) == 1:
        return Taken(Reading.TAKES, whole)
    text = _without_lead(text)
    letters = _letter_list(text, options)
    if letters:
        return Taken(Reading.TAKES, letters) if letters <= set(options) else Taken(Reading.NONE_OFFERED)
    marks = [m.group(1) or m.group(2) for m in _INLINE.finditer(text)]
    if len(set(marks)) > 1 and re.match(r'\(?[A-Z]', text):
        return Taken(Reading.TAKES, frozenset(marks)) if set(marks) <= set(options) else _UNCLEAR
    headed = re.match(
        r'[(\[]?([A-Za-z])(?:\s*[)\].:,]+\s*|\s*-\s+|\s*=\s*|\s+(?=[(\[]))(.+)', text, re.DOTALL
    ) or re.match(r'([B-HJ-Z])\s+(.+)', text, re.DOTALL)
    if headed and latin(headed.group(1)).upper() in options:
        return _letter_and_text(options, latin(headed.group(1)).upper(), headed.group(2))
    trailing = re.fullmatch(r'(.+?)\s*[(\[]([A-Z])[)\]]', text, re.DOTALL)
    if trailing and trailing.group(2) in options:
        return _letter_and_text(options, trailing.group(2), trailing.group(1))
    whole = _by_text(options, text)
    if len(whole) == 1:
        return Taken(Reading.TAKES, whole)
    return _several_texts(options, text) or _number(options, text) or _sentence(options, text)


_LEAD = re.compile(
    r'\A(?:(?:i|we)\s+(?:would\s+)?(?:choose|select|pick|chose|go with|say)\s+|'
    r'it(?:\'s| is)\s+(?=(?:option |choice )?[(\[]?[A-Z]\b)|'
    r'(?:the\s+)?(?:(?:correct|right|best)\s+)?(?:option|choice|letter|answer|选项)s?\s*(?:is|are|:)?\s*(?=[(\[]?[A-Za-z]\b)|'
    r'(?:我)?(?:应该|应)?选(?:择|项)?(?:是|为|:)?\s*|选项\s*)',
    re.IGNORECASE,
)


def _without_lead(text: str) -> str:
    previous = None
    while previous != text:
        previous = text
        text = unwrap(_LEAD.sub('', text, count=1))
    return re.sub(r'\s*(?:is (?:the )?(?:correct|right|true)(?: (?:answer|option|choice|one))?|项)\Z', '', text)


def _letter_list(text: str, options: dict[str, str]) -> frozenset[str] | None:
    bare = re.sub(r'[()\[\]{}"\']', ' ', text).strip(' .')
    if re.fullmatch(r'[A-Za-z]', latin(bare)):
        return frozenset(latin(bare).upper())
    tokens = re.split(r'\s*(?:[,;/&+|]|\band\b|\bor\b|和|与|及|或)\s*|\s+', bare)
    tokens = [latin(t) for t in tokens if t]
    if len(tokens) > 1 and all(re.fullmatch('[A-Z]', t) for t in tokens):
        return frozenset(tokens)
    if len(tokens) > 1 and all(re.fullmatch('[a-z]', t) for t in tokens) and len(tokens) <= len(options):
        return frozenset(t.upper() for t in tokens)
    packed = latin(bare)
    known = set(options)
    if re.fullmatch('[A-Z]{2,}', packed) and set(packed) <= known and len(set(packed)) == len(packed):
        return frozenset(packed)
    return None


def _by_text(options: dict[str, str], text: str) -> frozenset[str]:
    """The letters whose text is the given one: exactly, or in layout only, where that is unambiguous."""
    for key in (_exact, compact, _loose):
        wanted = key(text)
        if not wanted:
            continue
        found = frozenset(letter for letter, option in options.items() if key(option) == wanted)
        if found:
            return found if len(found) == 1 else frozenset()
    return frozenset()


def _exact(text: str) -> str:
    return normal(text).strip(' .')


def _loose(text: str) -> str:
    return ' '.join(t for t in lists.spelled(words(text)) if t not in lists.ARTICLES)


def _letter_and_text(options: dict[str, str], letter: str, rest: str) -> Taken:
    rest = rest.strip(' .')
    own = frozenset(letter)
    named = _by_text(options, rest)
    if named:
        return Taken(Reading.TAKES, own) if named == own else Taken(Reading.CONTRADICTS)
    tokens = words(rest)
    if _negated(options, letter, tokens) or lists.HEDGE.intersection(tokens) or _mentions(options, rest) - own:
        return _UNCLEAR
    if re.search(r'(?<![A-Za-z])[A-H](?![A-Za-z])', rest) or re.search(
        r'\b(?:wait|actually|but|however)\b', rest.casefold()
    ):
        return _UNCLEAR
    if letter in _mentions(options, rest) or re.match(r'(?:because|since|as|due to|因为)\b', rest.casefold()):
        return Taken(Reading.TAKES, own)
    return _UNCLEAR


def _negated(options: dict[str, str], letter: str, tokens: list[str]) -> bool:
    return bool(lists.NEGATION.intersection(tokens) - set(words(options[letter])))


def _mentions(options: dict[str, str], text: str) -> frozenset[str]:
    """The options whose text occurs as words; one inside a longer one that occurs too does not count."""
    tokens = lists.spelled(words(text))
    spans: list[tuple[int, int, str]] = []
    for letter, option in options.items():
        wanted = [t for t in lists.spelled(words(option)) if t not in lists.ARTICLES] or lists.spelled(words(option))
        for i in range(len(tokens) - len(wanted) + 1):
            if wanted and tokens[i : i + len(wanted)] == wanted:
                spans.append((i, i + len(wanted), letter))
    return frozenset(
        letter
        for start, end, letter in spans
        if not any(s <= start and end <= e and (e - s) > (end - start) for s, e, _ in spans)
    )


def _several_texts(options: dict[str, str], text: str) -> Taken | None:
    parts = [p for p in re.split(r'\s*(?:[,;/&\n]|\band\b|\bor\b|和|与|及|或)\s*', text) if p.strip()]
    found = [_by_text(options, p) or _by_headed(options, p) for p in parts]
    if len(parts) > 1 and all(found):
        return Taken(Reading.TAKES, frozenset().union(*found))
    return None


def _by_headed(options: dict[str, str], part: str) -> frozenset[str]:
    """The letter of "A. bus" or "A": one item of a list."""
    headed = re.fullmatch(r'[(\[]?([A-Z])(?:[)\].:]+\s*(.*))?', part.strip())
    if not headed or headed.group(1) not in options:
        return frozenset()
    rest = headed.group(2)
    return (
        frozenset(headed.group(1)) if not rest or _by_text(options, rest) == frozenset(headed.group(1)) else frozenset()
    )


def _number(options: dict[str, str], text: str) -> Taken | None:
    """A quantity among quantities: the option of that value, or none of them."""
    given = parse_quantity(text)
    values = {letter: parse_quantity(option) for letter, option in options.items()}
    known = {letter: q for letter, q in values.items() if q is not None}
    if given is None or given.bound.value != 'exact' or len(known) < 2:
        return None
    equal = [
        letter
        for letter, q in known.items()
        if q.value == given.value
        and q.percent == given.percent
        and (q.unit == given.unit or not (q.unit and given.unit))
    ]
    if len(equal) == 1 and not lists.NEGATION.intersection(given.nouns):
        return Taken(Reading.TAKES, frozenset(equal))
    plain = all(q.unit is None and not q.percent for q in [*known.values(), given])
    return Taken(Reading.NONE_OFFERED) if not equal and len(known) == len(options) and plain else None


def _sentence(options: dict[str, str], text: str) -> Taken:
    """A sentence of fillers around exactly one option's text ("It is black")."""
    mentioned = _mentions(options, text)
    if len(mentioned) != 1:
        return _UNCLEAR
    (letter,) = mentioned
    own = set(lists.spelled(words(options[letter])))
    rest = [t for t in lists.spelled(words(text)) if t not in own]
    if all(t in lists.FILLER for t in rest) and len(own - lists.FILLER) > 0:
        return Taken(Reading.TAKES, mentioned)
    return _UNCLEAR
