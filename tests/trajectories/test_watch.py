"""What goes wrong in a run is said within three steps, once, with step, figure and what to try."""

from __future__ import annotations

import pytest

from swift_thyme.trajectories.watch import ALARMS, Watch


def said(figure: str, values: list[float]) -> list[bool]:
    watch = Watch()
    return [bool(watch.observe({figure: value}, step)) for step, value in enumerate(values)]


@pytest.mark.parametrize('figure', ['tool_use_rate', 'code_ok_rate'])
def test_a_rate_that_falls_is_said_within_three_steps_and_again_after_recovery(figure: str) -> None:
    values = [0.8] * 5 + [0.0] * 4 + [0.8] * 4 + [0.0] * 3
    found = said(figure, values)
    assert [i for i, here in enumerate(found) if here] == [6, 14]


@pytest.mark.parametrize(
    ('figure', 'fine', 'bad'),
    [
        ('frac_reward_zero_std', 0.5, 1.0),
        ('set_aside_share', 0.0, 0.5),
        ('same_code_share', 0.2, 1.0),
        ('kl', 0.01, 4.9),
    ],
)
def test_a_figure_above_its_limit_for_three_steps_is_said_once(figure: str, fine: float, bad: float) -> None:
    assert said(figure, [fine] * 10) == [False] * 10
    found = said(figure, [bad] * 6)
    assert found == [False, False, True, False, False, False]


def test_one_odd_step_says_nothing() -> None:
    assert not any(said('frac_reward_zero_std', [0.3, 1.0, 0.3, 0.3]))
    assert not any(said('tool_use_rate', [0.8, 0.8, 0.8, 0.3, 0.8, 0.8]))


def test_a_policy_that_never_used_tools_has_not_given_them_up() -> None:
    assert not any(said('tool_use_rate', [0.0] * 20))


def test_a_warning_names_step_figure_and_what_to_try() -> None:
    watch = Watch()
    for step in range(3):
        warnings = watch.observe({'frac_reward_zero_std': 1.0, 'kl': 0.0}, step)
    (warning,) = warnings
    assert (
        warning.startswith('step 2: ') and 'frac_reward_zero_std is 1.00' in warning and '--dynamic_sample' in warning
    )


def test_every_alarm_has_a_figure_of_its_own() -> None:
    assert len({alarm.figure for alarm in ALARMS}) == len(ALARMS)
