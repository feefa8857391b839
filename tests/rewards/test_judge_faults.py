"""Whatever a judge server does wrong, a question gets the right verdict in the end or an error; never a wrong score."""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
import time
import tracemalloc

import pytest

from swift_thyme.config import JudgeSettings
from swift_thyme.errors import AnswerRefused, JudgeUnavailable
from swift_thyme.rewards.judge import JudgeClient, Question, Ruling
from swift_thyme.rewards.judge import endpoints as endpoints_module
from swift_thyme.rewards.prompts import Task

from .stub_judge import Action, Endless, Half, Hang, Reset, StubJudge, http, reply

GOOD = http(body=reply())


def question(i: int = 0) -> Question:
    return Question(Task.CORRECTNESS, (('question', 'q'), ('reference_answer', 'r'), ('generated_answer', f'a{i}')))


def ask(stubs: list[StubJudge], n: int = 1, **settings: object) -> tuple[list[Ruling], dict[str, float]]:
    """Asks n different questions at once; returns the rulings and the figures."""
    base: dict = {'cache_dir': '', 'timeout_s': 5.0, 'outage_limit_s': 20.0, 'model': 'stub'}
    chosen = JudgeSettings(addresses=tuple(s.url for s in stubs), **(base | settings))

    async def go() -> tuple[list[Ruling], dict[str, float]]:
        client = JudgeClient(chosen)
        try:
            rulings = await asyncio.gather(*(client.ask(question(i)) for i in range(n)))
            return rulings, client.metrics.take()
        finally:
            await client.aclose()

    return asyncio.run(go())


def failing_first(action: Action, times: int = 2):
    return lambda n, body: action if n <= times else GOOD


@pytest.mark.parametrize(
    'action',
    [
        pytest.param(Reset, id='reset'),
        pytest.param(Half, id='half an answer'),
        pytest.param(Endless, id='endless answer'),
        pytest.param(http('500 Internal Server Error', b'oops'), id='500'),
        pytest.param(http('404 Not Found', b'no such model'), id='404'),
        pytest.param(http('401 Unauthorized', b'key?'), id='401'),
        pytest.param(http('302 Found', b'', 'Location: http://127.0.0.1:9/\r\n'), id='redirect'),
        pytest.param(b'\x00\xff garbage that is no HTTP\r\n\r\n', id='garbage'),
        pytest.param(http(body=b'<html>busy</html>'), id='no JSON'),
        pytest.param(http(body=b'[' * 100_000), id='deep JSON'),
        pytest.param(http(body=b'{"choices": []}'), id='no choices'),
        pytest.param(http(body=b'{"choices": [{"message": {"content": null}}]}'), id='no text'),
        pytest.param(http(body=reply('I would say it is fine.')), id='no verdict'),
        pytest.param(http(body=reply('{"Correctness": 7}')), id='verdict out of bounds'),
        pytest.param(http(body=reply('{"Correctness": 0} or {"Correctness": 1}')), id='contradiction'),
    ],
)
def test_question_survives_a_fault(action: Action) -> None:
    with StubJudge(failing_first(action)) as stub:
        rulings, figures = ask([stub])
    assert rulings[0].scores == (1,)
    assert len(stub.requests) == 3
    assert figures.get('judge/retries', 0) + figures.get('judge/unparsable', 0) == 2


def test_refused_connection_is_waited_for() -> None:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    stub = StubJudge(port=port)

    async def go() -> tuple[int, ...]:
        client = JudgeClient(JudgeSettings(addresses=(stub.url,), cache_dir='', outage_limit_s=20, model='stub'))
        asked = asyncio.ensure_future(client.ask(question()))
        while not client.metrics.take().get('judge/retries'):
            await asyncio.sleep(0.01)
        with stub:
            scores = (await asked).scores
        await client.aclose()
        return scores

    assert asyncio.run(go()) == (1,)


def test_hanging_request_ends_at_the_time_limit() -> None:
    with StubJudge(failing_first(Hang, 1)) as stub:
        started = time.monotonic()
        rulings, _ = ask([stub], timeout_s=0.5)
    assert rulings[0].scores == (1,)
    assert 0.5 <= time.monotonic() - started < 3


def test_retry_after_is_obeyed() -> None:
    times: list[float] = []

    def behave(n: int, body: dict) -> Action:
        times.append(time.monotonic())
        return http('429 Too Many Requests', b'', 'Retry-After: 1\r\n') if n == 1 else GOOD

    with StubJudge(behave) as stub:
        rulings, _ = ask([stub])
    assert rulings[0].scores == (1,)
    assert times[1] - times[0] >= 0.75


