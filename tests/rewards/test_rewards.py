"""The rewards as the host calls them: the paper's formula in any order and subset, shared work, outages, errors."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from swift_thyme.config import JudgeSettings, OutagePolicy, RewardSettings
from swift_thyme.errors import ConfigError, DataError, JudgeUnavailable, TrajectoryError
from swift_thyme.host import rewards as orm
from swift_thyme.host.rewards import REWARDS
from swift_thyme.host.state import RunState, run_state
from swift_thyme.rewards.scorer import Part
from swift_thyme.rewards.shared import SharedScorer
from swift_thyme.rewards.trajectory import records_of, thinking_tail
from swift_thyme.trajectories import question_of
from swift_thyme.types import SetAside

from .stub_judge import StubJudge, http, reply

MC = 'Colour?\nA. red\nB. blue'
RIGHT = '<think>It is blue, so B.</think>\n<answer>B</answer>'
WRONG = '<think>It is blue, so B.</think>\n<answer>A</answer>'
LOOSE = '<think>It is blue, so B.</think><answer>B</answer> thanks'


def judge_by_task(consistency: int = 1, correctness: int = 1) -> Any:
    """A judge that tells its tasks apart by the key its schema asks for."""
    scores = {'Consistency': consistency, 'Correctness': correctness, 'Validity': 1, 'Usefulness': 1, 'Process': 8}

    def behave(n: int, body: dict) -> bytes:
        key = body['response_format']['json_schema']['schema']['required'][0]
        verdict = {key: scores[key]} | ({'Text': 6} if key == 'Process' else {})
        return http(body=reply(json.dumps(verdict)))

    return behave


@pytest.fixture
def stub() -> Iterator[StubJudge]:
    with StubJudge(judge_by_task()) as judge:
        yield judge


@pytest.fixture
def scorer(stub: StubJudge, monkeypatch: pytest.MonkeyPatch) -> Iterator[SharedScorer]:
    yield from a_scorer(stub.url, monkeypatch)


def a_scorer(url: str, monkeypatch: pytest.MonkeyPatch, **judge: Any) -> Iterator[SharedScorer]:
    settings = JudgeSettings(addresses=(url,), cache_dir='', model='stub', **judge)
    made = SharedScorer(RewardSettings(), settings)
    state = RunState()
    state.scorer = made
    monkeypatch.setattr('swift_thyme.host.state._OF_THE_PROCESS', [state])
    yield made
    made.close()


def columns(n: int, **more: Any) -> dict[str, Any]:
    base = {
        'question': [MC] * n,
        'solution': ['B'] * n,
        'prompt_id': ['p'] * n,
        'request_id': [f'r{i}' for i in range(n)],
        'messages': [[]] * n,
        'rollout_infos': [{}] * n,
        'trainer_state': SimpleNamespace(global_step=3),
    }
    return base | more


def total(names: tuple[str, ...], completions: list[str], **more: Any) -> list[float]:
    rewards = [REWARDS[name](args=None) for name in names]
    rows = [reward(completions, **columns(len(completions), **more)) for reward in rewards]
    return [sum(values) for values in zip(*rows, strict=True)]


@pytest.mark.parametrize('names', list(itertools.permutations(['fmt_orm', 'vqa_orm', 'cst_orm'])))
def test_sum_is_the_papers_formula_in_any_order(scorer: SharedScorer, names: tuple[str, ...]) -> None:
    assert total(names, [RIGHT, WRONG, LOOSE]) == [2.0, 0.5, 1.5]


def test_combined_reward_is_the_sum(scorer: SharedScorer) -> None:
    assert total(('thyme_reward',), [RIGHT, WRONG, LOOSE]) == [2.0, 0.5, 1.5]


def test_consistency_alone_still_knows_the_result(scorer: SharedScorer) -> None:
    assert total(('cst_orm',), [RIGHT, WRONG]) == [0.5, 0.0]


def test_no_judge_is_asked_whether_a_wrong_answer_is_consistent(scorer: SharedScorer, stub: StubJudge) -> None:
    assert total(('cst_orm',), [WRONG]) == [0.0]
    assert not stub.requests


def test_inconsistent_but_right_gets_no_consistency(monkeypatch: pytest.MonkeyPatch) -> None:
    with StubJudge(judge_by_task(consistency=0)) as stub:
        for _ in a_scorer(stub.url, monkeypatch):
            assert total(('vqa_orm', 'cst_orm'), [RIGHT]) == [1.0]


def test_subclass_with_another_name_scores_the_same(scorer: SharedScorer) -> None:
    class MyOwnName(orm.cst_orm):
        pass

    assert MyOwnName(args=None)([RIGHT], **columns(1)) == [0.5]


def test_metric_name_is_the_name_on_the_command_line() -> None:
    assert all(cls.__name__ == name for name, cls in REWARDS.items())


def test_judge_is_asked_once_for_all_rewards(scorer: SharedScorer, stub: StubJudge) -> None:
    sentence = '<think>It is bluish.</think>\n<answer>perhaps a bluish one</answer>'
    total(('vqa_orm', 'cst_orm', 'fmt_orm', 'thyme_reward'), [sentence])
    assert len(stub.requests) == 2  # correctness, consistency


def test_rule_decision_asks_nobody(scorer: SharedScorer, stub: StubJudge) -> None:
    assert total(('vqa_orm',), [RIGHT, WRONG]) == [1.0, 0.0]
    assert not stub.requests


def test_norm_maps_to_minus_one(monkeypatch: pytest.MonkeyPatch, scorer: SharedScorer) -> None:
    scorer.settings = RewardSettings(vqa_norm=True, fmt_norm=True)
    assert total(('vqa_orm',), [RIGHT, WRONG]) == [1.0, -1.0]
    assert total(('fmt_orm',), [RIGHT, LOOSE]) == [0.5, -0.5]


def thyme(text: str, **more: Any) -> dict[str, Any]:
    base = {'text': text, 'stop_reason': 'answer', 'code_blocks': 0, 'code_ok': 0, 'quarantined': False, 'turns': []}
    return {'thyme': base | more}


def test_recorded_text_wins_over_the_last_message(scorer: SharedScorer) -> None:
    assert total(('vqa_orm',), ['</answer>'], rollout_infos=[thyme(RIGHT)]) == [1.0]


@pytest.mark.parametrize(
    'record', [{'stop_reason': 'sandbox_failure'}, {'stop_reason': 'error'}, {'quarantined': True}], ids=str
)
def test_machinery_failure_is_not_scored(scorer: SharedScorer, record: dict[str, Any]) -> None:
    infos = [thyme(RIGHT), thyme(WRONG), thyme('<think>', **record)]
    assert total(('thyme_reward',), ['', '', ''], rollout_infos=infos) == [2.0, 0.5, 0.0]
    assert records_of([''] * 3, columns(3, rollout_infos=infos))[2].set_aside is not None


def test_wrong_answer_for_length_is_a_wrong_answer(scorer: SharedScorer) -> None:
    infos = [thyme(RIGHT), thyme('<think> on and on', stop_reason='length')]
    assert total(('thyme_reward',), ['', ''], rollout_infos=infos) == [2.0, 0.0]


@pytest.fixture
def code_infos(tmp_path: Path) -> list[dict[str, Any]]:
    Image.new('RGB', (40, 40)).save(tmp_path / 'crop.png')
    turns = [
        {'text': '', 'code': 'a', 'outcome': 'ok', 'images': [str(tmp_path / 'crop.png')]},
        {'text': '', 'code': 'b', 'outcome': 'code_error', 'images': []},
        {'text': '', 'code': None},
    ]
    both = [{**turn, 'outcome': 'ok'} if turn['code'] else turn for turn in turns]
    return [thyme(RIGHT, turns=turns), thyme(RIGHT, turns=both)]


def test_code_rewards(scorer: SharedScorer, stub: StubJudge, code_infos: list[dict[str, Any]], tmp_path: Path) -> None:
    Image.new('RGB', (80, 80)).save(tmp_path / 'original.png')
    images = [[{'bytes': None, 'path': str(tmp_path / name)} for name in ('original.png', 'crop.png')]] * 2
    more = {'rollout_infos': code_infos, 'images': images}
    assert total(('code_orm',), ['', ''], **more) == pytest.approx([0.15, 0.3])
    assert total(('code_orm_llm',), ['', ''], **more) == pytest.approx([0.0, 0.3])
    assert total(('vqa_prm',), ['', ''], **more) == pytest.approx([0.21, 0.21])
    assert total(('code_prm',), ['', ''], **more) == pytest.approx([0.3, 0.3])
    shown = next(r for r in stub.requests if isinstance(r['messages'][0]['content'], list))
    urls = [part['image_url']['url'] for part in shown['messages'][0]['content'] if part['type'] == 'image_url']
    assert [url.startswith('data:image/png;base64,') for url in urls] == [True, True]


def test_code_reward_without_the_schedulers_record_says_so(scorer: SharedScorer) -> None:
    with pytest.raises(ConfigError, match='multi_turn_scheduler'):
        total(('code_orm',), [RIGHT])


def test_outage_stops_with_addresses_and_causes(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in a_scorer('http://127.0.0.1:9/v1', monkeypatch, outage_limit_s=0.2):
        with pytest.raises(JudgeUnavailable, match=r'127\.0\.0\.1:9/v1: cannot connect'):
            total(('fmt_orm', 'cst_orm'), [RIGHT, WRONG])


def test_neutral_outage_costs_only_those_the_judge_was_needed_for(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = {'outage_limit_s': 0.2, 'outage': OutagePolicy.NEUTRAL}
    for scorer in a_scorer('http://127.0.0.1:9/v1', monkeypatch, **policy):
        assert total(('vqa_orm', 'fmt_orm', 'cst_orm'), [RIGHT, WRONG, 'nothing']) == pytest.approx([0.0, 0.5, 0.0])
        assert {r: x.reason for r, x in run_state().scoring._judge_losses.items()} == {'r0': SetAside.JUDGE_UNAVAILABLE}
        assert scorer.latest['set_aside/judge_unavailable'] == 1


def test_a_judge_without_verdicts_follows_the_policy_of_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    with StubJudge(lambda n, b: http(body=reply('hm'))) as stub:
        for scorer in a_scorer(stub.url, monkeypatch, outage=OutagePolicy.NEUTRAL, outage_limit_s=1):
            assert total(('thyme_reward',), [RIGHT, WRONG]) == [0.0, 0.5]
            assert scorer.latest['set_aside/judge_unavailable'] == 1


def test_row_without_solution_is_named(scorer: SharedScorer) -> None:
    with pytest.raises(DataError, match=r'row 1 .* solution=None .* messages, prompt_id, question'):
        total(('vqa_orm',), [RIGHT, RIGHT], solution=['B', None])


def test_completion_that_is_no_text_is_an_error(scorer: SharedScorer) -> None:
    with pytest.raises(TrajectoryError, match='no text to score'):
        total(('fmt_orm',), [{'token_ids': [1]}])  # type: ignore[list-item]


def test_missing_question_is_taken_from_the_prompt() -> None:
    from swift_thyme import protocol

    prompt = protocol.render_user_prompt('Which number?', [protocol.PromptImage('/a/b.png', 10, 20)])
    assert question_of([{'role': 'user', 'content': prompt}]) == 'Which number?'
    assert question_of([{'role': 'user', 'content': '<image>\nWhat colour?'}]) == 'What colour?'
    case = records_of(['x'], {'messages': [[{'role': 'user', 'content': prompt}]], 'solution': ['1']})[0]
    assert case.question == 'Which number?'


def test_thinking_tail_has_the_sandbox_output_and_no_answer() -> None:
    text = '<think>Sum. <code>\nprint(3)\n</code><sandbox_output>3</sandbox_output></think>\n<answer>3</answer>'
    assert thinking_tail(text).endswith('3')
    assert '<answer>' not in thinking_tail(text)
    assert thinking_tail('<think>' + 'x' * 600 + 'end</think><answer>1</answer>') == 'x' * 497 + 'end'


def test_figures_are_written_once_a_step(scorer: SharedScorer, tmp_path: Path) -> None:
    args = SimpleNamespace(output_dir=str(tmp_path))
    for name in ('fmt_orm', 'vqa_orm', 'cst_orm'):
        REWARDS[name](args=args)
    for name in ('fmt_orm', 'vqa_orm', 'cst_orm'):
        REWARDS[name](args=args)([RIGHT, WRONG], **columns(2))
    lines = [json.loads(line) for line in (tmp_path / orm.METRICS_FILE).read_text().splitlines()]
    assert len(lines) == 1
    assert lines[0]['step'] == 3
    assert lines[0]['part/result'] == 0.5
    assert lines[0]['part/consistency'] == 1.0  # of the right ones
    assert lines[0]['rule/match'] == 0.5
    assert {'judge/requests', 'judge/latency_p50_s', 'judge/latency_p99_s'} <= set(lines[0])


def test_same_reward_asked_again_is_a_new_step(scorer: SharedScorer) -> None:
    reward = REWARDS['cst_orm'](args=None)
    reward([RIGHT], **columns(1))
    assert 'judge/cache_hits' not in scorer.latest
    reward([RIGHT], **columns(1))
    assert scorer.latest['judge/cache_hits'] == 1


def test_host_gives_the_rewards_their_columns_and_order() -> None:
    """The host's own caller on real samples: names of the columns, and synchronous calls in the order named."""
    import torch
    from swift.rl_core.data import GRPOSample
    from swift.rl_core.grpo_algorithm import compute_rewards_per_func

    seen: list[Any] = []

    def probe(name: str) -> Any:
        def reward(completions: list[str], **columns: Any) -> list[float]:
            seen.append((name, completions, sorted(columns)))
            return [0.0] * len(completions)

        return reward

    messages = [{'role': 'user', 'content': 'q'}, {'role': 'assistant', 'content': 'a'}]
    row = {'messages': messages, 'prompt_id': 'p', 'request_id': 'r', 'solution': '1', 'question': 'q'}
    samples = [GRPOSample.from_row(row)]
    compute_rewards_per_func(samples, [probe('one'), probe('two')], None, torch.device('cpu'))
    assert [s[0] for s in seen] == ['one', 'two']
    assert seen[0][1] == ['a']
    expected = {'messages', 'prompt_id', 'request_id', 'rollout_infos', 'solution', 'question', 'trainer_state'}
    assert expected <= set(seen[0][2])


