"""Figures of rollouts, and noticing that the policy gives up its tools."""

from __future__ import annotations

from typing import Any

from swift_thyme.trajectories.figures import CollapseWatch, Tally, figures, tally


def info(**fields: Any) -> dict[str, Any]:
    turn = {'text': 'x', 'outcome': 'ok', 'repairs': [], 'images': ['a.png'], 'elapsed_s': 0.1}
    base = {'stop_reason': 'answer', 'code_blocks': 1, 'turns': [turn, {'text': 'y'}], 'tokens': {'text': 5, 'code': 3}}
    return {**base, **fields}


PLAIN = info(code_blocks=0, turns=[{'text': 'x'}], tokens={'text': 2})


def test_means_are_over_trajectories_and_rates_over_snippets() -> None:
    failed = info(turns=[{'text': 'x', 'outcome': 'code_error', 'repairs': ['indent'], 'elapsed_s': 0.3}])
    found = figures(tally([info(), failed, PLAIN, PLAIN]))
    assert (found['tool_use_rate'], found['code_ok_rate'], found['repaired_rate']) == (0.5, 0.5, 0.5)
    assert found['rounds'] == 5 / 4 and found['images'] == 1 / 4
    assert found['stop/answer'] == 1.0 and found['tokens/text'] == (5 + 5 + 2 + 2) / 4
    assert (found['sandbox_p50_s'], found['sandbox_p99_s']) == (0.3, 0.3)


def test_ranks_add_up() -> None:
    together = figures(tally([info(), PLAIN]))
    assert figures(tally([info()]) + tally([PLAIN]) + Tally()) == together


def test_a_collapse_is_said_once_and_again_after_recovery() -> None:
    watch = CollapseWatch(warm_up=2, memory=0.0)
    rates = [0.8, 0.8, 0.8, 0.1, 0.1, 0.8, 0.1]
    said = [bool(watch.observe({'tool_use_rate': rate})) for rate in rates]
    assert said == [False, False, False, True, False, False, True]


def test_a_policy_that_never_used_tools_has_not_given_them_up() -> None:
    watch = CollapseWatch(warm_up=0)
    assert not any(watch.observe({'tool_use_rate': 0.0}) for _ in range(20))