def test_outage_in_the_middle_loses_and_changes_nothing() -> None:
    """Zeros and ones by content, a server that is down for seconds in between, as many questions under way as fit."""
    down = {'from': 40, 'until': float('inf')}

    def behave(n: int, body: dict) -> Action:
        if n == down['from']:
            down['until'] = time.monotonic() + 1.2
        if n >= down['from'] and time.monotonic() < down['until']:
            return Reset
        right = int('"a1' in body['messages'][0]['content'])
        return http(body=reply(f'{{"Correctness": {right}}}'))

    with StubJudge(behave, latency_s=0.01) as stub:
        rulings, _ = ask([stub], n=200, concurrency=16)
    assert [r.scores[0] for r in rulings] == [int(str(i).startswith('1')) for i in range(200)]


def test_no_judge_at_all_is_an_error_that_names_addresses_and_causes() -> None:
    with pytest.raises(JudgeUnavailable) as caught:
        ask([StubJudge(port=9), StubJudge(lambda n, b: GOOD, port=19)], outage_limit_s=0.5)
    assert 'http://127.0.0.1:9/v1' in str(caught.value)
    assert 'http://127.0.0.1:19/v1' in str(caught.value)
    assert 'cannot connect' in str(caught.value)


def test_limit_is_waited_for_once_not_by_every_question() -> None:
    started = time.monotonic()

    async def go() -> list[object]:
        settings = JudgeSettings(
            addresses=('http://127.0.0.1:9/v1',), cache_dir='', outage_limit_s=1, concurrency=2, model='m'
        )
        client = JudgeClient(settings)
        return await asyncio.gather(*(client.ask(question(i)) for i in range(20)), return_exceptions=True)

    assert all(isinstance(e, JudgeUnavailable) for e in asyncio.run(go()))
    assert time.monotonic() - started < 3


def test_refused_question_is_not_sent_again_and_again() -> None:
    refusing = lambda n, b: http('400 Bad Request', b'too long') if '"a0"' in b['messages'][0]['content'] else GOOD  # noqa: E731
    with StubJudge(refusing) as stub, pytest.raises(AnswerRefused):
        ask([stub])
    assert len(stub.requests) == 3  # with and without response_format, and a plain question


def test_server_without_schemas_is_asked_without_them() -> None:
    with StubJudge(
        lambda n, b: http('400 Bad Request', b'response_format') if 'response_format' in b else GOOD
    ) as stub:
        rulings, _ = ask([stub], n=5, concurrency=1)
    assert all(r.scores == (1,) for r in rulings)
    assert sum('response_format' in r for r in stub.requests) == 1


def test_endless_reply_takes_bounded_memory() -> None:
    tracemalloc.start()
    with StubJudge(failing_first(Endless, 1)) as stub:
        rulings, _ = ask([stub])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rulings[0].scores == (1,)
    assert peak < 32 << 20


def test_redirect_is_not_followed() -> None:
    with StubJudge() as other:
        location = f'Location: {other.url}/chat/completions\r\n'
        with StubJudge(failing_first(http('307 Temporary Redirect', b'', location), 1)) as stub:
            rulings, _ = ask([stub], api_key='secret-key')
    assert rulings[0].scores == (1,)
    assert not other.requests


def test_dead_address_does_not_hold_up_the_others() -> None:
    with StubJudge(latency_s=0.02) as one, StubJudge(latency_s=0.02) as two:
        started = time.monotonic()
        rulings, _ = ask([one, two, StubJudge(port=9)], n=200, concurrency=16)
    assert len(rulings) == 200
    assert time.monotonic() - started < 5


def test_hanging_address_is_overtaken() -> None:
    with StubJudge() as one, StubJudge() as two, StubJudge(lambda n, b: Hang) as stuck:
        started = time.monotonic()
        rulings, figures = ask([one, two, stuck], n=60, concurrency=8, timeout_s=30)
    assert all(r.scores == (1,) for r in rulings)
    assert time.monotonic() - started < 10
    assert figures['judge/hedged'] >= 1


def test_load_goes_to_the_fast_address() -> None:
    with StubJudge(latency_s=0.01) as fast, StubJudge(latency_s=0.2) as slow:
        ask([fast, slow], n=300, concurrency=8)
    assert len(fast.requests) > 5 * len(slow.requests)


def test_messages_of_an_outage_come_at_growing_intervals(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(endpoints_module, 'FIRST_NOTICE_S', 0.1)
    with caplog.at_level(logging.WARNING, logger='swift_thyme'), pytest.raises(JudgeUnavailable):
        ask([StubJudge(port=9)], outage_limit_s=2)
    notices = [r for r in caplog.records if 'the step waits' in r.getMessage()]
    assert 2 <= len(notices) <= 5
    gaps = [b.created - a.created for a, b in itertools.pairwise(notices)]
    assert gaps == sorted(gaps)


def test_key_is_sent_but_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), StubJudge(failing_first(http('500 Oops', b'x'))) as stub:
        ask([stub], api_key='secret-key')
    assert 'Bearer secret-key' in stub.heads[0]
    assert 'secret-key' not in caplog.text
    assert 'secret-key' not in repr(JudgeSettings(api_key='secret-key'))