def test_parts_have_scores_from_zero_to_one(scorer: SharedScorer) -> None:
    scorer.register(list(Part))
    found = scorer.assess('x', records_of([RIGHT, WRONG, LOOSE], columns(3)))
    assert all(0 <= score <= 1 for a in found for score in a.scores.values())


def test_registration_is_idempotent_and_complete() -> None:
    from swift.callbacks import callbacks_map
    from swift.rewards import ORM, orms

    from swift_thyme.host.register import register_rewards

    register_rewards()
    register_rewards()
    assert all(orms[name] is cls and issubclass(cls, ORM) for name, cls in REWARDS.items())
    assert callbacks_map['thyme_rewards'].__name__ == 'RewardFigures'


def test_figures_reach_the_trainers_store(scorer: SharedScorer) -> None:
    from collections import defaultdict

    from swift_thyme.host.callback import RewardFigures

    trainer = SimpleNamespace(_metrics={'train': defaultdict(list)})
    callback = RewardFigures(SimpleNamespace(), trainer)
    REWARDS['vqa_orm'](args=None)([RIGHT, WRONG], **columns(2))
    state = SimpleNamespace(is_world_process_zero=True)
    callback.on_step_end(None, state, None)
    callback.on_step_end(None, state, None)
    assert trainer._metrics['train']['thyme/part/result'] == [0.5]
