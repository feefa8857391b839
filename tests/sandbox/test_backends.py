"""The choice of a backend, and the third one of docs/extend.md, which a service of this test stands behind."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from swift_thyme import cli
from swift_thyme.config import SandboxSettings
from swift_thyme.errors import ConfigError, SandboxUnavailable, SessionDead
from swift_thyme.host.state import RunState
from swift_thyme.sandbox import (
    BlockingSandbox,
    InputImage,
    Limits,
    ZygoteSandbox,
    backends,
    make_sandbox,
    shared_sandbox,
    try_snippet,
)
from swift_thyme.sandbox.conformance import CASES, Case, World, run_cases, table
from tests.test_docs import write_examples

SOME_CASES = [case for i, case in enumerate(CASES) if i % 25 == 0]


class Stub(ZygoteSandbox):
    """What a setting names here."""


@pytest.fixture(autouse=True)
def no_sandbox_is_shared(monkeypatch):
    monkeypatch.setattr(backends, '_shared', [])


def test_the_local_backend_is_the_default(monkeypatch):
    monkeypatch.delenv('THYME_SANDBOX', raising=False)
    assert type(make_sandbox()) is ZygoteSandbox


def test_one_setting_chooses_for_training_inference_evaluation_and_scripts(monkeypatch):
    from swift_thyme.infer import Thinker

    monkeypatch.setenv('THYME_SANDBOX', f'{__name__}:Stub')
    shared = shared_sandbox()
    assert type(shared) is Stub and shared_sandbox() is shared
    assert RunState().sandbox._inner is shared
    assert Thinker(engine=None).sandbox is shared
    with BlockingSandbox() as blocking:
        assert type(blocking.sandbox) is Stub


def test_a_package_names_its_backend_by_an_entry_point(monkeypatch, tmp_path):
    described = tmp_path / 'other-1.0.dist-info'
    described.mkdir()
    (described / 'METADATA').write_text('Metadata-Version: 2.1\nName: other\nVersion: 1.0\n')
    (described / 'entry_points.txt').write_text(f'[{backends.GROUP}]\nother = {__name__}:Stub\n')
    monkeypatch.syspath_prepend(tmp_path)
    assert type(make_sandbox(SandboxSettings(backend='other'))) is Stub
    with pytest.raises(ConfigError, match=r"'nothing'.*local, other, ray"):
        make_sandbox(SandboxSettings(backend='nothing'))


@pytest.mark.parametrize(
    ('name', 'said'),
    [
        ('docker', 'THYME_SANDBOX must name a backend.*local'),
        ('no_such_module:Sandbox', "'no_such_module:Sandbox' cannot be loaded.*no_such_module"),
        (f'{__name__}:Absent', 'Absent'),
        ('swift_thyme.sandbox:Limits.of', 'makes a Limits'),
    ],
)
def test_what_cannot_be_a_backend_is_said(name, said):
    with pytest.raises(ConfigError, match=said):
        make_sandbox(SandboxSettings(backend=name))


def test_a_missing_extra_is_said_with_what_to_install(monkeypatch):
    monkeypatch.setitem(backends.BUILT_IN, 'ray', 'no_such_ray:RaySandbox')
    with pytest.raises(ConfigError, match=r'swift-thyme\[ray\]'):
        make_sandbox(SandboxSettings(backend='ray'))


def test_where_code_runs_is_no_part_of_what_a_policy_is(monkeypatch):
    from swift_thyme.infer.describe import describe_policy
    from swift_thyme.infer.thinker import InferSettings

    before = describe_policy('m', InferSettings())
    monkeypatch.setenv('THYME_SANDBOX', 'ray')
    assert describe_policy('m', InferSettings()) == before


def test_the_suite_of_a_backend_is_a_command(monkeypatch, capsys):
    some = (Case('fine', "print('x')", shows='x'), Case('broken', "print('x')", shows='y'))
    monkeypatch.setattr('swift_thyme.sandbox.conformance.CASES', some)
    monkeypatch.setattr('swift_thyme.sandbox.conformance.run.GROUPS', {'both': some})
    monkeypatch.setenv('THYME_SANDBOX_ALLOW_TIER_B', '1')
    assert cli.main(['sandbox', '--conformance', '--backend', f'{__name__}:Stub']) == 1
    header, both, total, problem = capsys.readouterr().out.splitlines()
    assert header.split() == ['group', 'cases', 'passed', 'when', 'repeated', 'failed']
    assert both.split() == ['both', '2', '1', '0', '1'] and total.split() == ['all', '2', '1', '0', '1']
    assert problem.startswith("broken: expected 'y' in the text")


class Service(BaseHTTPRequestHandler):
    """Code runs in the local sandbox of the server's process."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers['content-length'])))
        _, _, *rest = self.path.split('/')
        try:
            self._reply(self._run(rest[0], asked) if rest else self._open(asked))
        except KeyError:
            self.send_error(404)
        except SandboxUnavailable:
            self.send_error(503)

    def do_DELETE(self) -> None:
        session = self.server.sessions.pop(self.path.split('/')[2], None)
        if session is not None:
            session.close()
        self._reply({})

    def _open(self, asked: dict[str, Any]) -> dict[str, Any]:
        if self.server.down:
            raise SandboxUnavailable('down')
        images = [InputImage(base64.b64decode(p.pop('content')), **p) for p in asked['pictures']]
        session = self.server.sandbox.open(images, limits=Limits(**asked['limits']))
        self.server.sessions[str(id(session))] = session
        return {'session': str(id(session))}

    def _run(self, ident: str, asked: dict[str, Any]) -> dict[str, Any]:
        result = self.server.sessions[ident].run(asked['code'], timeout_s=asked['timeout_s'])
        pictures = [base64.b64encode(Path(image.path).read_bytes()).decode() for image in result.images]
        return {'result': dataclasses.asdict(result), 'pictures': pictures}

    def _reply(self, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header('content-length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is said."""


@contextmanager
def service(sandbox: ZygoteSandbox) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(('127.0.0.1', 0), Service)
    server.sandbox, server.sessions, server.down = BlockingSandbox(sandbox), {}, False
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def http_sandbox(sandbox, monkeypatch, tmp_path):
    """The example of the page, and the service behind it."""
    write_examples('extend.md', tmp_path)
    assert len((tmp_path / 'my_sandbox.py').read_text().splitlines()) <= 100
    monkeypatch.syspath_prepend(tmp_path)
    with service(sandbox) as server:
        monkeypatch.setenv('MY_SANDBOX_URL', f'http://127.0.0.1:{server.server_port}')
        yield make_sandbox(SandboxSettings(backend='my_sandbox:HttpSandbox')), server


def test_the_example_of_the_page_passes_the_suite(http_sandbox, tmp_path_factory):
    made, _ = http_sandbox
    with World(tmp_path_factory.mktemp('world')) as world:
        verdicts = asyncio.run(run_cases(SOME_CASES, made, world))
    assert not any(verdict.problems for verdict in verdicts.values()), table(verdicts)


def test_what_the_service_fails_at_is_the_machinerys(http_sandbox):
    made, server = http_sandbox

    async def both():
        session = await made.open()
        await session.close()
        with pytest.raises(SessionDead):
            await session.run('print(1)')
        server.down = True
        with pytest.raises(SandboxUnavailable):
            await try_snippet(made)

    asyncio.run(both())
