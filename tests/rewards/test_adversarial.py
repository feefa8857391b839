"""Adversarial rows get no wrong verdict, and a changed answer is no longer a match."""

from __future__ import annotations

import re
import statistics
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from swift_thyme.rewards.rules import Verdict, decide

from .adversarial import PAIRS, Row, all_rows

ROWS = all_rows()


@pytest.fixture(scope='module')
def verdicts() -> list[tuple[Row, Verdict, float]]:
    found = []
    for row in ROWS:
        started_s = time.thread_time()
        verdict = decide(row.question, row.reference, row.answer).verdict
        found.append((row, verdict, time.thread_time() - started_s))
    return found


def test_there_are_rows_of_every_kind() -> None:
    assert len(ROWS) > 5000
    assert len({row.kind for row in ROWS}) >= 18


def test_no_wrong_answer_matches(verdicts: list[tuple[Row, Verdict, float]]) -> None:
    assert not [row for row, verdict, _ in verdicts if verdict is Verdict.MATCH and not row.same]


def test_no_right_answer_is_a_mismatch(verdicts: list[tuple[Row, Verdict, float]]) -> None:
    assert not [row for row, verdict, _ in verdicts if verdict is Verdict.MISMATCH and row.same]


def test_plain_right_answers_are_decided(verdicts: list[tuple[Row, Verdict, float]]) -> None:
    assert not [row for row, verdict, _ in verdicts if verdict is not Verdict.MATCH and row.same and row.plain]


def test_an_answer_costs_less_than_two_milliseconds_in_the_median(verdicts: list[tuple[Row, Verdict, float]]) -> None:
    assert statistics.median(seconds for _, _, seconds in verdicts) < 0.002


SEEDS = (
    '42', '3.14', '-7', '1,234', '50%', '$5.20', '12 cm', '60 km/h', '5 MW', '300 K', 'at least 5', '> 18', '10-15',
    '3:1', '15:30', '3:30 PM', 'July 4, 2019', 'Monday, April 7', '2019-07-04', '120/80', '3×4', '007', 'AB 12 CDE',
    'j.smith@mail.com', 'www.my-shop.com', 'O+', 'C++', 'Fe2+', 'A ∩ B', 'A → B', 'x ≠ 2', '3 - 4i', '2\\sqrt{3}',
    'x^2 - 1', 'y = 2x + 1', '[2, 5)', '(3, -4)', '\\{1, 2\\}', '\\frac{2}{3}', 'x > 3', 'sin x', 'n!', 'cat', 'red',
    'vitamin A', 'on the box', 'corner store', 'top left', 'New York', 'Do not enter', 'cat, dog', 'yes', 'no', 'B',
    'NaCl', 'three', '二十一', '红色',
)  # fmt: skip
SIGNS = '+-*/^_=<>≤≥≠±√π∞∩∪→∥⊥¬%‰°$€£#&@|~()[]{}×÷·²³'
EQUAL = (
    (r'(\.\d*?)0+(?!\d)', r'\1'),  # zeros that add nothing
    (r'(?<![\d.])0+(?=[\d\\])', ''),
    ('~', '-'),
    (r'(?<=[\s,])a(?= )|[\s.,;:!\'"&+]', ''),  # articles, layout, closing signs, list separators
    (r'√ ?1|1[²³]', '1'),
    (r'1(?=[a-z(])|(?<=[a-z])1(?= ?x)|[*×·\\xX]', ''),  # factors of one, signs of multiplication, sqrt for \\sqrt
    (r'(?<=[a-z])-(?=[a-z ])|(?<= )-(?=[a-z])|[()\[\]/]|色', ''),  # hyphens, brackets around a letter, km/h
    ('july', 'jul'),
)


def _canonical(text: str) -> str:
    """A text without what the named equivalences cover; it may forget more, which only leaves a change out."""
    text = text.casefold()
    for pattern, new in EQUAL:
        text = re.sub(pattern, new, text)
    return text


