"""Requests that are slow, large, odd or aimed elsewhere cost only their sender; what cannot be done is said by name."""

from __future__ import annotations

import asyncio
import base64
import gzip
import http.server
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from ipaddress import ip_network
from typing import Any
from unittest.mock import Mock

import httpx
import pytest
from PIL import Image

from swift_thyme.engines import Conversation
from swift_thyme.infer import Thinker
from swift_thyme.sandbox import shared_sandbox
from swift_thyme.serve import run
from swift_thyme.serve.admission import Admission
from swift_thyme.serve.errors import ApiError
from swift_thyme.serve.intake import Intake
from swift_thyme.serve.pictures import PictureRules, _allows, _Closed, _Gate
from swift_thyme.serve.wire import read_request

from ..evaluate.scripted import ScriptedEngine, answering
from ..infer.scripts import lent
from .conftest import Running, listening, question

ASK = {'messages': [{'role': 'user', 'content': 'Which?'}]}
ROUTE = '/v1/chat/completions'


class Moody(ScriptedEngine):
    """Fails while it is told to."""

    comes_back = True
    broken = False


def moody(**more: Any) -> Moody:
    engine = Moody(lambda _: answering('B'), **more)
    engine.fail_on = lambda conversation: engine.broken
    return engine


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """Starts a server over an engine that costs nothing."""
    with ExitStack() as stack:

        def begin(engine: ScriptedEngine | None = None, **settings: Any) -> Running:
            thinker = Thinker(engine or moody(), sandbox=shared_sandbox())
            inner = lent(thinker)
            inner.engine = thinker.engine
            return stack.enter_context(listening(inner, **settings))

        yield begin


def connect(running: Running) -> socket.socket:
    host, port = running.url.removeprefix('http://').split(':')
    return socket.create_connection((host, int(port)))


def test_bodies_that_come_slowly_hold_up_nobody(start: Any) -> None:
    running = start(client_timeout_s=4.0)
    head = f'POST {ROUTE} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{{'.encode()
    slow = [connect(running) for _ in range(40)]
    for one in slow:
        one.sendall(head)
    assert running.post(ASK).status_code == 200
    for one in slow:
        one.settimeout(20)
        assert b' 408 ' in one.recv(200)
        one.close()


def test_a_header_that_does_not_come_is_not_waited_for(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, '_HEADER_S', 0.5)
    idle = connect(start())
    idle.sendall(f'POST {ROUTE} HTTP/1.1\r\nHost:'.encode())
    idle.settimeout(20)
    assert idle.recv(100) == b''


@pytest.mark.slow
def test_a_connection_is_kept_longer_than_clients_keep_theirs(start: Any) -> None:
    with connect(start()) as client:
        client.settimeout(20)
        for pause_s in (6, 0):
            client.sendall(b'GET /health HTTP/1.1\r\nHost: x\r\n\r\n')
            assert b' 200 ' in client.recv(4096)
            time.sleep(pause_s)


def test_a_client_that_does_not_read_loses_its_place(start: Any) -> None:
    long = answering('B' * 30_000_000)
    running = start(ScriptedEngine(lambda c: answering('B') if 'Which' in c.messages[-1].content else long),
                    client_timeout_s=1.0, running=1)  # fmt: skip
    body = json.dumps({'messages': [{'role': 'user', 'content': 'Long'}]}).encode()
    deaf = connect(running)
    deaf.sendall(f'POST {ROUTE} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n'.encode() + body)
    time.sleep(0.5)
    assert running.post(ASK).status_code == 200
    deaf.close()


