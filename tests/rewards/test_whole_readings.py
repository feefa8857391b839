"""Readings of the whole text: letters under a power, inverse functions, alternatives, articles, percentages."""

from __future__ import annotations

import pytest

from swift_thyme.rewards.rules import Verdict, decide

OPTIONS = 'Which of these are right?\nA. fox\nB. hen\nC. owl\nD. elk'


@pytest.mark.parametrize(
    ('question', 'one', 'other'),
    [
        ('What is the energy?', 'mc^2', 'm c^2'),
        ('What is the energy?', 'mc^2', 'c^2 m'),
        ('', 'ax^2+bx+c', 'a x^2 + b x + c'),
        ('', 'ab^{-1}', 'a/b'),
        ('', '\\arcsin x', '\\sin^{-1} x'),
        ('', '\\tan^{-1}(2)', '\\arctan 2'),
        ('', '\\sin^2 x', '(\\sin x)^2'),
        ('What percentage of the pie is red?', '30', '30%'),
        ('What animal is it?', 'cat', 'A cat'),
        (OPTIONS, 'AC', 'A and C'),
        ('Solve for x: (x-1)(x-2)(x-3)=0', 'x = 1, 2, 3', 'x = 1, 2 or 3'),
    ],
)
def test_the_same_in_other_words_matches_both_ways(question: str, one: str, other: str) -> None:
    assert decide(question, one, other).verdict is decide(question, other, one).verdict is Verdict.MATCH


@pytest.mark.parametrize(
    ('question', 'one', 'other'),
    [
        ('What is the energy?', 'mc^2', '(mc)^2'),
        ('', 'xy^2', 'x^2y^2'),
        ('', 'ab^{-1}', '1/(ab)'),
        ('', '\\sqrt{ab}', 'ab^{1/2}'),
        ('', '\\sin^{-1} x', '1/\\sin x'),
        ('', '\\sec x', '\\cos^{-1} x'),
        ('What is 15% of 200?', '30', '30%'),
        ('20% of the 50 students like tea. How many students is that?', '10', '10%'),
        ('What is the key of the song?', 'A minor', 'minor'),
        ('What is written?', 'a_1', '_1'),
        ('What is written?', 'A to Z', 'to Z'),
        ('What is the name of the band?', 'The The', 'The'),
        (OPTIONS, 'AC', 'A or C'),
        ('Which are shown?', '3, 7, 9', '3, 7 or 9'),
        ('Find the set.', 'P = \\{2, 4\\}', 'Q = \\{2, 4\\}'),
        ('Find it.', 'P = (1, 2)', 'Q = (1, 2)'),
        ('What is the price in yen?', '¥300', '300 yuan'),
        ('图中有几只猫?', '3', '3双'),
        (OPTIONS, 'AC', 'A/C'),
    ],
)
def test_what_is_not_the_same_never_matches(question: str, one: str, other: str) -> None:
    assert Verdict.MATCH not in {decide(question, one, other).verdict, decide(question, other, one).verdict}


@pytest.mark.parametrize('dress', ['{%s}', '{{%s}}', '\\boxed{{%s}}', '${%s}$'])
@pytest.mark.parametrize('answer', ['B', 'red', 'Yes'])
def test_braces_around_a_word_are_no_empty_answer(answer: str, dress: str) -> None:
    assert decide('', answer, dress % answer).verdict is not Verdict.MISMATCH


@pytest.mark.parametrize('answer', ['{{reference}}', '{answer}', '{your answer}', '{ final answer }'])
def test_a_slot_of_a_template_is_no_answer(answer: str) -> None:
    assert decide(OPTIONS, 'C', answer).verdict is Verdict.MISMATCH
