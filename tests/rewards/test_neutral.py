"""A trajectory that is set aside gets no advantage from the host's own statistics, and changes nobody's sign."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from swift.rl_core.advantage import compute_advantages, compute_advantages_dynamic

from swift_thyme.rewards.neutral import Scored, fill_in

K = 4
VALUES = [0.0, None, 1.5, 0.5, None, None, 2.0, 1.0, None, None, None, None]
"""Three groups: one set aside, two set aside, all set aside."""


def filled(values: list[float | None]) -> list[float]:
    rows = [Scored(f'prompt {i // K}', f'request {i}', v) for i, v in enumerate(values)]
    return fill_in(rows, rows)


@pytest.mark.parametrize('estimator', ['grpo', 'rloo', 'reinforce_plus_plus'])
@pytest.mark.parametrize('scale', ['group', 'batch', 'none', 'gdpo'])
def test_set_aside_has_no_advantage(estimator: str, scale: str) -> None:
    columns = [filled(VALUES), filled([None if v is None else v / 3 for v in VALUES])]
    advantages, _ = compute_advantages(
        torch.tensor(columns).T, torch.tensor([0.7, 2.0]), K, advantage_estimator=estimator, scale_rewards=scale
    )
    aside = [a for a, v in zip(advantages.tolist(), VALUES, strict=True) if v is None]
    assert aside == pytest.approx([0.0] * len(aside), abs=1e-5)


def test_others_keep_sign_and_proportion() -> None:
    with_aside, _ = compute_advantages(torch.tensor([filled([0.0, None, 1.5, 0.5])]).T, torch.ones(1), 4)
    without, _ = compute_advantages(torch.tensor([[0.0, 1.5, 0.5]]).T, torch.ones(1), 3)
    kept = with_aside[[0, 2, 3]]
    assert (kept / without).tolist() == pytest.approx([(3 / 2) ** 0.5] * 3, rel=1e-3)


def test_scale_none_is_exact() -> None:
    with_aside, _ = compute_advantages(
        torch.tensor([filled([0.0, None, 1.5])]).T, torch.ones(1), 3, scale_rewards='none'
    )
    assert with_aside.tolist() == pytest.approx([-0.75, 0.0, 0.75])


def test_host_counts_none_as_zero_which_is_why() -> None:
    """Pins the host's behaviour; when this fails, a set-aside row may be left out more simply."""
    advantages, _ = compute_advantages(torch.tensor([[1.0, float('nan'), 1.0, 1.0]]).T, torch.ones(1), 4)
    assert advantages[1] < -1


def test_rows_of_one_request_count_once() -> None:
    rows = [Scored('p', 'a', 1.0), Scored('p', 'a', 1.0), Scored('p', 'b', 0.0), Scored('p', 'c', None)]
    values = fill_in(rows, rows)
    advantages, _ = compute_advantages_dynamic(
        torch.tensor([values]).T, torch.ones(1), ['p'] * 4, ['a', 'a', 'b', 'c'], scale_rewards='group'
    )
    assert advantages[3].item() == pytest.approx(0.0, abs=1e-6)


def test_group_that_lies_on_two_ranks_is_one_group() -> None:
    here, there = [Scored('p', 'a', None), Scored('p', 'b', 1.0)], [Scored('p', 'c', 0.0), Scored('p', 'd', 0.5)]
    assert fill_in(here, here + there)[0] == pytest.approx(0.5)


@given(st.lists(st.one_of(st.none(), st.floats(-5, 5)), min_size=1, max_size=24))
def test_values_are_always_finite_numbers(values: list[float | None]) -> None:
    rows = [Scored(str(i % 3), str(i), v) for i, v in enumerate(values)]
    assert all(isinstance(v, float) and abs(v) <= 5 for v in fill_in(rows, rows))