@pytest.mark.parametrize(
    'field',
    [
        {'response_format': {'type': 'json_schema', 'json_schema': {'name': 'x', 'schema': {}}}},
        {'response_format': {'type': 'json_object'}},
        {'tools': [{'type': 'function', 'function': {'name': 'f'}}]},
        {'tool_choice': 'required'},
        {'tool_choice': {'type': 'function', 'function': {'name': 'f'}}, 'tools': []},
        {'function_call': {'name': 'f'}},
        {'logprobs': True},
        {'top_logprobs': 3},
        {'n': 2},
        {'seed': 10**30},
        {'temperature': 1e-45},
        {'continue_final_message': True},
        {'logit_bias': {'1': 2}},
        {'presence_penalty': 1.5},
        {'min_p': 0.1},
        {'min_tokens': 10},
        {'structured_outputs': {'choice': ['a', 'b']}},
        {'prompt_logprobs': 1},
        {'chat_template': '{{ messages }}'},
        {'mm_processor_kwargs': {'max_pixels': 3136}},
        {'truncate_prompt_tokens': 5},
        {'logits_processors': ['x']},
        {'echo': True},
        {'modalities': ['text', 'audio']},
        {'stop': ['x'] * 1000},
    ],
)
def test_a_field_that_cannot_be_obeyed_is_refused_by_its_name(server: Running, field: dict[str, Any]) -> None:
    reply = server.post({**ASK, **field})
    assert reply.status_code == 400
    assert reply.json()['error']['param'].startswith(next(iter(field)))


def test_too_many_stops_are_refused_with_the_limit_and_their_number(server: Running) -> None:
    told = server.post({**ASK, 'stop': ['x'] * 65}).json()['error']['message']
    assert told.startswith('stop: ') and '64' in told and '65' in told


@pytest.mark.parametrize(
    'field',
    [
        {'response_format': {'type': 'text'}},
        {'tools': []},
        {'tools': [{'type': 'function'}], 'tool_choice': 'none'},
        {'tool_choice': 'auto'},
        {'tool_choice': 'none', 'function_call': None},
        {'stop': None},
        {'logprobs': False},
        {'seed': -1},
        {'top_k': -1},
        {'frequency_penalty': 0.0, 'presence_penalty': 0},
        {'modalities': ['text']},
        {'user': 'x', 'metadata': {}},
    ],
)
def test_a_field_that_changes_nothing_is_taken(start: Any, field: dict[str, Any]) -> None:
    assert start().post({**ASK, **field}).status_code == 200


@pytest.mark.parametrize(
    'fields',
    [
        {'model': 'm' * 1_000_000},
        {'messages': [{'role': 'user', 'content': [{'type': 't' * 1_000_000}]}]},
        {'messages': question('http://' + 'a' * 1_000_000)['messages']},
    ],
)
def test_a_clients_words_come_back_shortened_and_so_go_into_the_log(
    server: Running, caplog: pytest.LogCaptureFixture, fields: dict[str, Any]
) -> None:
    with caplog.at_level('INFO'):
        reply = server.post({**ASK, **fields})
    assert reply.status_code in (400, 404) and len(reply.content) < 4000
    assert max(len(record.getMessage()) for record in caplog.records) < 2000


def test_histories_of_other_programs_are_read(start: Any) -> None:
    engine = moody()
    call = {'id': 'a', 'type': 'function', 'function': {'name': 'find', 'arguments': '{"x": 1}'}}
    messages = [
        {'role': 'user', 'content': 'Find it.'},
        {'role': 'assistant', 'content': None, 'tool_calls': [call]},
        {'role': 'tool', 'tool_call_id': 'a', 'content': 'at 3, 4'},
        {'role': 'user', 'content': 'So where?'},
    ]
    assert start(engine).post({'messages': messages}).status_code == 200
    roles = [m.role for m in engine.asked[-1][0].messages]
    assert roles == ['system', 'user', 'assistant', 'user']
    assert 'find' in engine.asked[-1][0].messages[2].content and 'at 3, 4' in engine.asked[-1][0].messages[3].content


