"""Posing: the order of options is seeded, fair, and mapped back."""

from __future__ import annotations

from collections import Counter

import pytest

from swift_thyme.evaluate.items import Item, can_shuffle, pose

ITEM = Item('1', 'Which?', 'dog', ('cat', 'dog', 'cow', 'hen'), 1, worded='Which? A. cat B. dog C. cow D. hen')


def test_the_letter_that_is_right_follows_the_order() -> None:
    for repeat in range(20):
        posed = pose(ITEM, seed=3, repeat=repeat)
        place = 'ABCD'.index(posed.solution)
        assert f'{posed.solution}. dog' in posed.text.splitlines()
        assert ITEM.options[posed.order[place]] == 'dog'


def test_equal_seeds_give_equal_questions_and_repeats_differ() -> None:
    assert pose(ITEM, seed=3, repeat=0) == pose(ITEM, seed=3, repeat=0)
    assert len({pose(ITEM, seed=3, repeat=r).order for r in range(12)}) > 4


def test_over_many_items_the_truth_stands_at_every_place_equally_often() -> None:
    found = Counter(pose(Item(str(i), 'q', 'dog', ITEM.options, 1), seed=0, repeat=0).solution for i in range(4000))
    assert set(found) == set('ABCD') and max(found.values()) - min(found.values()) < 150


@pytest.mark.parametrize('option', ['All of the above', 'none of these', 'Both of them', 'A and C', 'option b'])
def test_options_that_refer_to_others_stay_where_they_are(option: str) -> None:
    item = Item('1', 'q', 'x', ('x', 'y', option), 0)
    assert not can_shuffle(item)
    assert pose(item, seed=9, repeat=5).order == (0, 1, 2)


@pytest.mark.parametrize('option', ['above the car', 'Not in the image', 'below'])
def test_places_are_no_references(option: str) -> None:
    assert can_shuffle(Item('1', 'q', 'x', ('x', option), 0))


def test_without_shuffling_the_source_words_the_question() -> None:
    posed = pose(ITEM, seed=3, repeat=2, shuffle=False)
    assert posed.text == ITEM.worded and posed.solution == 'B'


def test_free_form_is_put_as_it_is() -> None:
    assert pose(Item('1', 'How many?', '7'), seed=0, repeat=0).solution == '7'
