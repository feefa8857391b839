"""Sentences that repeat the question as a statement are read by their value, and by nothing less than the whole."""

from __future__ import annotations

import pytest

from swift_thyme.rewards.rules import Verdict, decide
from swift_thyme.rewards.rules.question import Question
from swift_thyme.rewards.rules.statements import FORMS, said_in

SAID = [
    ('What is the sum of the two bars shown?', '48.20', 'The sum is {}.'),
    ('What is the name of the man in green?', 'Lindqvist', 'His name is {}.'),
    ('What year is on the medal?', '1931', 'The year is {}.'),
    ('Which flower is circled?', 'tulip', 'The flower is a {}.'),
    ('Which is heavier, the jug or the bowl?', 'jug', 'The {} is heavier.'),
    ('What vehicle is parked outside?', 'truck', 'A {} is parked outside.'),
    ('What is on the tray?', 'soup', 'There is {} on the tray.'),
    ('What is the girl carrying on her back?', 'drum', 'She is carrying a {} on her back.'),
    ('What instrument is the boy tuning?', 'viola', 'The boy is tuning the {}.'),
    ('What is the horse doing?', 'jumping', 'The horse is {}.'),
    ('How many boats are in the harbour?', '7', '{} boats are in the harbour.'),
    ('How many red kites are there in the sky?', '7', 'There are {} kites in the sky.'),
    ('How many doors does the barn have?', '9', 'It has {} doors.'),
    ('What is the length of PQ?', '12', 'PQ = {}'),
    ('What is the tram number?', '38', 'Tram {}'),
    ('What number is on the vest?', '23', '#{}'),
]


@pytest.mark.parametrize(('question', 'value', 'form'), SAID)
def test_a_whole_statement_is_read_by_its_value(question: str, value: str, form: str) -> None:
    other = str(int(value) + 4) if value.isdigit() else 'other things'
    assert decide(question, value, form.format(value)).verdict is Verdict.MATCH
    assert decide(question, other, form.format(value)).verdict is not Verdict.MATCH


@pytest.mark.parametrize(('question', 'value', 'form'), SAID)
@pytest.mark.parametrize('change', ['{} too', 'Perhaps {}', '{} or so', 'not {}', '{}, but not there', 'x{}'])
def test_a_statement_with_a_word_more_is_no_match(question: str, value: str, form: str, change: str) -> None:
    assert decide(question, value, change.format(form.format(value).rstrip('.'))).verdict is not Verdict.MATCH


@pytest.mark.parametrize(('question', 'value', 'form'), SAID)
def test_a_statement_about_another_value_is_no_match(question: str, value: str, form: str) -> None:
    for said in (f'not {value}', f'no {value}', f'{value} or 8', f'{value}, 8', f'un{value}', ''):
        assert decide(question, value, form.format(said)).verdict is not Verdict.MATCH


@pytest.mark.parametrize(
    ('question', 'reference', 'answer'),
    [
        ('What is behind the van?', 'tree', 'The van is behind the tree.'),
        ('Which team beat the other, Owls or Rams?', 'Owls', 'The Rams beat the Owls.'),
        ('Which is taller, the jug or the bowl?', 'jug', 'The bowl is taller than the jug.'),
        ('What is the man feeding?', 'goat', 'The goat is feeding the man.'),
        ('What is the capital of the red country?', 'Oslo', 'The country is Oslo.'),
        ('How many doors does the barn have?', '9', 'The house has 9 doors.'),
        ('How many red kites are there in the sky?', '7', 'There are 7 blue kites in the sky.'),
        ('What number is on the vest?', '23', '#23 of 40'),
    ],
)
def test_a_statement_of_something_else_is_no_match(question: str, reference: str, answer: str) -> None:
    assert decide(question, reference, answer).verdict is not Verdict.MATCH


def test_every_form_of_question_has_a_statement() -> None:
    used = {Question(question).plain for question, _, _ in SAID}
    assert len(used) == len(SAID) >= len(FORMS)
    for question, value, form in SAID:
        assert said_in(Question(question), form.format(value).rstrip('.')) is not None