@pytest.mark.parametrize(
    ('messages', 'told'),
    [
        ([*ASK['messages'], {'role': 'assistant', 'content': 'B'}], 'prefill'),
        ([{'role': 'assistant', 'content': 'Hello'}, *ASK['messages']], 'first message'),
        ([{'role': 'user', 'content': 'x' * 600_000}], 'characters'),
    ],
)
def test_conversations_that_cannot_be_asked_are_400(server: Running, messages: list[Any], told: str) -> None:
    reply = server.post({'messages': messages})
    assert reply.status_code == 400 and told in reply.json()['error']['message']


@pytest.mark.parametrize('reference', ['file:///etc/%00', 'file://[::1/x.png', 'http://[::1', 'http://', 'x' * 5000])
def test_references_that_are_no_pictures_are_400(server: Running, reference: str) -> None:
    assert server.post(question(reference)).status_code == 400


def test_base64_is_read_as_clients_write_it(start: Any, picture: Any) -> None:
    running = start()
    wrapped = base64.encodebytes(picture.read_bytes()).decode()
    safe = base64.urlsafe_b64encode(picture.read_bytes()).decode()
    assert {'-', '_'} & set(safe)
    for reference in (
        f'DATA:image/jpeg;base64,{wrapped}',
        wrapped.strip().rstrip('='),
        f'data:image/jpeg;base64,{safe}',
    ):
        assert running.post(question(reference)).status_code == 200


def test_other_interfaces_are_refused_with_a_sentence(server: Running) -> None:
    for path in ('/v1/completions', '/v1/responses', '/v1/embeddings'):
        reply = httpx.post(f'{server.url}{path}', json={})
        assert reply.status_code == 404 and 'chat completions only' in reply.json()['error']['message']
    packed = httpx.post(f'{server.url}{ROUTE}', content=gzip.compress(b'{}'), headers={'content-encoding': 'gzip'})
    assert packed.status_code == 415


def test_a_page_in_a_browser_may_ask_where_it_is_allowed(start: Any) -> None:
    running = start(origins=('http://page.example',))
    asked = {'Origin': 'http://page.example', 'Access-Control-Request-Method': 'POST'}
    reply = httpx.options(f'{running.url}{ROUTE}', headers=asked)
    assert reply.status_code == 200 and reply.headers['access-control-allow-origin'] == 'http://page.example'


@pytest.mark.parametrize(
    ('headers', 'taken'),
    [
        ({'content-type': 'text/plain'}, False),
        ({'content-type': 'application/x-www-form-urlencoded'}, False),
        ({'content-type': 'multipart/form-data; boundary=x'}, False),
        ({'origin': 'http://page.example'}, False),
        ({}, True),
        ({'content-type': 'Application/JSON; charset=utf-8', 'origin': 'http://page.example'}, True),
    ],
)
def test_what_a_page_can_send_without_asking_is_not_read(start: Any, headers: dict[str, str], taken: bool) -> None:
    running = start()
    for path in (ROUTE, '/tokenize'):
        reply = httpx.post(f'{running.url}{path}', content=json.dumps({**ASK, 'prompt': ''}), headers=headers)
        assert (reply.status_code != 415) is taken
        assert taken or 'Content-Type: application/json' in reply.json()['error']['message']


def test_the_state_of_the_engine_is_told_and_its_address_is_not(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('swift_thyme.serve.readiness._PAUSE_S', 0.1)
    engine = moody()
    running = start(engine)
    assert httpx.get(f'{running.url}/ready', timeout=60).status_code == 200
    engine.broken = True
    reply = running.post(ASK)
    assert reply.status_code == 502 and 'the engine broke' not in reply.text
    assert httpx.get(f'{running.url}/ready').json()['broken'] == ['engine']
    assert httpx.get(f'{running.url}/health').status_code == 200
    engine.broken = False
    deadline = time.monotonic() + 20
    while httpx.get(f'{running.url}/ready').status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert running.post(ASK).status_code == 200


def test_an_engine_that_cannot_come_back_ends_the_server(start: Any) -> None:
    engine = moody()
    engine.comes_back = False
    running = start(engine)
    died: list[str] = []
    running.app.state.shared.readiness.on_dead = died.append
    engine.broken = True
    assert running.post(ASK).status_code == 502
    deadline = time.monotonic() + 20
    while not died:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_server_that_stops_says_so_to_those_it_cuts_off(start: Any) -> None:
    class Slow(ScriptedEngine):
        async def generate(self, conversation: Conversation, *args: Any) -> Any:
            await asyncio.sleep(60)

    running = start(Slow(lambda _: ''))
    replies: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: replies.append(running.post(ASK)))
    asking.start()
    while not running.app.state.shared.admission.running:
        time.sleep(0.05)
    running.server.config.loaded_app  # noqa: B018 -- the server runs
    running.loop.call_soon_threadsafe(running.app.state.shared.cut_off)
    asking.join(20)
    (reply,) = replies
    assert reply.status_code == 503 and reply.json()['error']['code'] == 'stopping' and reply.headers['retry-after']


