"""What is sent to a server that continues messages, and what is made of its replies."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from swift_thyme import protocol
from swift_thyme.engines import Conversation, Message, Sampling
from swift_thyme.engines.openai_url import UrlEngine
from swift_thyme.errors import ContextFull, EngineError
from swift_thyme.infer import Thinker
from swift_thyme.sandbox import shared_sandbox

from ..infer.scripts import ANSWER, CROP, SIZE

ASKED = Conversation((Message('user', 'Which?'),))


class _Server(ThreadingHTTPServer):
    """Streams prepared replies in OpenAI's form, a piece a few characters long, and keeps what it was sent."""

    def __init__(self, replies: list[Any]) -> None:
        super().__init__(('127.0.0.1', 0), _Handler)
        self.replies, self.bodies = list(replies), []  # type: ignore[var-annotated]
        self.pages: dict[str, Any] = {'/v1/models': {'data': [{'id': 'listed', 'root': '/weights/1'}]}}

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self.server_port}/v1'


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        reply = self.server.pages.get(self.path)
        self._send(200 if reply else 404, json.dumps(reply).encode())

    def do_POST(self) -> None:
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers['content-length']))))
        reply = self.server.replies.pop(0)
        if isinstance(reply, tuple):
            self._send(reply[0], json.dumps(reply[1]).encode())
            return
        text, finish = reply['text'], {k: v for k, v in reply.items() if k != 'text'}
        chunks = [{'choices': [{'delta': {'content': text[i : i + 7]}}]} for i in range(0, len(text), 7)]
        chunks.append({'choices': [{'delta': {}, 'finish_reason': 'stop', **finish}]})
        chunks.append({'choices': [], 'usage': {'prompt_tokens': 5, 'completion_tokens': 3}})
        lines = [f'data: {json.dumps(chunk)}\n\n' for chunk in chunks]
        self._send(200, ''.join([*lines, 'data: [DONE]\n\n']).encode())

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header('content-length', str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Any]:
    """A function that starts a server with the given replies."""
    started: list[_Server] = []

    def start(*replies: Any) -> _Server:
        started.append(_Server(list(replies)))
        threading.Thread(target=started[-1].serve_forever, daemon=True).start()
        return started[-1]

    yield start
    for one in started:
        one.shutdown()
        one.server_close()


def ask(server: _Server, picture: Path, **options: Any) -> Any:
    engine = UrlEngine(base_url=server.url, **options)
    thinker = Thinker(engine, sandbox=shared_sandbox())

    async def run() -> Any:
        try:
            return await thinker.answer('Which?', [picture])
        finally:
            await engine.aclose()

    return asyncio.run(run())


def test_what_a_server_says_of_its_model_is_stated(server: Any) -> None:
    running = server()
    assert UrlEngine(base_url=running.url).stated() == {'id': 'listed', 'root': '/weights/1', 'policy': None}
    assert UrlEngine(base_url=running.url, model='hidden').stated()['id'] == 'hidden'
    running.pages = {
        '/v1/models': {'data': [{'id': 'a/b', 'owned_by': 'swift-thyme'}]},
        '/v1/models/a/b': {'id': 'a/b', 'thyme': {'policy': {'weights_sha256': 'f'}, 'sampled': [1]}},
    }
    assert UrlEngine(base_url=running.url).stated()['policy'] == {'weights_sha256': 'f'}
    running.pages = {}
    assert UrlEngine(base_url=running.url, model='m').stated() == {'id': 'm'}
    with pytest.raises(EngineError, match='lists no model'):
        UrlEngine(base_url=running.url).stated()


def test_the_assistant_turn_is_continued_with_its_pictures_inside(server: Any, picture: Path) -> None:
    running = server({'text': CROP}, {'text': SIZE}, {'text': ANSWER})
    reply = ask(running, picture)
    assert reply.answer == 'B' and reply.usage.completion_tokens == 9 and reply.usage.image_tokens is None
    first, second, third = running.bodies
    assert first['model'] == 'listed' and 'continue_final_message' not in first
    for body in (second, third):
        assert body['continue_final_message'] is True and body['add_generation_prompt'] is False
        assert [m['role'] for m in body['messages']] == ['system', 'user', 'assistant']
    before, image, after = second['messages'][-1]['content']
    assert before == {'type': 'text', 'text': CROP + protocol.SANDBOX_OPEN}
    assert after == {'type': 'text', 'text': protocol.SANDBOX_CLOSE}
    returned = base64.b64decode(image['image_url']['url'].partition(',')[2])
    assert returned.startswith(b'\x89PNG') and len(third['messages'][-1]['content']) == 3
    assert first['messages'][1]['content'][0]['image_url']['url'].startswith('data:image/jpeg;base64,')


@pytest.mark.parametrize(
    'finish', [{'stop_reason': '</code>'}, {'matched_stop': '</code>'}, {}], ids=['vllm', 'sglang', 'openai']
)
def test_a_stop_string_that_was_left_out_is_put_back(server: Any, picture: Path, finish: Any) -> None:
    cut = SIZE.removesuffix('</code>')
    ended = dict.fromkeys(finish, '</answer>')
    reply = ask(server({'text': cut, **finish}, {'text': ANSWER.removesuffix('</answer>'), **ended}), picture)
    assert reply.turns[0].text == SIZE and reply.turns[0].result is not None and reply.answer == 'B'


def test_code_that_ended_with_the_turn_is_not_closed(server: Any, picture: Path) -> None:
    reply = ask(server({'text': '<code>print(1)', 'stop_reason': None}), picture)
    assert reply.turns[0].text == '<code>print(1)' and reply.turns[0].result is None


def test_a_busy_server_is_asked_again(server: Any, picture: Path) -> None:
    assert ask(server((503, {}), {'text': ANSWER}), picture).answer == 'B'


def test_refusals_say_what_to_do(server: Any, picture: Path) -> None:
    reply = ask(server({'text': CROP}, (400, {'error': {'message': 'only text'}})), picture)
    assert reply.stop_reason.value == 'error' and 'serve the model with vLLM' in reply.error


@pytest.mark.parametrize('mark', [{'code': 'context_length_exceeded'}, {'param': 'input_tokens', 'code': 400}])
def test_a_context_that_is_full_is_told_apart(server: Any, mark: Any) -> None:
    engine = UrlEngine(base_url=server((400, {'error': {'message': 'too long', **mark}})).url)
    with pytest.raises(ContextFull):
        asyncio.run(engine.generate(ASKED, Sampling()))


@pytest.mark.parametrize('finish', [{'delta': 3}, {'delta': [1]}, {'delta': {'content': 7}}])
def test_replies_in_another_form_are_failures_of_the_engine(server: Any, finish: Any) -> None:
    engine = UrlEngine(base_url=server({'text': 'x', **finish}).url, attempts=1)

    async def go() -> None:
        try:
            await engine.generate(ASKED, Sampling())
        finally:
            await engine.aclose()

    with pytest.raises(EngineError):
        asyncio.run(go())


def test_an_address_where_nobody_is_is_named() -> None:
    engine = UrlEngine(base_url='http://127.0.0.1:9/v1', model='m', attempts=1)
    with pytest.raises(EngineError, match=r'127\.0\.0\.1:9/v1'):
        asyncio.run(engine.generate(ASKED, Sampling()))
