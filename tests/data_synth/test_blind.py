"""Nobody without the picture answers better than chance, and no question without a picture is asked in two splits."""

from __future__ import annotations

import contextlib
import io
import re
from collections import Counter
from dataclasses import replace

import pytest

from swift_thyme.data.synth import TASKS, Form, Kind, SetSpec, Split
from swift_thyme.data.synth.blind import CHANCE, choices, scores, solvers
from swift_thyme.data.synth.question import ABSENT
from swift_thyme.data.synth.rows import draft, question
from swift_thyme.data.synth.seeds import rng_for
from swift_thyme.data.synth.sums import TEMPLATES, question_for

DIFFICULTIES = (0.1, 0.5, 0.9)
MARGIN = 0.05
BROAD = ('attribute', 'by_color', 'counting', 'find_read', 'no_tool', 'region')
"""Tasks that cover every way in which options are made; the others run with the slow tests."""


@pytest.mark.parametrize('task', [t if t in BROAD else pytest.param(t, marks=pytest.mark.slow) for t in sorted(TASKS)])
def test_blind_solvers_are_near_chance(task: str) -> None:
    check_blind(task, train_rows=1500, test_rows=500)


@pytest.mark.slow
@pytest.mark.parametrize('task', sorted(TASKS))
def test_blind_solvers_are_near_chance_at_full_size(task: str) -> None:
    check_blind(task, train_rows=5000, test_rows=1500)


def check_blind(task: str, train_rows: int, test_rows: int) -> None:
    order = SetSpec(task=task, canvas='1k', difficulty=(0.0, 1.0), seed=11, kind=Kind.EVAL)
    battery = solvers(order, train_rows=train_rows)
    asked = [c for d in DIFFICULTIES for c in choices(replace(order, difficulty=(d, d), n=test_rows))]
    found = scores(battery, asked)
    assert max(found.values()) < CHANCE + MARGIN, sorted(found.items(), key=lambda item: -item[1])[:4]


@pytest.mark.parametrize('task', sorted(TASKS))
def test_a_question_made_without_drawing_is_that_of_the_drawn_row(task: str) -> None:
    spec = SetSpec(task=task, canvas='1k', difficulty=(0.0, 1.0), seed=5)
    for index in range(2):
        item, posed = question(spec, index)
        made = draft(spec, index)
        assert (posed, item.answer) == (made.posed, made.item.answer)


def test_counts_are_spread_over_all_that_can_be_offered_and_zero_is_one_of_them() -> None:
    spec = SetSpec(task='counting', n=600, canvas='1k', difficulty=(0.5, 1.0), kind=Kind.EVAL)
    rows = choices(spec)
    truths = Counter(c.options[c.right] for c in rows)
    assert max(truths.values()) < 0.25 * len(rows) and truths['0'] > 0.03 * len(rows)
    offered = [c for c in rows if '0' in c.options]
    assert sum(c.options[c.right] == '0' for c in offered) / len(offered) == pytest.approx(CHANCE, abs=0.07)


def test_absence_is_true_as_often_as_any_other_option() -> None:
    for task in ('find_read', 'low_contrast', 'multi_step', 'rotated', 'table'):
        rows = choices(SetSpec(task=task, n=1200, canvas='1k', difficulty=(0.0, 1.0), kind=Kind.EVAL))
        offered = [c for c in rows if ABSENT in c.options]
        true = sum(c.options[c.right] == ABSENT for c in offered) / len(offered)
        assert len(offered) > 100 and true == pytest.approx(CHANCE, abs=0.09), task


def test_absence_is_never_offered_where_it_is_never_true() -> None:
    vain = {'find_read', 'low_contrast', 'multi_step', 'rotated', 'table'}
    for task in sorted(set(TASKS) - vain):
        assert not any(ABSENT in c.options for c in choices(SetSpec(task=task, n=60, canvas='1k')))
    sft = SetSpec(task='find_read', n=60, canvas='1k', kind=Kind.SFT, form=Form.CHOICE)
    assert not any(ABSENT in question(sft, i)[1].options for i in range(sft.n)), 'no trajectory ends in absence'


def test_no_computation_is_asked_in_two_splits() -> None:
    asked = {split: {question_for(rng_for(split, i), 1 + i % 6, split)[0] for i in range(1500)} for split in Split}
    assert not asked[Split.TRAIN] & asked[Split.TEST]
    assert not asked[Split.TRAIN] & asked[Split.VALIDATION] and not asked[Split.TEST] & asked[Split.VALIDATION]
    assert all(len(texts) > 1350 for texts in asked.values())


def test_no_computation_speaks_of_one_in_the_plural() -> None:
    asked = [question_for(rng_for('plural', i), 1 + i % 6, Split.TRAIN)[0] for i in range(3000)]
    one = re.compile(r'(?<!from )(?<!between )\b1 (?!to\b|and\b|January\b)[a-z]+s\b')
    assert not [text for text in asked if one.search(text)]


def test_there_are_forty_kinds_of_computation_and_each_program_gives_the_answer() -> None:
    assert len(TEMPLATES) >= 40 and len({t.question for t in TEMPLATES}) == len(TEMPLATES)
    for template in TEMPLATES:
        for size in (1, 6):
            numbers = template.draw(rng_for(template.question, size), size)
            answer = template.answer(numbers)
            assert answer >= 0
            for program in template.programs(numbers):
                printed = io.StringIO()
                with contextlib.redirect_stdout(printed):
                    exec(program, {})
                assert printed.getvalue().strip() == str(answer), program