class _Host(http.server.BaseHTTPRequestHandler):
    content = b''

    def do_GET(self) -> None:
        self.send_response(200)
        if self.path == '/packed':
            self.send_header('content-encoding', 'gzip, gzip')
            self.end_headers()
            self.wfile.write(gzip.compress(gzip.compress(bytes(1 << 20))))
        elif self.path == '/slow':
            self.send_header('content-length', '1000')
            self.end_headers()
            time.sleep(3)
        else:
            self.end_headers()
            self.wfile.write(self.content)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def host(picture: Any) -> Iterator[int]:
    """A picture host on the loopback; its port."""
    _Host.content = picture.read_bytes()
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), _Host)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ('rule', 'named', 'networks', 'status'),
    [
        ('127.0.0.1', '127.0.0.1', (), 400),  # not at another port
        ('127.0.0.1:PORT', '127.0.0.1', (), 200),
        ('127.0.0.1:*', '127.0.0.1', (), 200),
        ('localhost:PORT', 'localhost', (), 400),  # a name that stands for the loopback
        ('*:*', 'localhost', (), 400),
        ('*:*', '127.0.0.1', (), 400),
        ('*:*', '2130706433', (), 400),
        ('localhost:PORT', 'localhost', ('127.0.0.0/8',), 200),
        ('127.0.0.1:PORT', 'localhost', (), 400),
    ],
)
def test_a_host_is_reached_at_allowed_ports_and_addresses_only(
    start: Any, host: int, rule: str, named: str, networks: tuple[str, ...], status: int
) -> None:
    rules = PictureRules(hosts=(rule.replace('PORT', str(host)),), networks=tuple(map(ip_network, networks)))
    assert start(pictures=rules).post(question(f'http://{named}:{host}/x.jpg')).status_code == status


def test_hosts_that_pack_or_wait_cost_only_their_sender(start: Any, host: int) -> None:
    running = start(pictures=PictureRules(hosts=(f'127.0.0.1:{host}',), fetch_timeout_s=1.0), running=1, waiting=0)
    assert 'packs' in running.post(question(f'http://127.0.0.1:{host}/packed')).json()['error']['message']
    slow = threading.Thread(target=lambda: running.post(question(f'http://127.0.0.1:{host}/slow')))
    slow.start()
    time.sleep(0.2)
    assert running.post(ASK).status_code == 200
    slow.join()


