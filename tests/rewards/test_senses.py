"""What can be read in two ways decides only where the ways agree: units, exponents, brackets, rounded factors."""

from __future__ import annotations

from fractions import Fraction
from math import pi

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift_thyme.rewards.rules import Verdict, decide
from swift_thyme.rewards.rules.units import SENSES, Unit, unit_of

WRITTEN = {u.dimension: name for name in ('kg', 'L', 's', 'b', 'degrees', 'J', 'kcal', 'km') if (u := unit_of(name))}
"""A unit of each dimension that has one sense only."""
PAIRS = [(spelling, sense) for spelling, senses in SENSES.items() for sense in senses if sense.dimension in WRITTEN]


@given(pair=st.sampled_from(PAIRS), value=st.integers(1, 60))
def test_a_value_in_another_sense_of_its_unit_is_no_mismatch(pair: tuple[str, Unit], value: int) -> None:
    spelling, sense = pair
    name = WRITTEN[sense.dimension]
    unit = unit_of(name)
    assert unit is not None
    other = f'{float(Fraction(value) * sense.factor / unit.factor):.6f} {name}'
    for reference, answer in ((f'{value} {spelling}', other), (other, f'{value} {spelling}')):
        assert decide('', reference, answer).verdict is not Verdict.MISMATCH


@given(value=st.integers(1, 99), asked=st.sampled_from(['acceleration acts on the pilot', 'g-force is shown']))
def test_g_is_no_gram_where_an_acceleration_is_asked_for(value: int, asked: str) -> None:
    mass = 'What is the mass of the coin?'
    for gram in (f'{value} grams', f'{value * 1000} mg'):
        assert decide(f'What {asked}?', f'{value} g', gram).verdict is Verdict.UNDECIDED
        assert decide(mass, f'{value} g', gram).verdict is Verdict.MATCH


@pytest.mark.parametrize('spelling', ['metre', 'gram', 'minute'])
def test_a_unit_in_full_has_one_sense(spelling: str) -> None:
    others = {'metre', 'gram', 'minute', 'mile'} - {spelling}
    assert all(decide('', f'5 {spelling}s', f'5 {other}s').verdict is Verdict.MISMATCH for other in others)


@given(power=st.integers(1, 60), sign=st.sampled_from(['-', '']))
def test_an_exponent_is_not_eulers_number(power: int, sign: str) -> None:
    for answer in (f'1e{sign}{power}', f'1E{sign}{power}'):
        assert decide('', f'10^{{{sign}{power}}}', answer).verdict is not Verdict.MISMATCH


@given(factor=st.integers(1, 40), names=st.sampled_from(['r', 'r^2', 'rh']))
def test_a_rounded_factor_of_an_expression_is_no_mismatch(factor: int, names: str) -> None:
    verdicts = [decide('', f'{factor}\\pi {names}', f'{v:.2f}{names}').verdict for v in (factor * pi, factor * 3.0)]
    assert verdicts == [Verdict.UNDECIDED, Verdict.MISMATCH]


@given(
    left=st.integers(2, 9), times=st.sampled_from(['·', '×', '*', '\\cdot ', '\\times ', '']), power=st.integers(2, 4)
)
def test_a_product_copied_with_any_sign_is_no_answer(left: int, times: str, power: int) -> None:
    question = f'What is {left}π·x^{power}·x?'
    assert (
        decide(question, f'{left}\\pi x^{power + 1}', f'{left}π{times}x^{power}{times}x').verdict is Verdict.UNDECIDED
    )


@given(low=st.integers(-9, 9), length=st.integers(1, 9))
def test_brackets_around_two_numbers_are_a_list_only_where_several_are_asked_for(low: int, length: int) -> None:
    two, bracketed = f'{low}, {low + length}', f'[{low}, {low + length}]'
    for asked, verdict in (('Where is f negative?', Verdict.UNDECIDED), ('What are the solutions?', Verdict.MATCH)):
        assert decide(asked, two, bracketed).verdict is decide(asked, bracketed, two).verdict is verdict


@given(numbers=st.lists(st.integers(0, 99), min_size=2, max_size=4, unique=True))
def test_a_set_is_no_answer_where_an_order_is_asked_for(numbers: list[int]) -> None:
    text = ', '.join(map(str, numbers))
    assert decide('Read them from left to right.', text, f'{{{text}}}').verdict is not Verdict.MATCH
    assert decide('Give the solution set.', text, f'{{{text}}}').verdict is Verdict.MATCH


@given(word=st.sampled_from(['team', 'plan', 'squad', 'list', 'class']))
def test_a_capital_a_in_a_name_is_no_article(word: str) -> None:
    for left, right in ((f'A {word}', word), (f'A {word}', f'the {word}')):
        for reference, answer in ((left, right), (right, left)):
            assert decide('Which one is named on the banner?', reference, answer).verdict is Verdict.UNDECIDED
    assert decide('What is in the box?', word, f'A {word}').verdict is Verdict.MATCH
