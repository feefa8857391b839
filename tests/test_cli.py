"""The entry point: what the user's and the machine's mistakes end in."""

from __future__ import annotations

import builtins
import sys
from pathlib import Path
from typing import Any
from urllib.request import proxy_bypass

import pytest

from swift_thyme import cli
from swift_thyme.env import reach_loopback_directly


@pytest.mark.parametrize(
    ('word', 'meant'), [('infr', 'infer'), ('sanbox', 'sandbox'), ('evaluate', 'eval'), ('zzz', 'thyme --help')]
)
def test_a_command_that_does_not_exist_names_the_nearest(
    word: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([word]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert repr(word) in line and meant in line


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2 and 'quickstart' in capsys.readouterr().out


@pytest.fixture
def blocked(tmp_path: Path) -> Path:
    """A file where a folder is wanted."""
    path = tmp_path / 'file'
    path.touch()
    return path


@pytest.mark.parametrize(
    'words',
    [
        ('synth', '--n', '1', '--task', 'compute', '--out', '{blocked}/x'),
        ('view', '{folder}', '--out', '{blocked}/page.html'),
        ('sandbox', '--output-dir', '{blocked}/x'),
        ('quickstart', '--out', '{blocked}/x'),
    ],
)
def test_what_the_machine_does_not_allow_is_said_in_one_line(
    words: tuple[str, ...], blocked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([word.format(blocked=blocked, folder=tmp_path) for word in words]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert error[-1].startswith(f'thyme {words[0]}: ') and len(error) <= 3


@pytest.mark.parametrize(
    ('module', 'words', 'extra'), [('pygments', ['view', 'x'], 'view'), ('starlette', ['serve'], 'serve')]
)
def test_a_missing_extra_is_named_with_its_pip_line(
    module: str, words: list[str], extra: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real: Any = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name.partition('.')[0] == module:
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)
        return real(name, *rest)

    for name in [n for n in sys.modules if n.partition('.')[0] == module or n.startswith('swift_thyme.' + words[0])]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, '__import__', absent)
    assert cli.main(words) == 2
    assert f"pip install -e '.[{extra}]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    'words', [('serve', '--port', '99999'), ('judge', '--rules', '--port', '-1'), ('demo', '--port', 'x')]
)
def test_a_port_that_cannot_be_is_refused(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 2 and '--port' in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    'words', [('infer', '--input', '{empty}', '--output', '{empty}.out', '--model', '{model}'), ('validate', '{empty}')]
)
def test_nothing_to_do_is_no_success(words: tuple[str, ...], tmp_path: Path) -> None:
    empty = tmp_path / 'empty.jsonl'
    empty.touch()
    assert cli.main([word.format(empty=empty, model=tmp_path) for word in words]) != 0


@pytest.mark.parametrize('host', ['localhost', '127.0.0.1', '::1'])
@pytest.mark.parametrize('variable', ['http_proxy', 'HTTP_PROXY', 'all_proxy'])
def test_a_loopback_address_is_never_reached_by_a_proxy(
    host: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ('no_proxy', 'NO_PROXY'):
        monkeypatch.setenv(name, 'inner.example')
    monkeypatch.setenv(variable, 'http://proxy.example:3128')
    reach_loopback_directly()
    assert proxy_bypass(host) and proxy_bypass('inner.example') and not proxy_bypass('other.example')