@pytest.mark.parametrize(('ran_s', 'told_s'), [(0.0, 10), (4.0, 6), (40.0, 40)])
def test_the_time_to_come_back_is_assumed_where_no_request_has_ended(
    ran_s: float, told_s: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def go() -> int | None:
        admission, clock.monotonic.return_value = Admission(1, 1), 0.0
        with admission.enter(), admission.enter():
            async with admission.run():
                clock.monotonic.return_value = ran_s
                return admission.retry_after_s

    clock = Mock()
    monkeypatch.setattr('swift_thyme.serve.admission.time', clock)
    assert asyncio.run(go()) == told_s


def test_the_time_to_come_back_is_that_of_the_requests_that_ended() -> None:
    async def go() -> int:
        admission = Admission(1, 1)
        with admission.enter():
            async with admission.run():
                await asyncio.sleep(1.2)
        with admission.enter(), admission.enter():
            async with admission.run():
                with pytest.raises(ApiError) as found:
                    admission.require_room()
        return int(found.value.headers['retry-after'])

    assert asyncio.run(go()) == 2


def test_a_picture_of_many_pixels_is_read_beside_the_others(start: Any, tmp_path: Any) -> None:
    path = tmp_path / 'large.png'
    Image.new('RGBA', (7000, 7000)).save(path, compress_level=1)
    url = f'data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}'
    running = start()
    heavy = [threading.Thread(target=lambda: running.post(question(url))) for _ in range(3)]
    for one in heavy:
        one.start()
    time.sleep(0.3)
    began = time.monotonic()
    assert running.post(ASK).status_code == 200
    assert any(one.is_alive() for one in heavy) or time.monotonic() - began < 1
    for one in heavy:
        one.join()


def test_large_bodies_that_are_refused_give_back_their_room(start: Any) -> None:
    running = start(body_bytes=1 << 18, client_timeout_s=1.0, arriving_bytes=1 << 20)
    shared = running.app.state.shared

    def send(size: int, stated: int, wait_s: float) -> bytes:
        with connect(running) as client:
            client.sendall(f'POST {ROUTE} HTTP/1.1\r\nHost: x\r\nContent-Length: {stated}\r\n\r\n'.encode())
            client.sendall(b' ' * size)
            client.settimeout(max(wait_s, 0.01))
            try:
                return client.recv(64)
            except TimeoutError:
                return b''

    for size, stated, wait_s, status in (
        (1 << 19, 1 << 19, 10, b' 413 '),
        (1 << 17, 1 << 18, 10, b' 408 '),
        (1 << 17, 1 << 18, 0.2, b''),  # the client goes away
    ):
        for _ in range(2):
            assert status in send(size, stated, wait_s)
    text = json.dumps({**ASK, 'user': 'x' * (1 << 17)})
    assert httpx.post(f'{running.url}{ROUTE}', content=text, timeout=60).status_code == 200
    deadline = time.monotonic() + 5
    while shared.arriving_bytes:
        assert time.monotonic() < deadline, f'{shared.arriving_bytes} bytes are still held'
        time.sleep(0.05)


def test_a_picture_named_with_escapes_is_read_in_another_process(start: Any, picture: Any, monkeypatch: Any) -> None:
    def refuse(*args: Any) -> None:
        raise AssertionError('a picture was read on the event loop')

    monkeypatch.setattr('swift_thyme.serve.chat.read_request', refuse)
    running = start()
    called: list[Any] = []

    async def run(function: Any, *args: Any, **options: Any) -> Any:
        called.append(function)
        raise ApiError(400, 'seen')

    running.app.state.shared.intake.run = run
    body = json.dumps(question(picture)).replace('image', '\\u0069mage')
    assert httpx.post(f'{running.url}{ROUTE}', content=body).status_code == 400
    assert called == [refuse]


def test_the_pixels_of_a_fetched_picture_choose_where_it_is_decoded(start: Any, host: int, tmp_path: Any) -> None:
    path = tmp_path / 'large.png'
    Image.new('L', (3000, 3000)).save(path, compress_level=1)
    _Host.content = path.read_bytes()
    running = start(pictures=PictureRules(hosts=(f'127.0.0.1:{host}',)))
    intake, lanes = running.app.state.shared.intake, {}
    inner = intake.run

    async def run(function: Any, *args: Any, heavy: bool = False, **options: Any) -> Any:
        lanes[function.__name__] = heavy
        return await inner(function, *args, heavy=heavy, **options)

    intake.run = run
    assert running.post(question(f'http://127.0.0.1:{host}/x.png')).status_code == 200
    assert lanes == {'read_request': False, 'examine_fetched': False, 'settle': True}


def spin() -> None:
    while True:
        pass


def test_a_call_that_does_not_end_makes_room() -> None:
    async def go() -> None:
        intake = Intake()
        try:
            with pytest.raises(ApiError, match='memory or time'):
                await intake.run(_bounded_spin, heavy=True)
            assert await intake.run(os.getpid, heavy=True)
        finally:
            intake.close()

    asyncio.run(asyncio.wait_for(go(), 60))


def test_a_call_that_ends_its_process_costs_no_other_call() -> None:
    async def go() -> None:
        intake = Intake()
        try:
            told = await asyncio.gather(
                *(
                    intake.run(work, heavy=True)
                    for work in (_bounded_spin, os.getpid, os.getpid, _bounded_spin, os.getpid)
                ),
                return_exceptions=True,
            )
            assert [isinstance(one, ApiError) for one in told] == [True, False, False, True, False]
        finally:
            intake.close()

    asyncio.run(asyncio.wait_for(go(), 60))


def _bounded_spin() -> None:
    """Stands for a decoder that is stuck; the bound is shortened in the process that it runs in."""
    assert signal.getitimer(signal.ITIMER_PROF)[0] > 0
    signal.setitimer(signal.ITIMER_PROF, 0.2)
    spin()


def test_ways_of_sampling_beyond_many_are_counted_together(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('swift_thyme.serve.chat._MOST_KINDS', 1)
    running = start()
    for seed in (1, 2, 3, 1):
        assert running.post({**ASK, 'seed': seed}).status_code == 200
    sampled = httpx.get(f'{running.url}/v1/models/scripted').json()['thyme']['sampled']
    assert [one['requests'] for one in sampled] == [2, 2] and sampled[1] == {'others': True, 'requests': 2}


@pytest.mark.parametrize('body', ['[' * 100_000, '{"prompt": "\\ud800"}'])
def test_a_text_that_cannot_be_tokenized_is_400(server: Running, body: str) -> None:
    assert httpx.post(f'{server.url}/tokenize', content=body).status_code == 400


@pytest.mark.parametrize(
    ('address', 'hosts', 'reached'),
    [
        ('::1', ('[::1]:8080',), True),
        ('::1', ('[::1]',), True),
        ('::1', ('[0:0::1]:*',), True),
        ('::1', ('::1',), True),
        ('::1', ('*',), False),
        ('::ffff:127.0.0.1', ('127.0.0.1:80',), True),
        ('2606:4700::1111', (), True),
        ('64:ff9b::8.8.8.8', (), True),
        ('64:ff9b::10.0.0.1', (), False),
        ('2002:7f00:1::', (), False),
        ('::10.0.0.1', (), False),
        ('::ffff:10.0.0.1', (), False),
        ('fec0::1', (), False),
    ],
)
def test_addresses_that_stand_for_others_are_those(address: str, hosts: tuple[str, ...], reached: bool) -> None:
    gate = _Gate(PictureRules(hosts=hosts))
    try:
        gate.connect((socket.AF_INET6, socket.SOCK_STREAM, 0, '', (address, 80, 0, 0))).close()
    except _Closed:
        assert not reached
    else:
        assert reached


def test_rules_may_name_addresses_of_ipv6() -> None:
    assert _allows(('[::1]:8080',), '::1', 8080, 'http') and not _allows(('[::1]:8080',), '::1', 80, 'http')
    assert _allows(('[0:0::1]',), '::1', 80, 'http') and _allows(('::1',), '::1', 80, 'http')


def test_a_tools_text_is_not_altered(tmp_path: Any) -> None:
    said = 'if x : y = {"a" : 1}'
    for more, head in (({'name': 'calc'}, 'Result of the tool calc:'), ({}, 'Result of the tool:')):
        messages = [*ASK['messages'], {'role': 'tool', 'content': said, **more}]
        read = read_request(json.dumps({'messages': messages}).encode(), PictureRules(), tmp_path, 1000)
        assert read.messages[-1].content.endswith(f'{head}\n{said}')
