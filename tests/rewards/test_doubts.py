"""Equal in value is not enough where a form was asked for; the same symbols in another order are not another answer."""

from __future__ import annotations

import pytest

from swift_thyme.rewards.rules import Verdict, decide

OPTIONS = 'Which ones? Select all that apply.\nA. green\nB. grey\nC. gold\nD. Both A and B'


@pytest.mark.parametrize(
    ('question', 'reference', 'answer'),
    [
        ('Write 32 as a power of 2.', '2^5', '32'),
        ('Rationalize the denominator of 3/√7.', '\\frac{3\\sqrt{7}}{7}', '3/√7'),
        ('Write 17 in words.', 'seventeen', '17'),
        ('What time is 4:10 pm on a 24-hour clock?', '16:10', '4:10 pm'),
        ('Give the length in metres.', '2.5 m', '250 cm'),
        ('What equation is written above the door?', 'y = 3x + 2', '2y = 6x + 4'),
        ('What does the bottle say?', '750 mL', '0.75 L'),
        ('What are the dimensions of the shed?', '2 m × 5 m', '5 m × 2 m'),
        ('Which vector product gives the area?', 'p \\times q', 'q \\times p'),
        ('Solve the system.', 'x = 4, y = 9', 'x = 4 or y = 9'),
        ('Find the interval.', '[3, 7]', '3 and 7'),
        ('What are the roots with multiplicity?', 'x = 5, x = 5, x = 6', 'x = 5, x = 6, x = 6'),
        ('Which row is it?', '7m', '7 metres'),
        ('Convert to uppercase: abc', 'ABC', 'abc'),
    ],
)
def test_another_form_is_no_match_where_one_was_asked_for(question: str, reference: str, answer: str) -> None:
    assert decide(question, reference, answer).verdict is not Verdict.MATCH
    assert decide(question, reference, reference).verdict is Verdict.MATCH


@pytest.mark.parametrize(
    ('question', 'reference', 'answer'),
    [
        (OPTIONS, 'A, C', 'green and gold'),
        (OPTIONS, 'D', 'A and B'),
        ('What is the price?', 'CHF 35', '35 CHF'),
        ('Which decade?', '1930s', '30s'),
        ('Which decade?', '30s', '1930s'),
        ('What is the integral?', '\\sin^2 x + C', '-\\cos^2 x + C'),
        ('How many people?', '1234567', '12,34,567'),
    ],
)
def test_the_same_arranged_otherwise_is_no_mismatch(question: str, reference: str, answer: str) -> None:
    assert decide(question, reference, answer).verdict is not Verdict.MISMATCH
