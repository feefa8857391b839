"""Figures of rollouts."""

from __future__ import annotations

from typing import Any

from swift_thyme.rewards.metrics import Metrics
from swift_thyme.trajectories import Record, from_json
from swift_thyme.trajectories.figures import Tally, figures, tally


def rollout(**fields: Any) -> Record:
    turn = {'text': 'x', 'code': 'a', 'outcome': 'ok', 'images': ['a.png'], 'elapsed_s': 0.1}
    base = {'stop_reason': 'answer', 'turns': [turn, {'text': 'y'}], 'tokens': {'text': 5, 'code': 3}}
    return from_json({**base, **fields})


PLAIN = rollout(turns=[{'text': 'x'}], tokens={'text': 2})


def test_means_are_over_trajectories_and_rates_over_snippets() -> None:
    failed = {'text': 'x', 'code': 'a', 'outcome': 'code_error', 'repairs': ['indent'], 'elapsed_s': 0.3}
    found = figures(tally([rollout(), rollout(turns=[failed]), PLAIN, PLAIN]))
    assert (found['tool_use_rate'], found['code_ok_rate'], found['repaired_rate']) == (0.5, 0.5, 0.5)
    assert found['rounds'] == 5 / 4 and found['images'] == 1 / 4
    assert found['stop/answer'] == 1.0 and found['tokens/text'] == (5 + 5 + 2 + 2) / 4


def test_times_are_told_alike_of_snippets_and_of_judges() -> None:
    times, metrics = [0.4, 0.1, 0.2, 0.3], Metrics()
    for time_s in times:
        metrics.add('judge/latency_s', time_s)
    snippets = list(figures(Tally(sandbox_s=times)).items())[-2:]
    assert snippets == [('sandbox_p50_s', 0.25), ('sandbox_p99_s', 0.397)]
    assert list(metrics.take().values()) == [value for _, value in snippets]
    assert 'sandbox_p50_s' not in figures(Tally())


def test_ranks_add_up() -> None:
    together = figures(tally([rollout(), PLAIN]))
    assert figures(tally([rollout()]) + tally([PLAIN]) + Tally()) == together


def wrote(*codes: str) -> Record:
    return rollout(turns=[{'text': 'x', 'code': code, 'outcome': 'ok'} for code in codes])


def test_a_group_writes_the_same_code_when_all_members_do_on_all_ranks() -> None:
    one, other = wrote('a', 'b'), wrote('a', 'c')
    same = tally([one, one, other, PLAIN, PLAIN], [0, 0, 1, 2, 2])
    assert figures(same + tally([other], [1]))['same_code_share'] == 1.0
    assert figures(same + tally([one], [1]))['same_code_share'] == 0.5
    assert figures(same + tally([PLAIN], [1]))['same_code_share'] == 0.5, 'one did not write any'
    assert 'same_code_share' not in figures(tally([PLAIN, PLAIN], [0, 0])), 'nobody wrote code'
    assert 'same_code_share' not in figures(tally([one, one])), 'groups are not known'
