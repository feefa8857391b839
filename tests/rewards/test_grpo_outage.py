"""A real GRPO run whose judge dies in the middle of a step, under each policy.

The policy is scripted; host, trainer, rewards and the dying server are real. Each step needs the judge for two of its
four trajectories and has a question of its own, so that no verdict is known from before.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from swift_thyme import protocol
from swift_thyme.demo.host_command import HostCommand, HostCommandFailed, run
from swift_thyme.host.rewards import METRICS_FILE
from tests.host.conftest import grpo_flags, write_rl_rows

from .stub_judge import Action, Reset, StubJudge, http, reply

pytestmark = [pytest.mark.host, pytest.mark.slow]

STEPS = 3
SCRIPT = [
    ['<think>The digits are faint, I read forty-two or so.</think>\n<answer>something like the number forty</answer>'],
    ['<think>The digits are hard to make out.</think>\n<answer>a two-digit value in the forties</answer>'],
    ['<think>Clearly 41.</think>\n<answer>41</answer>'],
    ['<think>Only words and no answer'],
]
"""Two answers that only a judge can rate, two that rules decide."""
HALF_WAY = 4
"""Requests after which the judge is gone: three in the first step (two answers, one consistency), one in the second;
under `stop` one more, at the start of the run."""


def dying_judge(after: int) -> StubJudge:
    """A judge that rates by the answer, and whose process is gone after so many requests."""
    stub = StubJudge()

    def behave(n: int, body: dict[str, Any]) -> Action:
        if n > after:
            threading.Thread(target=stub.stop).start()
            return Reset
        content = body['messages'][0]['content']
        key = body['response_format']['json_schema']['schema']['required'][0]
        return http(body=reply(json.dumps({key: int('forties' in content)})))

    stub.behaviour = behave
    return stub


@pytest.fixture
def train(tiny: Path, tmp_path: Path) -> Callable[..., Path]:
    """Runs the host against a judge; returns the output folder."""
    rows = [json.loads(line) for line in write_rl_rows(tmp_path, STEPS + 1).read_text().splitlines()]
    for i, row in enumerate(rows):
        row['question'] = f'Which number is on sheet {i}?'
        image = protocol.PromptImage(row['images'][0], 640, 480)
        row['messages'] = [{'role': 'user', 'content': protocol.render_user_prompt(row['question'], [image])}]
    dataset, script = tmp_path / 'rows.jsonl', tmp_path / 'script.json'
    dataset.write_text(''.join(json.dumps(row) + '\n' for row in rows))
    script.write_text(json.dumps(SCRIPT))

    def go(judge: StubJudge, policy: str, **flags: object) -> Path:
        out = tmp_path / 'out'
        env = {
            'THYME_SCRIPT': str(script),
            'THYME_JUDGE_CACHE': 'off',
            'THYME_JUDGE_OUTAGE': policy,
            'THYME_JUDGE_OUTAGE_LIMIT_S': '2',
            'REWARD_API_ADDRESS': '127.0.0.1',
            'QWEN_API_PORT': str(judge.port),
        }
        base = {'max_steps': STEPS, 'save_strategy': 'steps', 'save_steps': 1, 'log_completions': 'true'}
        own = {'beta': 0.0, 'callbacks': ['thyme_rewards'], 'dataset_shuffle': 'false'}
        command = HostCommand('rlhf', grpo_flags(tiny, dataset, out, **(base | own | flags)))
        run(command, log=tmp_path / f'log-{policy}-{len(flags)}', env=env)
        return out

    return go


def figures(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (out / METRICS_FILE).read_text().splitlines()]


def advantages(out: Path) -> list[list[float]]:
    """One list a step, in the order of the trajectories."""
    return [json.loads(line)['advantages'] for line in (out / 'completions.jsonl').read_text().splitlines()]


def test_stop_ends_with_a_clean_error_and_training_resumes(train: Callable[..., Path], tmp_path: Path) -> None:
    out = tmp_path / 'out'
    with dying_judge(after=HALF_WAY + 1) as judge, pytest.raises(HostCommandFailed):
        train(judge, 'stop')
    log = (tmp_path / 'log-stop-0').read_text()
    assert 'JudgeUnavailable: no judge answered for' in log
    assert f'http://127.0.0.1:{judge.port}/v1: cannot connect' in log
    assert (out / 'checkpoint-1').is_dir()
    assert len(figures(out)) == 2  # the step that failed reported too
    with dying_judge(after=1000) as judge:
        train(judge, 'stop', resume_from_checkpoint=out / 'checkpoint-1')
    assert (out / f'checkpoint-{STEPS}').is_dir()
    assert [f['step'] for f in figures(out)] == [0, 1, 1, 2]


def test_neutral_goes_on_and_learns_nothing_from_them(train: Callable[..., Path]) -> None:
    with dying_judge(after=HALF_WAY) as judge:
        out = train(judge, 'neutral')
    found = figures(out)
    lost = [f.get('set_aside/judge_unavailable', 0) for f in found]
    assert lost[0] == 0
    assert lost[1] in (1, 2)  # the one that was answered may have needed a second question
    assert lost[2] == 2
    for by_step, aside in zip(advantages(out), lost, strict=False):
        assert sum(abs(a) < 1e-5 for a in by_step) >= aside
        assert any(abs(a) > 0.1 for a in by_step)
    assert (out / f'checkpoint-{STEPS}').is_dir()
    log = [json.loads(line) for line in (out / 'logging.jsonl').read_text().splitlines()]
    assert any('thyme/part/result' in line for line in log)
    assert any(line.get('thyme/set_aside/judge_unavailable') == 2 for line in log)
