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
        ('', 'a_3 = 2, a_{37} = 19', 'a_{37} = 19, a_3 = 2'),
        ('', '(p,q)=(3,2)', '(3,2)'),
        ('', 'x \\neq 5', 'x != 5'),
        ('', '(2, 2), (6, 2)', '$(2,2)$ and $(6,2)$'),
        ('', '28\\%', '$28$ percent'),
        ('How far is it?', '125 miles', '$125$ miles'),
        ('', '1, 2, 3', '\\boxed{1}, \\boxed{2}, \\boxed{3}'),
        ('', 'f(x)', '$f(x)$'),
        ('', '10^{-40}', '10^{-39}/10'),
        ('', '1/3', 'k = \\frac{1}{3}'),
        ('What is the number of visitors?', '12,939', '12,939 visitors'),
        ('What price is on the tag?', '£260', '260 pounds'),
        ('What price in Japan is on the tag?', '¥1200', '1200 yen'),
        ('When did the king die?', '44 BC', '44 BCE'),
        ('Which numbers are marked?', '3, 8, 15', '- 3\n- 8\n- 15'),
        ('Which numbers are marked?', '3, 8', '1. 3\n2. 8'),
        ('When does it leave?', '16:25', '16h25'),
        ('他跳了几次?', '3', '3次'),
        ('How many times?', '3', '3次'),
        ('What pressure is it?', '75 hPa', '7500 Pa'),
        ('Which set is shaded?', 'A ∩ B', '$A \\cap B$'),
        ('How do the lines lie?', 'AB ∥ CD', 'AB \\parallel CD'),
        ('What happens?', '2H2 + O2 → 2H2O', '2H_2 + O_2 \\rightarrow 2H_2O'),
        ('What is the solution set?', '\\emptyset', '∅'),
        ('What is the solution set?', '\\varnothing', '\\{\\}'),
        ('', 'x = 7', '7 = x'),
        ('', 'x^2+2x+1', 'x^2 + 2*x + 1'),
        ('', 'a^{b+c}', 'a^b*a^c'),
        ('What does the gauge show?', '25 GW', '25 gigawatts'),
        ('What does the gauge show?', '4.7 kΩ', '4.7 kilo-ohms'),
        ('What does the gauge show?', '4.7 k\\Omega', '4700 Ω'),
        ('How much was raised?', '$2.3M', '$2.3 million'),
        ('How much was raised?', '$4.5bn', '$4.5 billion'),
        ('What is the height of the bar?', '7.5k', '7,500'),
        ('What is its length?', '(12.3 ± 0.2) cm', '12.3 ± 0.2 cm'),
        ('What is the blood pressure?', '120/80', '120 / 80'),
        ('What is the tolerance?', '±0.5 mm', '+/- 0.5 mm'),
        ('', '2\\alpha + \\beta', 'β + 2α'),
        ('', '1 < x < 5', '5 > x > 1'),
        ('', '\\frac{1}{2}mv^2', '\\frac12 mv^2'),
        ('', '3+\\log_2 x', '\\log_2(8x)'),
        ('', '\\ln\\frac{1+x}{1-x}', '\\ln(1+x)-\\ln(1-x)'),
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
        ('What is the formula?', 'E = f(x)', 'E = fx'),
        ('What is the formula?', 'f(x)', 'x f'),
        ('', '2^{300}x', '(2^{300}+1)x'),
        ('', '10^{-40}', '2 \\cdot 10^{-40}'),
        ('', 'x \\neq 5', 'x = 5'),
        ('', 'p = 5, q = 2', 'p = 2, q = 5'),
        ('', '(1, 2), (3, 4)', '(1, 2), (4, 3)'),
        ('', '1234', '\\boxed{1} \\boxed{234}'),
        ('', '1234', '$1$ $234$'),
        ('Which platform does he leave from?', '9 3/4', '9.75'),
        ('What is the zip code?', '90210', '90,210'),
        ('跑了多少圈?', '3', '3次'),
        ('图中有几只猫?', '3', '3次'),
        ('Which gas is named?', 'NO', 'No, none'),
        ('Which gas is named?', 'NO', 'no'),
        ('What does the button say?', 'True', 'Yes'),
        ('What is cos 2x in terms of sin x?', '1 - 2\\sin^2 x', '\\cos 2x'),
        ('What price is on the tag?', '¥1200', '1200 yen'),
        ('When did the king die?', '44 BC', '44 AD'),
        ('', '64', '2^3^2'),
        ('', '512', '2^3^2'),
        ('Which product is it?', 'A*B', 'B*A'),
        ('What are the coordinates of point P?', '(2, -3)', 'M = (2, -3)'),
        ('Which set is shaded?', 'A ∩ B', 'A \\cup B'),
        ('How do the lines lie?', 'AB ∥ CD', 'AB \\perp CD'),
        ('What is the solution set?', '\\emptyset', '\\{0\\}'),
        ('What does the gauge show?', '5 MW', '5 milliwatts'),
        ('What is its length?', '(12.3 ± 0.2) cm', '12.3 ± 0.2 mm'),
        ('What is written?', '$2M', '$2m'),
    ],
)
def test_what_is_not_the_same_never_matches(question: str, one: str, other: str) -> None:
    assert Verdict.MATCH not in {decide(question, one, other).verdict, decide(question, other, one).verdict}


