"""Multiple choice: the options a question offers, and which of them an answer takes.

Owns everything about letters and option texts, for rewards, evaluation and serving alike. An answer is compared as
the *set* of options it takes, so that naming several where one is asked for, or all of them, is never a match. What
an option's text means is the types' business: an answer takes the option that they call a match, when it is the only
one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from .comparators import compare_texts
from .question import Question
from .text import latin, normal, unwrap
from .verdict import RuleVerdict, Verdict, match, mismatch, undecided

_LINE = re.compile(r'^[ \t]*(?:[-*•][ \t]+)?[(\[<]?([A-Za-z])(?:[)\].:,>]|[ \t]*[-)])[ \t]*(\S.*)$', re.MULTILINE)
_INLINE = re.compile(r'(?<![A-Za-z0-9])(?:\(([A-Z])\)|<([A-Z])>|([A-Z])[).:,]|\(?([a-h])\))\s*(?=\S)')
_OF_OTHERS = re.compile(r'\b(?:both|all|none|neither|either|any)\b|\b[A-Z] and [A-Z]\b', re.IGNORECASE)
"""An option that stands for others."""
LONGEST_CHARS = 200
"""Longer answers take no option by rule."""


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
    text = '\n'.join(normal(line) for line in question.splitlines())
    by_line = _consecutive([(m.group(1).upper(), m.group(2).rstrip()) for m in _LINE.finditer(text)])
    if len(by_line) > 1:
        return by_line
    marks = list(_INLINE.finditer(text))
    pieces = []
    for i, mark in enumerate(marks):
        end = marks[i + 1].start() if i + 1 < len(marks) else len(text)
        pieces.append((_letter_of_mark(mark), text[mark.end() : end].split('\n')[0].strip(' ,;.')))
    found = _consecutive(pieces)
    return found if len(found) > 1 else {}


def _letter_of_mark(mark: re.Match[str]) -> str:
    return next(letter for letter in map(str, filter(None, mark.groups()))).upper()


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


def letter_of(question: str, answer: str) -> str:
    """The letter of the one option that an answer takes: the form that benchmark harnesses read.

    VLMEvalKit's MME-RealWorld takes the first capital A to E of an answer, so `Blue` would count as B; evalscope takes
    the last capital letter. An answer is therefore reduced by the same reading that grades in training.

    Args:
        question: as it was put, options included.
        answer: what stands in the answer tags.

    Returns:
        The letter; the answer unchanged where the question offers no options, or it does not take exactly one.
    """
    asked = Question(question)
    options = options_of(asked.text)
    found = taken(asked, options, answer) if options else _UNCLEAR
    if found.reading is Reading.TAKES and len(found.letters) == 1:
        return next(iter(found.letters))
    return answer


def decide_choice(question: Question, reference: str, answer: str) -> RuleVerdict | None:
    """Compares the options taken; None when the question offers none, or the reference is none of them."""
    options = options_of(question.text)
    if not options:
        return _numbered(question, reference, answer) or _letters_without_options(reference, answer)
    wanted = taken(question, options, reference)
    if wanted.reading is not Reading.TAKES:
        return None
    given = taken(question, options, answer)
    if given.reading is Reading.TAKES and given.letters == wanted.letters:
        return (
            match('choice')
            if len(given.letters) < 2 or not _EITHER.search(f'{reference}\n{answer}')
            else undecided('choice')
        )
    if len(given.letters) > 1 and any(_OF_OTHERS.search(options[letter]) for letter in wanted.letters):
        return undecided('option of options')
    if given.reading is Reading.TAKES:
        return mismatch('choice')
    if given.reading is Reading.CONTRADICTS:
        return mismatch('letter against text')
    if given.reading is Reading.NONE_OFFERED:
        return mismatch('not offered') if len(wanted.letters) == 1 else undecided('several options')
    return undecided('choice')


_NUMBERED = re.compile(r'[(\[]?(\d|x|i?[vx]|v?i{1,3})[)\].:]?')


def _numbered(question: Question, reference: str, answer: str) -> RuleVerdict | None:
    """Two of the labels (1), [2] or iii. that a question puts before what it offers."""
    found = [_NUMBERED.fullmatch(unwrap(text)) for text in (reference, answer)]
    labels = [one[1] for one in found if one]
    if len(labels) < 2 or not all(re.search(rf'(?<!\w){label}[)\].:](?!\d)', question.plain) for label in labels):
        return None
    return match('label') if labels[0] == labels[1] else mismatch('label')


def _letters_without_options(reference: str, answer: str) -> RuleVerdict | None:
    """A reference that is a letter, for a question whose options are only in the picture."""
    wanted = re.fullmatch(r'[(\[]?([A-Z])[)\].:]?', unwrap(reference))
    if not wanted:
        return None
    given = re.fullmatch(r'(?:option |choice )?[(\[]?([A-Za-z])[)\].:]?', unwrap(answer), re.IGNORECASE)
    if given:
        letter = latin(given.group(1))
        if letter.upper() != wanted.group(1):
            return mismatch('letter')
        return match('letter') if letter.isupper() else undecided('case of a letter')
    several = _letter_list(unwrap(answer), dict.fromkeys('ABCDEFGH', ''))
    return mismatch('several letters') if several and len(several) > 1 else undecided('letter')


_LEAD = re.compile(
    r'\A(?:(?:i|we)\s+(?:would\s+)?(?:choose|select|pick|chose|go with|say)\s+|'
    r'it(?:\'s| is)\s+(?=(?:option |choice )?[(\[]?[A-Z](?:[)\].,]|\Z))|'
    r'(?:the\s+)?(?:(?:correct|right|best)\s+)?(?:option|choice|letter|answer|选项)s?\s*(?:is|are|:)?\s*(?=[(\[]?[A-Za-z](?![A-Za-z]))|'
    r'(?:我)?(?:应该|应)?选(?:择|项)?(?:是|为|:)?\s*|选项\s*)',
    re.IGNORECASE,
)
_TAIL = re.compile(r'\s*(?:is (?:the )?(?:correct|right|true)(?: (?:answer|option|choice|one))?|选?项)\Z')
_HEADED = re.compile(r'[(\[]?([A-Za-z])(?:\s*[)\].:,]+\s*|\s+-\s+|\s*=\s*|\s+(?=[(\[]))(\S.*)', re.DOTALL)
_OWN = re.compile(r'[(\[]?([A-Za-z])[)\].:]+\s*(\S.*)', re.DOTALL)
_UNMARKED = re.compile(r'([B-HJ-Z])\s+(\S.*)', re.DOTALL)
_LETTER = re.compile(r'\((.)\)|\[(.)\]|\{(.)\}|"(.)"|\'(.)\'|(.)[).:]?')
_ENCLOSED = re.compile(r'\A[(\[{]([^()\[\]{}]{2,})[)\]}]\Z')
_BETWEEN = re.compile(r'\s*(?:[,;/&+|]|\band\b|\bor\b|和|与|及|或)\s*|\s+')
_EITHER = re.compile(r'[/|或]|\bor\b', re.IGNORECASE)
_TRAILING = re.compile(r'(.*\S)\s*[(\[]([A-Z])[)\]]', re.DOTALL)


def taken(question: Question, options: dict[str, str], text: str) -> Taken:
    """Which options a text takes."""
    text = unwrap(text) if len(text) <= 20 * LONGEST_CHARS else text
    if len(text) > max(LONGEST_CHARS, *(2 * len(o) for o in options.values())):
        return _UNCLEAR
    exact = [letter for letter, option in options.items() if unwrap(option) == text]
    if len(exact) == 1 and not (re.fullmatch('[A-Z]', text) and text in options and text != exact[0]):
        return Taken(Reading.TAKES, frozenset(exact))
    bare = _TAIL.sub('', unwrap(_LEAD.sub('', text, count=1)))
    own = _OWN.fullmatch(bare)
    if own and unwrap(options.get(latin(own[1]).upper(), '')) == unwrap(own[2]):
        return Taken(Reading.TAKES, frozenset(latin(own[1]).upper()))
    letters = _letter_list(bare, options)
    if letters:
        if len(letters) == 1 and any(
            len(o) == 1 and o.upper() in options and o.upper() != x for x, o in options.items()
        ):
            return _UNCLEAR
        return Taken(Reading.TAKES, letters) if letters <= set(options) else Taken(Reading.NONE_OFFERED)
    return _marked(question, options, bare) or _by_text(question, options, text)


def _marked(question: Question, options: dict[str, str], text: str) -> Taken | None:
    """A letter with a text beside it, or several of them; None when no letter is marked."""
    marks = list(_INLINE.finditer(text))
    if len(marks) > 1 and marks[0].start() == 0:
        return _several_marked(question, options, text, marks)
    headed = _HEADED.fullmatch(text) or _UNMARKED.fullmatch(text)
    if headed and latin(headed.group(1)).upper() in options:
        return _letter_and_text(question, options, latin(headed.group(1)).upper(), headed.group(2))
    trailing = _TRAILING.fullmatch(text)
    if trailing and trailing.group(2) in options:
        return _letter_and_text(question, options, trailing.group(2), trailing.group(1))
    return None


def _several_marked(question: Question, options: dict[str, str], text: str, marks: list[re.Match[str]]) -> Taken:
    ends = [m.start() for m in marks[1:]] + [len(text)]
    for mark, end in zip(marks, ends, strict=True):
        letter = _letter_of_mark(mark)
        said = re.sub(r'(?:[,;\s]|\band\b|\bor\b)+\Z', '', text[mark.end() : end])
        if (
            letter not in options
            or compare_texts(question, unwrap(options[letter]), unwrap(said)).verdict is not Verdict.MATCH
        ):
            return _UNCLEAR
    return Taken(Reading.TAKES, frozenset(map(_letter_of_mark, marks)))


def _letter_and_text(question: Question, options: dict[str, str], letter: str, rest: str) -> Taken:
    named = _by_text(question, options, unwrap(rest))
    if named.reading is not Reading.TAKES:
        return _UNCLEAR
    return named if named.letters == {letter} else Taken(Reading.CONTRADICTS)


def _letter_list(text: str, options: dict[str, str]) -> frozenset[str] | None:
    listed = _ENCLOSED.sub(r'\1', text)
    found = [(_LETTER.fullmatch(p), p) for p in _BETWEEN.split(listed)]
    parts = [latin(next(filter(None, m.groups()))) if m else p for m, p in found]
    if len(parts) == 1 and re.fullmatch('[A-Za-z]', parts[0]):
        return frozenset(parts[0].upper())
    if len(parts) > 1 and all(re.fullmatch('[A-Z]', p) for p in parts):
        return frozenset(parts)
    if 1 < len(parts) <= len(options) and all(re.fullmatch('[a-z]', p) for p in parts):
        return frozenset(p.upper() for p in parts)
    packed = latin(listed)
    if re.fullmatch('[A-Z]{2,}', packed) and set(packed) <= set(options) and len(set(packed)) == len(packed):
        return frozenset(packed)
    return None


def _by_text(question: Question, options: dict[str, str], text: str) -> Taken:
    """The option that a text means, or the options that the items of a list mean."""
    verdicts = {x: compare_texts(question, unwrap(option), text).verdict for x, option in options.items()}
    found = [letter for letter, verdict in verdicts.items() if verdict is Verdict.MATCH]
    if re.match(r'A\s', text) and found not in (['A'], []):
        found = [x for x in found if options[x].casefold().startswith('a ')]
    if len(found) == 1:
        return Taken(Reading.TAKES, frozenset(found))
    if not found and set(verdicts.values()) == {Verdict.MISMATCH}:
        return Taken(Reading.NONE_OFFERED)
    items = [p for p in re.split(r'\s*(?:[,;\n]|\band\b|&|和)\s*', text) if p]
    if found or not 1 < len(items) <= len(options):
        return _UNCLEAR
    each = [_by_text(question, options, item) for item in items]
    if all(one.reading is Reading.TAKES for one in each):
        return Taken(Reading.TAKES, frozenset().union(*(one.letters for one in each)))
    return _UNCLEAR
