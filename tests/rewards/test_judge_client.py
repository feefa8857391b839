"""The judge client on servers that work: votes, sharing, cache, pictures, the model's name."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from swift_thyme.config import JudgeSettings
from swift_thyme.rewards.judge import JudgeClient, Question
from swift_thyme.rewards.judge.cache import VerdictCache, key_of
from swift_thyme.rewards.prompts import Task

from .stub_judge import StubJudge, http, reply
from .test_judge_faults import ask, question


def scores_of(*contents: str):
    """A server whose replies hold these verdicts in turn, `n` of them at a time."""
    turn = itertools.cycle(contents)

    def behave(n: int, body: dict) -> bytes:
        import json

        choices = [{'message': {'role': 'assistant', 'content': next(turn)}} for _ in range(body.get('n', 1))]
        return http(body=json.dumps({'choices': choices}).encode())

    return behave


def test_majority_of_votes_counts_and_disagreement_is_reported() -> None:
    with StubJudge(scores_of('{"Correctness": 1}', '{"Correctness": 0}', '{"Correctness": 1}')) as stub:
        rulings, figures = ask([stub], votes=3)
    assert rulings[0].scores == (1,)
    assert figures['judge/disagreement'] == 1.0
    assert stub.requests[0]['n'] == 3


def test_server_that_ignores_n_is_asked_again() -> None:
    with StubJudge(lambda n, body: http(body=reply())) as stub:
        rulings, _ = ask([stub], votes=3)
    assert rulings[0].scores == (1,)
    assert len(stub.requests) == 3


def test_equal_questions_under_way_share_one_request() -> None:
    async def go(url: str) -> None:
        client = JudgeClient(JudgeSettings(addresses=(url,), cache_dir='', model='m'))
        await asyncio.gather(*(client.ask(question()) for _ in range(8)))
        await client.aclose()

    with StubJudge(latency_s=0.1) as stub:
        asyncio.run(go(stub.url))
    assert len(stub.requests) == 1


def test_cached_verdict_needs_no_server(tmp_path: Path) -> None:
    with StubJudge() as stub:
        ask([stub], cache_dir=str(tmp_path))
    rulings, figures = ask([stub], cache_dir=str(tmp_path), outage_limit_s=0.0)
    assert rulings[0].cached
    assert figures['judge/cache_hits'] == 1


def test_another_process_sees_new_verdicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('swift_thyme.rewards.judge.cache.REFRESH_S', 0.0)
    reader, writer = VerdictCache(str(tmp_path)), VerdictCache(str(tmp_path))
    assert reader.get('k') is None
    writer.put('k', (1,))
    assert reader.get('k') == (1,)


def test_torn_line_costs_one_verdict_only(tmp_path: Path) -> None:
    (tmp_path / 'other.jsonl').write_bytes(b'["a", [1]]\n{garbage}\n["b", [0]]\n["c", [')
    cache = VerdictCache(str(tmp_path))
    assert (cache.get('a'), cache.get('b'), cache.get('c')) == ((1,), (0,), None)


@pytest.mark.parametrize('changed', ['model', 'prompt_version', 'parts', 'images', 'votes'])
def test_key_depends_on_everything_a_verdict_depends_on(changed: str) -> None:
    base: dict = {'model': 'm', 'prompt_version': 'p', 'parts': {'q': 'x'}, 'images': (), 'votes': 1}
    other = base | {changed: {'parts': {'q': 'y'}, 'images': ('i',), 'votes': 3}.get(changed, 'other')}
    assert key_of(**base) != key_of(**other)


def test_model_name_is_taken_from_the_server() -> None:
    with StubJudge() as stub:
        ask([stub], model='')
    assert stub.requests[0]['model'] == 'stub'


def test_pictures_are_sent_before_the_text() -> None:
    async def go(url: str) -> None:
        client = JudgeClient(JudgeSettings(addresses=(url,), cache_dir='', model='m'))
        await client.ask(Question(Task.CROPS, (('question', 'q'),), ('data:image/png;base64,AA==',)))
        await client.aclose()

    with StubJudge(lambda n, b: http(body=reply('{"Validity": 1}'))) as stub:
        asyncio.run(go(stub.url))
    content = stub.requests[0]['messages'][0]['content']
    assert [part['type'] for part in content] == ['image_url', 'text']


def test_verdict_is_asked_for_by_schema() -> None:
    with StubJudge() as stub:
        ask([stub])
    schema = stub.requests[0]['response_format']['json_schema']['schema']
    assert schema['required'] == ['Correctness']
    assert schema['properties']['Correctness']['enum'] == [0, 1]


def test_a_judge_is_asked_as_the_variables_say() -> None:
    async def go(settings: JudgeSettings) -> None:
        client = JudgeClient(settings)
        await client.ask(question())
        await client.aclose()

    with StubJudge() as stub:
        env = {
            'REWARD_API_ADDRESS': stub.url,
            'THYME_JUDGE_API_KEY': 's3cret',
            'THYME_JUDGE_MODEL': 'grader',
            'THYME_JUDGE_TEMPERATURE': '0.7',
            'THYME_JUDGE_MAX_TOKENS': '99',
            'THYME_JUDGE_CACHE': 'off',
        }
        asyncio.run(go(JudgeSettings.from_env(env)))
    (body,) = stub.requests
    assert (body['model'], body['temperature'], body['max_tokens']) == ('grader', 0.7, 99)
    assert 'Bearer s3cret' in stub.heads[0]
