"""A second run in the same folder: it goes on, or refuses."""

from __future__ import annotations

import json
import logging
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from swift_thyme.demo import quickstart_cli
from swift_thyme.demo.host_command import HostCommand
from swift_thyme.demo.host_command import run as host_run
from swift_thyme.demo.lessons import share_right
from swift_thyme.demo.quickstart import FINISHED, Quickstart
from swift_thyme.errors import ConfigError, ThymeError
from swift_thyme.infer import Thinker

STAGES = ['tiny checkpoint', 'data', 'SFT stage 1', 'SFT stage 2', 'GRPO-ATS', 'held-out questions']


class Stand(Quickstart):
    """The stages leave a mark instead of working; one of them fails."""

    fails = ''
    ran: list[str]

    def _stage(self, name: str, work: Any, *folders: Path) -> None:
        def mark() -> None:
            self.ran.append(name)
            for folder in folders:
                assert not folder.exists()
                folder.mkdir(parents=True)
            if name == self.fails:
                raise ThymeError('failed')

        super()._stage(name, mark, *folders)


def run(out: Path, fails: str = '') -> tuple[list[str], list[str]]:
    """Stages that ran, and what was said of those that were done before."""
    said: list[str] = []
    stand = Stand(out, lambda name, text: said.append(name) if text == 'done before' else None, lambda *_: None)
    stand.fails, stand.ran = fails, []
    if fails:
        with pytest.raises(ThymeError, match='failed'):
            stand.run()
    else:
        stand.run()
    return stand.ran, said


@pytest.fixture(autouse=True)
def no_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('swift_thyme.demo.summary.summarize', lambda out: {})


def test_a_second_run_begins_with_the_stage_that_was_not_finished(tmp_path: Path) -> None:
    assert run(tmp_path, fails='SFT stage 2') == (STAGES[:4], [])
    assert run(tmp_path) == (STAGES[3:], STAGES[:3])
    assert list(json.loads((tmp_path / 'summary.json').read_text())['seconds']) == STAGES


def test_a_finished_run_is_not_mixed_with_another(tmp_path: Path) -> None:
    run(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob('*') if path.is_file()}
    with pytest.raises(ConfigError, match='finished quickstart is there'):
        run(tmp_path)
    assert before == {path: path.read_bytes() for path in tmp_path.rglob('*') if path.is_file()}


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'mine').touch()
    with pytest.raises(ConfigError, match='did not write'):
        run(tmp_path)
    assert not (tmp_path / FINISHED).exists()


@pytest.mark.parametrize(('after', 'code'), [(0.5, 1), (0.95, 0)])
def test_a_run_that_improved_nothing_fails_and_says_so(
    after: float, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = {'held_out': {'sft-2': 0.4, 'grpo': after}}
    monkeypatch.setattr(Quickstart, 'run', lambda _: summary)
    monkeypatch.setattr('swift_thyme.demo.summary.render', lambda _: 'table')
    assert quickstart_cli.run(Namespace(out=tmp_path)) == code
    assert ('RL improved nothing' in capsys.readouterr().err) is bool(code)


def test_the_last_step_of_a_stage_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = "{'global_step/max_steps': '%d/2'}"
    script = ''.join(f'print("{line % step}");' for step in (1, 2, 2))
    for package in (tmp_path / 'swift', tmp_path / 'swift' / 'cli'):
        package.mkdir()
        (package / '__init__.py').touch()
    (package / 'sft.py').write_text(script)
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    steps: list[tuple[int, int]] = []
    host_run(HostCommand('sft', {}), log=tmp_path / 'log', env={}, on_progress=lambda *step: steps.append(step))
    assert steps == [(1, 2), (2, 2)]


def test_the_held_out_questions_are_asked_without_the_hosts_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def load(*args: Any, **options: Any) -> None:
        logging.getLogger('swift').warning('said by the host')
        raise ThymeError('loaded')

    monkeypatch.setattr(Thinker, 'load', load)
    with pytest.raises(ThymeError, match='loaded'):
        share_right(tmp_path, each=1)
    assert not caplog.records
