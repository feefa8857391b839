"""`thyme infer` as a person or a script calls it."""

from __future__ import annotations

import argparse
import json
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from swift_thyme.agent import is_repetitive
from swift_thyme.cli import main
from swift_thyme.errors import ConfigError
from swift_thyme.infer import Thinker
from swift_thyme.infer.options import add_model_arguments, add_sampling_arguments, settings_from, thinker_from
from swift_thyme.infer.terminal import Painter

from .scripts import ANSWER, CROP, SIZE, lent


@pytest.fixture
def loaded(thinker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """`thyme infer` finds the scripted model loaded already."""
    monkeypatch.setattr('swift_thyme.infer.cli.thinker_from', lambda args: lent(thinker))
    monkeypatch.setattr('swift_thyme.infer.cli.resolve_model', lambda args: None)


def test_text_code_and_results_are_shown_without_colours(
    loaded: None, scripted: Any, picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted([CROP, ANSWER])
    code = main(['infer', '--image', str(picture), '--question', 'Which?', '--save', str(tmp_path / 'kept')])
    shown = capsys.readouterr().out
    assert code == 0 and '[answer] answer: B' in shown and '\x1b' not in shown
    assert f'<sandbox_output>\n[112x84 {tmp_path}/kept/images/' in shown
    record = json.loads((tmp_path / 'kept' / 'trajectory.json').read_text())
    assert record['answer'] == 'B' and Path(record['turns'][0]['images'][0]).is_file()


def test_json_is_all_that_is_printed_and_no_answer_is_exit_code_1(
    loaded: None, scripted: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted(['Only words.'])
    code = main(['infer', '--question', 'Which?', '--json'])
    record = json.loads(capsys.readouterr().out)
    assert (code, record['answer'], record['stop_reason'], record['attempts']) == (1, None, 'end_of_turn', 1)


def test_wrong_arguments_are_exit_code_2(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for argv in (
        ['--question', 'x'],
        ['--image', str(picture)],
        ['--question', 'x', '--image', '/nowhere.jpg', '--model', 'm'],
        ['--input', 'x.jsonl'],
        ['--question', 'x', '--model', 'm', '--max-rounds', '0'],
        ['--question', 'x', '--model', 'm', '--backend', 'url'],
    ):
        assert main(['infer', *argv]) == 2, argv
    assert 'Traceback' not in capsys.readouterr().err


def test_without_a_question_an_example_is_drawn(
    loaded: None, scripted: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted([SIZE, ANSWER])
    assert main(['infer']) == 0
    printed = capsys.readouterr()
    assert 'the right answer is' in printed.err and 'size (2048' in printed.out


def test_a_batch_says_what_it_did(
    loaded: None, scripted: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted([ANSWER])
    (tmp_path / 'in.jsonl').write_text('{"question": "a"}\n{"question": "b"}\n')
    argv = ['infer', '--input', str(tmp_path / 'in.jsonl'), '--output', str(tmp_path / 'out.jsonl')]
    assert main(argv) == 0
    assert '2 rows: 0 kept, 2 answered' in capsys.readouterr().err


def test_what_a_model_writes_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    import sys

    from swift_thyme.infer import TextDelta
    from swift_thyme.types import SegmentKind

    Painter(sys.stdout, colours=True)(TextDelta('\x1b[2Jx\r\n', SegmentKind.CODE))
    assert capsys.readouterr().out == '\x1b[36m[2Jx\n\x1b[0m'


@pytest.mark.parametrize('flags', [[], ['--verbose']])
def test_what_libraries_say_while_a_model_is_loaded_is_shown_when_asked_for(
    flags: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def load(*args: Any, **options: Any) -> None:
        warnings.warn('deprecated somewhere', FutureWarning, stacklevel=2)
        raise RuntimeError('deep inside')

    monkeypatch.setattr(Thinker, 'load', load)
    parser = argparse.ArgumentParser()
    add_model_arguments(parser)
    add_sampling_arguments(parser)
    with pytest.raises(ConfigError, match='deep inside'), warnings.catch_warnings(record=True) as warned:
        thinker_from(parser.parse_args(['--url', 'http://127.0.0.1:9/v1', *flags]))
    assert ('Traceback' in caplog.text) == bool(warned) == bool(flags)


@pytest.mark.parametrize(
    ('name', 'value', 'ends'),
    [
        ('THYME_REPETITION_RULE', 'paper', True),
        ('THYME_REPETITION_RULE', 'off', False),
        ('THYME_REPETITION_SHARE', '0.99', False),
    ],
)
def test_what_counts_as_repetition_is_what_counts_in_training(
    name: str, value: str, ends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    parser = argparse.ArgumentParser()
    add_sampling_arguments(parser)
    assert is_repetitive('so on, ' * 80, settings_from(parser.parse_args([])).agent) is ends


@pytest.mark.parametrize('key', ['', 's3cret'])
def test_the_servers_key_is_read_from_the_variable(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str | None] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers['authorization'])
            self.send_error(503)

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            pass

    monkeypatch.setenv('THYME_URL_API_KEY', key)
    parser = argparse.ArgumentParser()
    add_model_arguments(parser)
    add_sampling_arguments(parser)
    with ThreadingHTTPServer(('127.0.0.1', 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f'http://127.0.0.1:{server.server_port}/v1'
        flags = ['--url', url, '--model', 'm', '--engine-kwargs', '{"attempts": 1}']
        thinker_from(parser.parse_args(flags)).ask('Which?')
        server.shutdown()
    assert set(asked) == {f'Bearer {key}' if key else None}
