"""The rule stage: right on the gold set and on our own cases, safe on any text, from any thread, in bounded time."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swift_thyme.rewards.rules import RuleStage, Verdict, accepted_answers, decide
from swift_thyme.rewards.rules.choice import options_of
from swift_thyme.rewards.rules.consistent import decide_consistency
from swift_thyme.rewards.rules.quantity import parse_quantity
from swift_thyme.rewards.rules.units import asked_unit, unit_of

from .rule_cases import CASES, MC

DATA = Path(__file__).parents[1] / 'data'
LETTERS = {'m': Verdict.MATCH, 'x': Verdict.MISMATCH, 'u': Verdict.UNDECIDED}


def gold(name: str) -> list[dict]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding='utf-8').splitlines()]


def test_gold_answers_get_an_accepted_verdict() -> None:
    wrong = []
    for row in gold('answers_dev.jsonl'):
        verdict = decide(row['question'], row['solution'], row['answer'])
        if verdict.verdict.value not in (row.get('rule_ok') or [row['rule']]):
            wrong.append((row['id'], verdict))
    assert not wrong


@pytest.mark.parametrize(('asked', 'reference', 'answer', 'accepted'), CASES)
def test_own_cases(asked: str, reference: str, answer: str, accepted: str) -> None:
    assert decide(asked, reference, answer).verdict in {LETTERS[c] for c in accepted}


def test_consistency_rules_are_never_wrong_where_they_decide() -> None:
    from swift_thyme import protocol
    from swift_thyme.rewards.trajectory import thinking_tail

    wrong = []
    for row in gold('consistency_dev.jsonl'):
        answer = protocol.answer_of(row['completion']) or ''
        verdict = decide_consistency(thinking_tail(row['completion']), answer).verdict
        if verdict is not Verdict.UNDECIDED and (verdict is Verdict.MATCH) != row['consistent']:
            wrong.append((row['id'], verdict))
    assert not wrong


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80), st.text(max_size=40), st.text(max_size=80))
def test_any_text_gets_a_verdict(asked: str, reference: str, answer: str) -> None:
    assert decide(asked, reference, answer).verdict in Verdict


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet='ABCD,()./ \\boxed{}$and or答案是选', max_size=30))
def test_a_set_of_other_letters_never_matches(answer: str) -> None:
    verdict = decide(MC, 'C', answer).verdict
    if verdict is Verdict.MATCH:
        assert 'C' in answer.upper()


def test_rules_work_in_other_threads() -> None:
    found: list[Verdict] = []

    def work() -> None:
        found.append(decide('How long?', '$2\\sqrt{2}$', '\\sqrt{8}').verdict)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [Verdict.MATCH] * 4


@pytest.mark.parametrize(
    'tower',
    ['9^{9^{9^{9}}}', '(x+1)^{100000}', '\\sqrt{' * 200 + '2' + '}' * 200, '(10^{9})!', '\\sum_{i=1}^{10^9} i^i',
     '9!' * 60, '((((9!)!)!)!)!', '\\sin(10^{10^{5}})', '(x+y+z+w)^{200}', '1/3^{100000}', 'x^' * 70 + 'x',
     '2^{' * 30 + '2' + '}' * 30],
)  # fmt: skip
def test_expression_that_cannot_be_computed_costs_no_time(tower: str) -> None:
    started_s = time.thread_time()
    assert decide('What is x?', '12', tower).verdict is not Verdict.MATCH
    assert decide('What is it?', 'x^2 + \\sqrt{2}', tower).verdict is not Verdict.MATCH
    assert time.thread_time() - started_s < 1


def test_answers_after_the_budget_of_a_step_are_undecided() -> None:
    stage = RuleStage(budget_s=0.0)
    assert stage.decide('q', '3', '3').rule == 'out of time'
    assert RuleStage().decide('q', '3', '3').verdict is Verdict.MATCH


@pytest.mark.parametrize(
    ('asked', 'expected'),
    [
        ('Q?\nA. x\nB. y', {'A': 'x', 'B': 'y'}),
        ('Q? (A) x (B) y (C) z', {'A': 'x', 'B': 'y', 'C': 'z'}),
        ('Q?\nOptions:\n(A) 10\n(B) 12\nPlease select the correct answer.', {'A': '10', 'B': '12'}),
        ('Q: A. x B. y', {'A': 'x', 'B': 'y'}),
        ('What is 3 + 4?', {}),
        ('Is plan A. better?', {}),
        ('汽车？\nA、红色\nB、蓝色', {'A': '红色', 'B': '蓝色'}),
    ],
)
def test_options_are_found(asked: str, expected: dict[str, str]) -> None:
    assert options_of(asked) == expected


@pytest.mark.parametrize(
    ('text', 'value'),
    [('1,234.5', 1234.5), ('twenty-one', 21), ('十二', 12), ('1 1/2', 1.5), ('1.2 × 10^3', 1200), ('2 million', 2e6)],
)
def test_numbers_are_read(text: str, value: float) -> None:
    quantity = parse_quantity(text)
    assert quantity is not None
    assert float(quantity.value) == value


@pytest.mark.parametrize('text', ['3b7', '12th', 'S QT 911', '1, 2, 3', 'cat', '', '3 or 4', '3-1', 'v2'])
def test_what_is_no_number_is_not_read_as_one(text: str) -> None:
    assert parse_quantity(text) is None


def test_units_are_compared_by_dimension() -> None:
    metre, centimetre, square = unit_of('m'), unit_of('cm'), unit_of('square metres')
    assert metre and centimetre and square
    assert metre.dimension == centimetre.dimension != square.dimension
    assert asked_unit('How long is it in cm?') == centimetre
    assert asked_unit('How long is it?') is None


@pytest.mark.parametrize(
    ('reference', 'accepted'),
    [
        ('red', ('red',)),
        ('["red", "crimson"]', ('red', 'crimson')),
        ("['red', 'crimson']", ('red', 'crimson')),
        ('[0, 1, 2]', ('[0, 1, 2]',)),
        ('[2, 5)', ('[2, 5)',)),
        ('[]', ('[]',)),
    ],
)
def test_a_list_of_texts_is_a_list_of_accepted_answers(reference: str, accepted: tuple[str, ...]) -> None:
    assert accepted_answers(reference) == accepted


def test_any_accepted_answer_matches_and_a_mismatch_needs_all() -> None:
    reference = "['3', 'three birds']"
    assert decide('How many birds?', reference, '3').verdict is Verdict.MATCH
    assert decide('How many birds?', reference, '4').verdict is Verdict.MISMATCH
    assert decide('What colour?', '["red", "crimson"]', 'blue').verdict is Verdict.UNDECIDED