@pytest.mark.parametrize(
    ('question', 'one', 'other'),
    [
        ('When did the king die?', '44 BC', '44 B.C.'),
        ('What was the revenue (in millions)?', '45.2', '45.2 million'),
        ('What was the revenue (in millions)?', '45.2', '45,200,000'),
        ('How many millions live there?', '8', '8 million'),
        ('What is the total?', '1,234.56', '1.234,56'),
        ('Which set? A. {1} B. {} C. {0} D. {1, 0}', 'B', '{}'),
        ('What is the solution set?', '\\emptyset', '{}'),
        ('How long is the race?', '5 km', '5k'),
        ('What does the tag say?', '$5K', '5 K'),
        ('What is the profit?', '$1.2B', '1.2B'),
        ('', '\\sqrt{(x-3)(x-5)}', '\\sqrt{x-3}\\sqrt{x-5}'),
        ('', '11111111100', '11,\\! 111,\\! 111,\\! 100'),
        ('', 'x^{100}', 'x^{50} x^{50}'),
        ('', '2 \\sin 30', '1 + \\sin(60/2) - \\sin 30'),
        ('', '(1, \\infty) \\cup (-1, 0)', '(-1, 0) \\cup (1, \\infty)'),
    ],
)
def test_what_is_the_same_is_never_a_mismatch(question: str, one: str, other: str) -> None:
    assert Verdict.MISMATCH not in {decide(question, one, other).verdict, decide(question, other, one).verdict}


def test_a_percentage_of_other_digits_is_a_mismatch() -> None:
    assert decide('What percentage is green?', '31.25%', '3.125%').verdict is Verdict.MISMATCH


@pytest.mark.parametrize('dress', ['{%s}', '{{%s}}', '\\boxed{{%s}}', '${%s}$'])
@pytest.mark.parametrize('answer', ['B', 'red', 'Yes'])
def test_braces_around_a_word_are_no_empty_answer(answer: str, dress: str) -> None:
    assert decide('', answer, dress % answer).verdict is not Verdict.MISMATCH


@pytest.mark.parametrize('answer', ['{{reference}}', '{answer}', '{your answer}', '{ final answer }'])
def test_a_slot_of_a_template_is_no_answer(answer: str) -> None:
    assert decide(OPTIONS, 'C', answer).verdict is Verdict.MISMATCH


LETTERS = 'Which letter is missing?\nA. P\nB. I\nC. F\nD. S'


@pytest.mark.parametrize(('reference', 'answer'), [('A', 'A. P'), ('B', 'B. I'), ('C', 'C) F'), ('D', '(D) S')])
def test_a_letter_with_its_own_text_takes_one_option_though_the_text_is_a_letter(reference: str, answer: str) -> None:
    assert decide(LETTERS, reference, answer).verdict is Verdict.MATCH
    assert decide(LETTERS, 'BADC'['ABCD'.index(reference)], answer).verdict is not Verdict.MATCH
