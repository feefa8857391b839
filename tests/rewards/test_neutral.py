"""A trajectory that is set aside gets no advantage from the host's own statistics, and changes nobody's sign."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from swift.rl_core.advantage import compute_advantages, compute_advantages_dynamic

from swift_thyme.rewards.neutral import Member, fill_in

K = 4
VALUES = [0.0, None, 1.5, 0.5, None, None, 2.0, 1.0, None, None, None, None]
"""Three groups: one set aside, two set aside, all set aside."""


def filled(values: Sequence[float | None], size: int = K, code: Sequence[int] = ()) -> list[float]:
    """One reward's values as the host gets them; None is set aside, `code` are those that wrote code."""
    members = [Member(i // size, f'request {i}', v is None, i in code) for i, v in enumerate(values)]
    return [row[0] for row in fill_in([[9.0 if v is None else v] for v in values], members)]


def by_hand(values: Sequence[float | None]) -> list[float]:
    """Advantages of one group, computed without torch: the set-aside member stands at the mean of the others."""
    sound = [v for v in values if v is not None]
    mean = sum(sound) / len(sound)
    placed = [mean if v is None else v for v in values]
    deviation = (sum((v - mean) ** 2 for v in placed) / (len(placed) - 1)) ** 0.5
    return [(v - mean) / (deviation + 1e-4) for v in placed]


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
    values = filled([0.0, None, 1.5], size=3)
    with_aside, _ = compute_advantages(torch.tensor([values]).T, torch.ones(1), 3, scale_rewards='none')
    assert with_aside.tolist() == pytest.approx([-0.75, 0.0, 0.75])


TWO_QUESTIONS: list[float | None] = [0.0, 0.5, None, 0.0, 2.0, 1.0, 2.0, None]
"""Of two groups that are asked in the same words."""


def test_groups_of_one_wording_are_two_groups() -> None:
    found, _ = compute_advantages(torch.tensor([filled(TWO_QUESTIONS)]).T, torch.ones(1), 4)
    assert found.tolist() == pytest.approx([*by_hand(TWO_QUESTIONS[:4]), *by_hand(TWO_QUESTIONS[4:])], abs=1e-6)


def test_a_group_of_which_only_those_without_code_count_teaches_nothing() -> None:
    """Otherwise a sandbox that fails teaches the policy to write no code."""
    values: list[float | None] = [None, None, 1.0, 0.0, *TWO_QUESTIONS[:4]]
    found, _ = compute_advantages(torch.tensor([filled(values, code=(0, 1))]).T, torch.ones(1), 4)
    assert found.tolist() == pytest.approx([0.0] * 4 + by_hand(TWO_QUESTIONS[:4]), abs=1e-6)


@pytest.mark.parametrize('code', [(), (2, 3), (0, 1, 2)])
def test_a_group_is_learnt_from_where_no_code_was_lost_or_some_counts(code: tuple[int, ...]) -> None:
    values = [None, None, 1.0, 0.0]
    found, _ = compute_advantages(torch.tensor([filled(values, code=code)]).T, torch.ones(1), 4)
    assert found.tolist() == pytest.approx(by_hand(values), abs=1e-6)


def test_foreign_rewards_are_replaced_too_and_their_none_counts_as_the_host_counts_it() -> None:
    nan = float('nan')
    members = [Member('q', str(i), i == 1) for i in range(3)]
    filled_rows = fill_in([[1.0, 4.0], [0.0, -7.0], [0.0, nan]], members)
    assert filled_rows[1] == [0.5, 2.0]
    found, _ = compute_advantages(torch.tensor(filled_rows), torch.ones(2), 3, scale_rewards='none')
    assert found.tolist() == pytest.approx([2.5, 0.0, -2.5])


def test_host_counts_none_as_zero_which_is_why() -> None:
    """Pins the host's behaviour; when this fails, a set-aside row may be left out more simply."""
    advantages, _ = compute_advantages(torch.tensor([[1.0, float('nan'), 1.0, 1.0]]).T, torch.ones(1), 4)
    assert advantages[1] < -1


def test_rows_of_one_request_count_once() -> None:
    members = [Member('p', 'a'), Member('p', 'a'), Member('p', 'b'), Member('p', 'c', aside=True)]
    values = fill_in([[1.0], [1.0], [0.0], [0.0]], members)
    advantages, _ = compute_advantages_dynamic(
        torch.tensor(values), torch.ones(1), ['p'] * 4, ['a', 'a', 'b', 'c'], scale_rewards='group'
    )
    assert advantages[3].item() == pytest.approx(0.0, abs=1e-6)


@given(st.lists(st.one_of(st.none(), st.floats(-5, 5)), min_size=1, max_size=24), st.sets(st.integers(0, 23)))
def test_values_are_always_finite_numbers(values: list[float | None], code: set[int]) -> None:
    assert all(abs(v) <= 5 for v in filled(values, code=list(code)))
