"""What holds for every row of every task, over random seeds and difficulties."""

from __future__ import annotations

import io
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from swift_thyme.data.synth import TASKS, Form, Kind, Split
from swift_thyme.data.synth.difficulty import MIN_CAP_PX, TARGET_AREA, level_for
from swift_thyme.data.synth.question import ABSENT, LETTERS, pose
from swift_thyme.data.synth.seeds import rng_for
from swift_thyme.data.synth.tasks import Order
from swift_thyme.data.synth.tasks.compute import build as build_compute
from swift_thyme.data.synth.tasks.reading import numbers_around, wrong_values
from swift_thyme.data.synth.values import ValueKind, value

from .helpers import SEEDS, drafted

seeds = st.integers(0, SEEDS)
difficulties = st.sampled_from((0.0, 0.25, 0.5, 0.75, 1.0))
tasks = st.sampled_from(sorted(TASKS))
many = settings(max_examples=16, deadline=None, derandomize=True)


@many
@given(tasks, seeds, difficulties)
def test_boxes_lie_inside_the_picture_and_cover_at_most_a_twentieth(task: str, seed: int, difficulty: float) -> None:
    made = drafted(task, seed, difficulty)
    if made.item.target is None:
        return
    box, (width, height) = made.item.target.box, made.size
    assert 0 <= box.left < box.right <= width
    assert 0 <= box.top < box.bottom <= height
    assert box.area <= TARGET_AREA * width * height
    assert made.item.context is not None and made.item.context.holds(box)


@many
@given(tasks, seeds, difficulties)
def test_distractors_never_equal_the_answer_and_options_are_unique(task: str, seed: int, difficulty: float) -> None:
    made = drafted(task, seed, difficulty)
    assert made.item.answer not in made.item.wrong
    assert len(set(made.posed.options)) == len(LETTERS)
    assert made.posed.options[LETTERS.index(made.posed.solution)] == made.item.answer


@many
@given(tasks, seeds, difficulties)
def test_what_must_be_seen_is_drawn_large_enough_for_a_crop(task: str, seed: int, difficulty: float) -> None:
    target = drafted(task, seed, difficulty).item.target
    if target is not None:
        assert target.detail_px >= MIN_CAP_PX
        assert target.detail_px <= max(target.box.width, target.box.height) + 1


@settings(max_examples=12, deadline=None, derandomize=True)
@given(seeds, st.sampled_from(('find_read', 'table', 'grid', 'low_contrast', 'rotated')))
def test_the_ink_of_a_text_is_where_its_box_says(seed: int, task: str) -> None:
    made = drafted(task, seed, 0.0, form=Form.FREE)
    assert made.item.target is not None and made.item.image is not None
    box = made.item.target.box
    grey = made.item.image.convert('L')
    rim = grey.crop((box.left, box.top, box.right, box.bottom))
    low, high = rim.getextrema()
    assert high - low >= 8, 'a box of text holds two different colours'


@many
@given(tasks, seeds)
def test_free_form_rows_state_the_answer_and_no_options(task: str, seed: int) -> None:
    made = drafted(task, seed, 0.5, form=Form.FREE)
    assert made.posed.solution == made.item.answer != ABSENT
    assert made.posed.options == ()
    assert made.posed.text == made.item.question


def test_the_letter_of_the_answer_is_uniform() -> None:
    item = build_compute(_order(3))
    letters = Counter(pose(item, True, rng_for('letters', i)).solution for i in range(4000))
    expected = 4000 / len(LETTERS)
    chi_squared = sum((letters[letter] - expected) ** 2 / expected for letter in LETTERS)
    assert chi_squared < 16.3, f'0.1 % limit of 3 degrees of freedom, counts {dict(letters)}'


def test_the_options_alone_do_not_say_which_is_right() -> None:
    hits = 0
    for i in range(800):
        rng = rng_for('blind', i)
        true = value(ValueKind.CODE, rng)
        others = tuple(value(ValueKind.CODE, rng, {true}) for _ in range(5))
        options = [true, *wrong_values(ValueKind.CODE, true, others, rng)]
        rng.shuffle(options)
        alike = [sum(a == b for other in options for a, b in zip(option, other, strict=True)) for option in options]
        hits += options[alike.index(max(alike))] == true
    assert 150 < hits < 255, 'choosing the option most like the others is right one time in four'


def test_the_rank_of_a_number_among_its_options_is_uniform() -> None:
    ranks = Counter(sum(n < 50 for n in numbers_around(50, (1, 2, 3), rng_for('rank', i))) for i in range(2000))
    assert set(ranks) == {0, 1, 2, 3} and min(ranks.values()) > 420
    assert all(min(numbers_around(1, (1, 2, 3), rng_for('low', i))) >= 0 for i in range(200))


def test_a_choice_that_asks_in_vain_says_so_under_every_letter() -> None:
    made = next(m for m in (drafted('find_read', seed, 0.5) for seed in range(200)) if m.item.answer == ABSENT)
    posed = [pose(made.item, True, rng_for('vain', i)) for i in range(400)]
    assert made.item.target is None and len(made.item.wrong) == 3
    assert min(Counter(p.solution for p in posed).values()) > 60
    assert all(p.options.count(ABSENT) == 1 for p in posed)


def _order(seed: int) -> Order:
    return Order(rng_for('order', seed), 1024, 682, level_for(0.5, 1024, 682), Split.TEST)


@pytest.mark.parametrize('task', sorted(TASKS))
def test_every_task_draws_at_every_difficulty_and_shape(task: str) -> None:
    for seed, difficulty in enumerate((0.0, 0.3, 0.6, 1.0)):
        made = drafted(task, seed, difficulty)
        assert (made.picture is not None) is TASKS[task].pictures
        if made.picture is not None:
            with Image.open(io.BytesIO(made.picture)) as picture:
                assert picture.size == made.size


def test_sft_questions_never_ask_for_what_is_not_there() -> None:
    for seed in range(15):
        assert drafted('find_read', seed, 0.5, kind=Kind.SFT).item.answer != ABSENT


@settings(max_examples=15, deadline=None, derandomize=True)
@given(seeds, difficulties)
def test_turned_text_is_turned_by_30_to_335_degrees(seed: int, difficulty: float) -> None:
    target = drafted('rotated', seed, difficulty).item.target
    assert target is None or 30 <= target.rotation_deg <= 335


@settings(max_examples=15, deadline=None, derandomize=True)
@given(seeds, difficulties)
def test_faint_writing_is_fainter_than_ordinary_writing(seed: int, difficulty: float) -> None:
    target = drafted('low_contrast', seed, difficulty).item.target
    assert target is None or 1.1 < target.contrast < 2.0
