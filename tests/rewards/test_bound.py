"""A run stops when the machinery loses too much of it."""

from __future__ import annotations

import pytest

from swift_thyme.errors import MachineryDown
from swift_thyme.rewards.bound import Loss, SetAsideBound
from swift_thyme.types import SetAside

DEAD = Loss(SetAside.SANDBOX_FAILURE, 'SessionDead: gone')
OUTAGE = Loss(SetAside.JUDGE_UNAVAILABLE)


def batch(lost: int, n: int, loss: Loss = DEAD) -> list[Loss | None]:
    return [loss] * lost + [None] * (n - lost)


def test_more_than_a_quarter_of_sixteen_stops_with_the_reasons_counted() -> None:
    with pytest.raises(MachineryDown, match=r'lost 5 of the last 16 .*5 sandbox_failure \(SessionDead: gone\)'):
        SetAsideBound().observe(batch(5, 16))


def test_a_quarter_goes_on() -> None:
    bound = SetAsideBound()
    for _ in range(20):
        bound.observe(batch(4, 16))


def test_small_batches_are_looked_at_together() -> None:
    bound = SetAsideBound()
    for _ in range(3):
        bound.observe(batch(2, 4))
    with pytest.raises(MachineryDown, match='lost 8 of the last 16'):
        bound.observe(batch(2, 4))


def test_what_was_sound_long_ago_does_not_hide_what_fails_now() -> None:
    bound = SetAsideBound()
    for _ in range(500):
        bound.observe(batch(0, 16))
    with pytest.raises(MachineryDown):
        bound.observe(batch(8, 16))


def test_three_batches_without_any_that_counts_stop_a_run_of_small_batches() -> None:
    bound = SetAsideBound()
    bound.observe(batch(2, 2))
    bound.observe(batch(2, 2))
    with pytest.raises(MachineryDown, match='lost 6 of the last 6'):
        bound.observe(batch(2, 2))


def test_a_judge_that_is_down_under_neutral_is_a_choice_until_nothing_is_left() -> None:
    bound = SetAsideBound()
    for _ in range(10):
        bound.observe(batch(12, 16, OUTAGE))
    bound.observe(batch(16, 16, OUTAGE))
    bound.observe(batch(16, 16, OUTAGE))
    with pytest.raises(MachineryDown, match='48 judge_unavailable'):
        bound.observe(batch(16, 16, OUTAGE))
