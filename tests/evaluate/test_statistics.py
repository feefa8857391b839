"""Intervals: known values, limits, and that they cover what they promise."""

from __future__ import annotations

import random

import pytest

from swift_thyme.evaluate.statistics import difference, mcnemar, share, wilson


def once(values: list[float]) -> dict[str, list[float]]:
    return {str(i): [value] for i, value in enumerate(values)}


@pytest.mark.parametrize(
    ('right', 'n', 'low', 'high'),
    [  # Newcombe 1998 (Statistics in Medicine 17:857), table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_one_repeat_gives_wilsons_published_interval(right: int, n: int, low: float, high: float) -> None:
    found = share(once([1.0] * right + [0.0] * (n - right)))
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_equal_repeats_of_an_item_count_as_one_answer() -> None:
    single = share(once([1, 1, 0, 0, 1]))
    triple = share({item: values * 3 for item, values in once([1, 1, 0, 0, 1]).items()})
    assert single is not None and triple is not None
    assert (triple.value, triple.low, triple.high) == pytest.approx((single.value, single.low, single.high))
    assert triple.n_answers == 15 and triple.n_items == 5


def test_independent_repeats_narrow_the_interval_up_to_that_of_all_answers() -> None:
    found = share({str(i): [1.0, 0.0] for i in range(50)})
    assert found is not None
    assert (found.low, found.high) == pytest.approx(wilson(0.5, 100))


def test_a_perfect_score_keeps_a_lower_bound_below_one() -> None:
    found = share({str(i): [1.0] * 4 for i in range(10)})
    assert found is not None and found.high == 1.0
    assert found.low == pytest.approx(wilson(1.0, 10)[0])


def test_items_without_a_value_are_left_out() -> None:
    found = share({'a': [1.0], 'b': []})
    assert found is not None and found.n_items == 1
    assert share({'a': []}) is None


def test_a_difference_is_bonett_and_prices_interval() -> None:
    # by hand: f12 = 20, f21 = 8, n = 60; p12 = 21/62, p21 = 9/62; d = 12/62, se = sqrt((30/62 - d*d)/62)
    first, second = [1.0] * 20 + [0.0] * 8 + [1.0] * 32, [0.0] * 20 + [1.0] * 8 + [1.0] * 32
    found = difference(once(first), once(second))
    assert found is not None
    d = 12 / 62
    half = 1.959964 * ((30 / 62 - d * d) / 62) ** 0.5
    assert found.value == pytest.approx(12 / 60)
    assert (found.low, found.high) == pytest.approx((d - half, d + half), abs=1e-6)


def test_a_difference_of_equal_answers_is_not_certain() -> None:
    found = difference(once([1.0] * 10), once([1.0] * 10))
    assert found is not None and found.value == 0
    assert found.low == pytest.approx(-found.high) and found.high > 0.1


def test_a_difference_takes_only_items_of_both_sides() -> None:
    found = difference({'a': [1.0], 'b': [1.0]}, {'a': [0.0], 'c': [1.0]})
    assert found is not None and found.n_items == 1 and found.value == 1.0
    assert difference({'a': [1.0]}, {'b': [1.0]}) is None


@pytest.mark.parametrize(('b', 'c', 'p'), [(0, 0, 1.0), (1, 9, 0.021484375), (5, 5, 1.0), (0, 6, 0.03125)])
def test_mcnemar_is_the_exact_binomial_test(b: int, c: int, p: float) -> None:
    assert mcnemar(b, c) == pytest.approx(p)
    assert mcnemar(c, b) == pytest.approx(p)


@pytest.mark.parametrize(('n_items', 'repeats', 'p'), [(30, 1, 0.2), (60, 4, 0.7), (40, 3, 0.95)])
def test_intervals_of_clustered_answers_cover_the_truth(n_items: int, repeats: int, p: float) -> None:
    """Items differ in difficulty (beta-distributed): the share of intervals that hold the truth is near 95 %."""
    rng = random.Random(7)
    covered = 0
    for _ in range(600):
        truths = [rng.betavariate(2 * p, 2 * (1 - p)) for _ in range(n_items)]
        found = share({str(i): [float(rng.random() < t) for _ in range(repeats)] for i, t in enumerate(truths)})
        assert found is not None
        covered += found.low <= p <= found.high
    assert covered / 600 > 0.925


@pytest.mark.parametrize('n_items', [10, 20, 40, 60])
@pytest.mark.parametrize(('a', 'b'), [(2, 0.3), (0.2, 2), (8, 0.5), (0.5, 0.5)])
def test_intervals_cover_the_truth_where_difficulty_is_skewed(n_items: int, a: float, b: float) -> None:
    rng = random.Random(9)
    truth, covered = a / (a + b), 0
    for _ in range(600):
        truths = [rng.betavariate(a, b) for _ in range(n_items)]
        found = share({str(i): [float(rng.random() < t) for _ in range(8)] for i, t in enumerate(truths)})
        assert found is not None
        covered += found.low <= truth <= found.high
    assert covered / 600 >= 0.93 - 0.015  # two standard errors of 600 draws


def test_difference_intervals_cover_the_truth() -> None:
    rng = random.Random(8)
    covered = 0
    for _ in range(600):
        truths = [rng.random() for _ in range(40)]
        first = {str(i): [float(rng.random() < min(1, t + 0.1)) for _ in range(2)] for i, t in enumerate(truths)}
        second = {str(i): [float(rng.random() < t) for _ in range(2)] for i, t in enumerate(truths)}
        found = difference(first, second)
        assert found is not None
        truth = 0.1 - 0.1**2 / 2
        covered += found.low <= truth <= found.high
    assert covered / 600 > 0.925
