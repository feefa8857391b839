from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

import pytest

from swift_thyme import cli


def test_dry_run_prints_the_command_and_runs_nothing(
    model: Path, rows: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('os.execvp', lambda *_: pytest.fail('it ran'))
    assert cli.main(['sft', '--O3', 'true', '--model', str(model), '--dataset', str(rows), '--dry-run']) == 0
    assert 'swift sft \\\n    --model' in capsys.readouterr().out


def test_the_process_becomes_the_hosts_command(model: Path, rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def become(_: str, argv: list[str]) -> NoReturn:
        seen.append(argv)
        raise SystemExit

    monkeypatch.setattr('os.execvp', become)
    with pytest.raises(SystemExit):
        cli.main(['sft', '--O3', 'true', '--model', str(model), '--dataset', str(rows)])
    assert seen[0][:5] == ['env', sys.executable, '-m', 'swift.cli.main', 'sft']


def test_a_mistake_ends_with_two_and_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(['rlhf', '--model', '', '--dataset', 'x']) == 2
    assert capsys.readouterr().err.startswith('thyme rlhf: --model has no value')


@pytest.mark.parametrize('name', ['sft', 'rlhf', 'rollout'])
def test_help_tells_our_flags(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([name, '--help']) == 0
    assert '--global_batch_size' in capsys.readouterr().out


def test_a_question_reaches_the_question_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(['infer', '--model', 'm', '--question'])
    assert 'thyme infer: argument --question' in capsys.readouterr().err
