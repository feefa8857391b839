"""One question or one address never ends a run: whose fault it is that there is no verdict is found out."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import random
import ssl
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from swift_thyme.cli import main
from swift_thyme.config import JudgeSettings, OutagePolicy, judge_addresses
from swift_thyme.doctor.checks import check_judge
from swift_thyme.errors import AnswerRefused, ConfigError, JudgeError, JudgeUnavailable, QuestionRefused
from swift_thyme.evaluate.summary import judge_name
from swift_thyme.rewards.judge import JudgeClient, Question
from swift_thyme.rewards.judge.cache import VerdictCache, key_of
from swift_thyme.rewards.judge.check import first_models
from swift_thyme.rewards.judge.launch import free_port
from swift_thyme.rewards.prompts import Task, decode, version
from swift_thyme.rewards.scorer import ANSWER_CHARS, Part, Scorer
from swift_thyme.trajectories import Record
from swift_thyme.types import SetAside

from .stub_judge import Action, Behaviour, Half, Hang, Reset, StubJudge, http, reply

N = 40
ODD = 'item 7 of'
PROSE = http(body=reply('I am not able to compare these.'))
SILENT = http(body=b'{"choices": [{"message": {"content": null, "reasoning_content": "Hm"}, "finish_reason": "stop"}]}')
FILTERED = http('400 Bad Request', b'{"error": {"code": "content_filter"}}')
BROKEN = http('500 Internal Server Error', b'{"error": "cuda"}')


def question(i: int, *, controlled: bool = True) -> Question:
    def about(answer: str) -> Question:
        return Question(
            Task.CORRECTNESS, (('question', f'q{i}'), ('reference_answer', 'r'), ('generated_answer', answer))
        )

    asked = about(f'item {i} of {N}')
    return Question(asked.task, asked.data, control=about('r') if controlled else None)


def text_of(body: dict) -> str:
    return body['messages'][0]['content']


def right(n: int, body: dict) -> Action:
    """The truth: 1 for questions with an even number; whatever is said of other questions does not matter."""
    found = decode(text_of(body))
    answer = found[1]['generated_answer'] if found else ''
    number = answer.split()[1] if answer.startswith('item') else '0'
    return http(body=reply(json.dumps({'Correctness': 1 - int(number) % 2})))


def odd_one(action: Action, mark: str = ODD) -> Behaviour:
    return lambda n, body: action if mark in text_of(body) else right(n, body)


def sometimes(action: Action, share: float) -> Behaviour:
    draw = random.Random(1)
    return lambda n, body: action if draw.random() < share else right(n, body)


def ask_all(
    stubs: list[StubJudge], asked: list[Question], **settings: object
) -> tuple[list[object], dict[str, float], float]:
    """What became of every question (a score or an error), the figures, and the seconds it took."""
    base: dict = {'cache_dir': '', 'timeout_s': 5.0, 'outage_limit_s': 20.0, 'model': 'stub'}
    chosen = JudgeSettings(addresses=tuple(s.url for s in stubs), **(base | settings))

    async def one(client: JudgeClient, q: Question) -> object:
        try:
            return (await client.ask(q)).scores[0]
        except JudgeError as error:
            return error

    async def go() -> tuple[list[object], dict[str, float], float]:
        client, started = JudgeClient(chosen), time.monotonic()
        try:
            found = await asyncio.gather(*(one(client, q) for q in asked))
            return list(found), client.metrics.take(), time.monotonic() - started
        finally:
            await client.aclose()

    return asyncio.run(go())


def scores(found: list[object]) -> list[object]:
    return [type(one) if isinstance(one, Exception) else one for one in found]


@pytest.mark.parametrize('action', [BROKEN, FILTERED, SILENT, PROSE], ids=['500', '400', 'no text', 'prose'])
@pytest.mark.parametrize('concurrency', [1, 64])
def test_an_answer_that_no_judge_takes_is_refused_and_the_others_are_judged(action: Action, concurrency: int) -> None:
    with StubJudge(odd_one(action)) as stub:
        found, figures, seconds = ask_all([stub], [question(i) for i in range(N)], concurrency=concurrency)
    assert scores(found) == [AnswerRefused if i == 7 else 1 - i % 2 for i in range(N)]
    assert figures['judge/answer_refused'] == 1
    assert seconds < 15


def test_a_question_that_no_judge_takes_whatever_the_answer_is_the_datas_fault() -> None:
    with StubJudge(odd_one(FILTERED, '"q7"')) as stub:
        found, _, _ = ask_all([stub], [question(i) for i in range(N)])
    assert scores(found) == [QuestionRefused if i == 7 else 1 - i % 2 for i in range(N)]


def test_words_of_the_policy_alone_are_the_policys_fault() -> None:
    with StubJudge(odd_one(FILTERED)) as stub:
        found, _, _ = ask_all([stub], [question(i, controlled=False) for i in range(N)])
    assert scores(found)[7] is AnswerRefused


@pytest.mark.parametrize('attempts', ['1', '4'])
def test_a_question_without_a_verdict_is_asked_as_often_as_told(attempts: str) -> None:
    told = JudgeSettings.from_env({'THYME_JUDGE_ATTEMPTS': attempts}).attempts
    with StubJudge(odd_one(PROSE)) as stub:
        ask_all([stub], [question(i) for i in range(N)], attempts=told, concurrency=1)
    assert sum(ODD in text_of(body) for body in stub.requests) == int(attempts)


def test_a_judge_that_never_gives_a_verdict_is_an_outage() -> None:
    with StubJudge(lambda n, body: PROSE) as stub:
        found, _, seconds = ask_all([stub], [question(i) for i in range(4)], outage_limit_s=2)
    assert all(isinstance(one, JudgeUnavailable) and 'no verdict' in str(one) for one in found)
    assert seconds < 10


EIGHT_WAYS: dict[str, Behaviour] = {
    'prose': lambda n, body: PROSE,
    'prose at times': sometimes(PROSE, 0.3),
    'no text': lambda n, body: SILENT,
    'broken JSON at times': sometimes(http(body=b'{"choices": [{"message": {"content": "{'), 0.3),
    'half a reply': lambda n, body: Half,
    'reset': lambda n, body: Reset,
    '500': lambda n, body: BROKEN,
    'hang': lambda n, body: Hang,
}


@pytest.mark.parametrize('broken', EIGHT_WAYS)
def test_one_broken_address_of_four_costs_no_verdict_and_ends_nothing(broken: str) -> None:
    with StubJudge(right) as a, StubJudge(right) as b, StubJudge(right) as c, StubJudge(EIGHT_WAYS[broken]) as d:
        found, _, seconds = ask_all([a, b, c, d], [question(i) for i in range(300)])
    assert scores(found) == [1 - i % 2 for i in range(300)]
    assert seconds < 20


def cut_off_below(tokens: int) -> Behaviour:
    """A judge that thinks aloud of the wrong verdict first, and needs so many tokens to come to the right one."""

    def behave(n: int, body: dict) -> Action:
        truth = json.loads(json.loads(right(n, body).split(b'\r\n\r\n', 1)[1])['choices'][0]['message']['content'])
        thought = f'<think>The format is {{"Correctness": {1 - truth["Correctness"]}}} if they agree. Now'
        whole = body['max_tokens'] >= tokens
        content = f'{thought} I see.</think>{json.dumps(truth)}' if whole else thought
        choice = {'message': {'content': content}, 'finish_reason': 'stop' if whole else 'length'}
        return http(body=json.dumps({'choices': [choice]}).encode())

    return behave


@pytest.mark.parametrize('tokens', [256, 1000, 4096])
def test_a_reply_that_was_cut_off_is_asked_for_again_with_more_room(tokens: int, tmp_path: Path) -> None:
    with StubJudge(cut_off_below(tokens)) as stub:
        found, figures, _ = ask_all([stub], [question(i) for i in range(N)], cache_dir=str(tmp_path))
    assert scores(found) == [1 - i % 2 for i in range(N)]
    assert figures.get('judge/cut', 0) >= (tokens > 256) * N


def test_a_judge_that_is_always_cut_off_gives_no_verdict_and_leaves_nothing_in_the_cache(tmp_path: Path) -> None:
    with StubJudge(cut_off_below(1 << 30)) as stub:
        found, _, _ = ask_all([stub], [question(0), question(1)], cache_dir=str(tmp_path), outage_limit_s=1)
    assert all(isinstance(one, JudgeUnavailable) for one in found)
    assert not list(tmp_path.glob('*.jsonl'))


def test_scores_in_the_cache_that_are_not_of_the_scale_are_asked_for_again(tmp_path: Path) -> None:
    asked = question(2)
    key = key_of('stub', version(asked.task), dict(asked.data), (), 1)
    for odd in ([7], [], [1, 1]):
        (tmp_path / 'other.jsonl').write_text(json.dumps([key, odd]) + '\n')
        assert VerdictCache(str(tmp_path)).get(key) == tuple(odd)
        with StubJudge(right) as stub:
            found, _, _ = ask_all([stub], [asked], cache_dir=str(tmp_path))
        assert found == [1]
        for file in tmp_path.glob('*.jsonl'):
            file.unlink()


def case(answer: str) -> Record:
    return Record(
        question='What is it?',
        solution='some thing',
        text=f'<think>t</think><answer>{answer}</answer>',
        request_id=answer,
    )


def assess(stub: StubJudge, cases: list[Record], outage: OutagePolicy) -> tuple[list[object], dict[str, float]]:
    async def go() -> tuple[list[object], dict[str, float]]:
        settings = JudgeSettings(addresses=(stub.url,), cache_dir='', model='stub', outage_limit_s=20)
        client = JudgeClient(settings)
        try:
            found = await Scorer(client).assess(cases, {Part.RESULT}, outage)
            return [a.set_aside or a.scores[Part.RESULT] for a in found], client.metrics.take()
        finally:
            await client.aclose()

    return asyncio.run(go())


@pytest.mark.parametrize('outage', OutagePolicy)
def test_being_refused_never_pays_and_ends_nothing(outage: OutagePolicy) -> None:
    with StubJudge(odd_one(FILTERED, 'a bad word')) as stub:
        found, figures = assess(stub, [case('a bad word'), case('an object')], outage)
    assert found[0] == 0.0 and isinstance(found[1], float)
    assert figures['judge/answer_refused'] == 1


@pytest.mark.parametrize('outage', OutagePolicy)
def test_a_refused_question_is_set_aside_under_either_policy(outage: OutagePolicy) -> None:
    with StubJudge(odd_one(FILTERED, 'What is it?')) as stub:
        found, _ = assess(stub, [case('an object')], outage)
    assert found == [SetAside.QUESTION_REFUSED]


def test_an_answer_over_the_length_limit_is_wrong_before_any_judge() -> None:
    with StubJudge(right) as stub:
        found, _ = assess(stub, [case('an object ' * ANSWER_CHARS)], OutagePolicy.STOP)
        assert not stub.requests
    assert found == [0.0]


def test_user_and_password_of_an_address_are_sent_and_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    with StubJudge(right) as stub, caplog.at_level(logging.DEBUG):
        address = stub.url.replace('http://', 'http://gate:s%40cret@')
        settings = JudgeSettings(addresses=(address,), cache_dir='', model='stub')

        async def go() -> None:
            client = JudgeClient(settings)
            await client.ask(question(0))
            await client.aclose()
            client.endpoints.all[0].cause = 'x'
            assert 's%40cret' not in client.endpoints.causes()

        asyncio.run(go())
    assert base64.b64encode(b'gate:s@cret').decode() in stub.heads[0]
    assert 'cret' not in caplog.text and 'cret' not in repr(settings) and 'cret' not in judge_name(settings)


def test_a_probe_of_a_judge_sends_its_user_and_shows_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with StubJudge(odd_one(http(body=reply()))) as stub:
        gone = f'http://gate:s%40cret@127.0.0.1:{free_port("127.0.0.1")}/v1'
        named = stub.url.replace('http://', 'http://gate:s%40cret@')
        monkeypatch.setenv('REWARD_API_ADDRESS', f'{named},{gone}')
        finding = check_judge()
        assert base64.b64encode(b'gate:s@cret').decode() in stub.heads[0]
        assert main(['judge', 'check', '--wait', '1']) == 1
    assert finding.text == '1 of 2 addresses answer' and 'cannot connect' in finding.details[0]
    assert 'cret' not in repr(finding) and 'cret' not in capsys.readouterr().out


@pytest.mark.parametrize('address', ['http://gate:s%40cret@host?x=1', 'gate:s%40cret@host:port'])
def test_an_address_that_cannot_be_read_shows_no_password(address: str) -> None:
    with pytest.raises(ConfigError) as found:
        JudgeSettings.from_env({'REWARD_API_ADDRESS': f'localhost,{address}'})
    assert 'host' in str(found.value) and 'cret' not in str(found.value)


def test_loopback_is_never_asked_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('http_proxy', 'http://127.0.0.1:9')
    with StubJudge(right) as stub:
        found, _, _ = ask_all([stub], [question(0)], outage_limit_s=2)
    assert found == [1]


def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with StubJudge(right) as proxy:
        monkeypatch.setenv('http_proxy', proxy.url.removesuffix('/v1'))
        settings = JudgeSettings(addresses=('http://judge.invalid/v1',), cache_dir='', model='stub', outage_limit_s=2)

        async def go() -> tuple[int, ...]:
            client = JudgeClient(settings)
            try:
                return (await client.ask(question(0))).scores
            finally:
                await client.aclose()

        assert asyncio.run(go()) == (1,)
        assert list(asyncio.run(first_models(settings, 5))[0].values()) == ['stub']
    assert all('judge.invalid' in head for head in proxy.heads) and len(proxy.heads) == 2


def test_a_proxy_that_refuses_shows_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> str:
        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b'\r\n\r\n')
            writer.write(http('407 Proxy Authentication Required'))
            writer.close()

        server = await asyncio.start_server(refuse, '127.0.0.1', 0)
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv('https_proxy', f'http://gate:s3cret@127.0.0.1:{port}')
        async with server:
            _, causes = await first_models(JudgeSettings(addresses=('https://judge.invalid/v1',)), 5)
        return str(causes)

    said = asyncio.run(go())
    assert '407' in said and 'cret' not in said


@pytest.fixture(scope='module')
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private authority (`ca.pem`) and a certificate of localhost by it (`srv.pem`, `srv.key`)."""
    folder = tmp_path_factory.mktemp('tls')
    (folder / 'ext').write_text('subjectAltName=DNS:localhost,IP:127.0.0.1')
    commands = [
        'req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca '
        '-addext basicConstraints=critical,CA:TRUE',
        'req -newkey rsa:2048 -nodes -keyout srv.key -out srv.csr -subj /CN=localhost',
        'x509 -req -in srv.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out srv.pem -days 2 -extfile ext',
    ]
    for command in commands:
        subprocess.run(['openssl', *command.split()], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize('way', ['nothing', 'SSL_CERT_FILE', 'THYME_JUDGE_CA_FILE'])
def test_a_private_authority_can_be_trusted(authority: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if way != 'nothing':
        monkeypatch.setenv(way, str(authority / 'ca.pem'))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / 'srv.pem', authority / 'srv.key')
    with StubJudge(right, tls=context) as stub:
        url = stub.url.replace('http://127.0.0.1', 'https://localhost')
        told = JudgeSettings.from_env()
        settings = replace(
            told, addresses=(url,), cache_dir='', model='stub', outage_limit_s=1, cure='or do something else'
        )

        async def go() -> object:
            client = JudgeClient(settings)
            try:
                return (await client.ask(question(0))).scores
            except JudgeUnavailable as error:
                return str(error)
            finally:
                await client.aclose()

        found, probed = asyncio.run(go()), asyncio.run(first_models(settings, 5))
    if way == 'nothing':
        assert 'certificate' in str(found) and str(found).endswith('or do something else')
        assert 'certificate' in str(probed[1])
    else:
        assert found == (1,)
        assert list(probed[0].values()) == ['stub']


@pytest.mark.parametrize(
    ('address', 'ports', 'expected'),
    [
        ('::1', '8080', ['http://[::1]:8080/v1']),
        ('[::1]:9000', '8080', ['http://[::1]:9000/v1']),
        ('http://gate.example/judge/v1', '8080', ['http://gate.example/judge/v1']),
        ('gate.example/judge', '8080', ['http://gate.example/judge']),
        ('http://u:p@gate.example', '1', ['http://u:p@gate.example:1/v1']),
    ],
)
def test_an_address_that_names_a_port_or_a_path_keeps_it(address: str, ports: str, expected: list[str]) -> None:
    assert list(judge_addresses(address, ports)) == expected


def test_a_command_of_the_shell_waits_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert JudgeSettings.for_shell('x').outage_limit_s == 10
    monkeypatch.setenv('THYME_JUDGE_OUTAGE_LIMIT_S', '33')
    assert JudgeSettings.for_shell('x').outage_limit_s == 33