@settings(max_examples=600, deadline=None)
@given(
    st.sampled_from(SEEDS),
    st.integers(0, 40),
    st.sampled_from('dri'),
    st.sampled_from([*SIGNS, *'0123456789', *'abcmkxyzABCKMXZ']),
)
def test_changing_one_sign_digit_or_letter_is_no_match(seed: str, at: int, how: str, new: str) -> None:
    i = at % len(seed)
    changed = {'d': seed[:i] + seed[i + 1 :], 'r': seed[:i] + new + seed[i + 1 :], 'i': seed[:i] + new + seed[i:]}[how]
    assume(_canonical(seed) != _canonical(changed))
    assert decide('What is shown?', seed, changed).verdict is not Verdict.MATCH


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(SEEDS),
    st.sampled_from(
        [
            ' not',
            'not ',
            ' or 6',
            ' 2',
            ' wrong',
            'un',
            ' maybe',
            ' and more',
            ' km',
            ' %',
            'no ',
            ' except',
            'half ',
            'about ',
        ]
    ),
)
def test_a_word_or_unit_added_is_no_match(seed: str, added: str) -> None:
    changed = added + seed if added.endswith(' ') or added == 'un' else seed + added
    assert decide('What is shown?', seed, changed).verdict is not Verdict.MATCH


TURNED = str.maketrans('[]()+-<>', '()[]-+><')
STRICT = (
    'NaCl', 'Ab1', '5 MW', '100 Mb', 'AB12CD', '[2, 5)', '(-\\infty, 3]', '3 - 4i',
    'x^2 - 1', 'y = 2x + 1', '-\\sqrt{2}',
    'x > 3', '00:42:17', 'July 4, 2019', '13:05', '1.414', '2\\sqrt{3}', '0.0833', '120/80',
    '5 m/s', '12.50', 'x \\ne 5',
    'x_1 = 3, x_2 = 4', '(1, 2), (3, 4)', '44 BC', '31.25%', '\\frac{2}{3}', '10^{-40}',
)  # fmt: skip
"""Texts of which no bracket, sign, digit or case is free."""


def _changes(text: str) -> set[str]:
    found = set()
    for i, sign in enumerate(text):
        new = str((int(sign) + 1) % 10) if sign.isdigit() else sign.translate(TURNED)
        command = re.search(r'\\\w*\Z', text[:i])
        new = (
            sign.swapcase() if sign.isalpha() and not command and text.lower() not in ('july 4, 2019', 'x > 3') else new
        )
        found.add(text[:i] + new + text[i + 1 :])
    return found - {text}


@pytest.mark.parametrize('text', STRICT)
def test_no_bracket_sign_digit_or_case_turned_is_a_match(text: str) -> None:
    wrong = [c for c in _changes(text) if decide('Which is it?', text, c).verdict is Verdict.MATCH]
    assert not wrong


@pytest.mark.parametrize('question', ['Is the dog on the bed?', 'Is there a red car?'])
@pytest.mark.parametrize(
    'form', ['{a}, {q} is not', 'No, the dog is on the bed', 'No, there is a red car', 'Yes, not', 'Yes and no']
)
def test_an_explanation_that_says_the_opposite_is_no_match(question: str, form: str) -> None:
    yes = form.format(a='Yes', q=question.removeprefix('Is ').rstrip('?'))
    assert decide(question, yes.split(',')[0].split()[0].casefold(), yes).verdict is not Verdict.MATCH


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([tuple(p) for p in PAIRS]),
    st.sampled_from(['Is it a {a} or {b}?', 'Which one, {a} or {b}?', 'Does it look {a} or {b}?']),
    st.lists(
        st.sampled_from(
            [
                '{a}',
                '{b}',
                ' ',
                ', ',
                ' and ',
                ' or ',
                '/',
                'both ',
                ' not ',
                '; ',
                ' & ',
                '(',
                ')',
                'the ',
                'a ',
                'it is ',
                '.',
                '\n',
            ]
        ),
        max_size=7,
    ),
)
def test_no_answer_matches_both_alternatives(pair: tuple[str, str], form: str, pieces: list[str]) -> None:
    a, b = pair
    question, answer = form.format(a=a, b=b), ''.join(pieces).format(a=a, b=b)
    verdicts = [decide(question, reference, answer).verdict for reference in pair]
    assert verdicts.count(Verdict.MATCH) < 2


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SEEDS))
def test_what_is_printed_matches_itself_in_every_wrapper(seed: str) -> None:
    for form in ('{}', '**{}**', '"{}"', 'The answer is {}.', 'Answer: {}', ' {}\n', '`{}`'):
        assert decide('What is shown?', seed, form.format(seed)).verdict is Verdict.MATCH, form
