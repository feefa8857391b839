from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from swift_thyme import cli
from swift_thyme.doctor import cli as doctor_cli
from swift_thyme.doctor import machine
from swift_thyme.doctor.checks import check_judge, check_sandbox
from swift_thyme.doctor.finding import Finding, State
from swift_thyme.doctor.versions import MATRIX, check_versions
from swift_thyme.sandbox import ZygoteSandbox


def lookup(**changed: str | None) -> Callable[[str], str | None]:
    good: dict[str, str | None] = {tested.name: f'{tested.run_with[-1]}.1' for tested in MATRIX}
    return {**good, **{name.replace('_', '-'): got for name, got in changed.items()}}.get


def test_versions_of_the_matrix_are_well() -> None:
    assert check_versions(lookup()).state is State.OK


@pytest.mark.parametrize(
    ('changed', 'state', 'advice'),
    [
        ({'ms_swift': '4.7.0'}, State.FAILED, "pip install 'ms-swift>=4.6,<4.7'"),
        ({'transformers': '5.20.1'}, State.FAILED, 'pip install'),
        ({'torch': '99.0'}, State.WARNING, 'not tested'),
        ({'trl': None}, State.FAILED, 'pip install'),
        ({'vllm': None}, State.WARNING, 'swift-thyme[vllm]'),
        ({'deepspeed': '0.16.0'}, State.FAILED, 'pip install'),
        ({'vllm': 'main'}, State.WARNING, 'cannot be compared'),
    ],
)
def test_another_version_is_named_with_what_to_do(changed: dict[str, str | None], state: State, advice: str) -> None:
    finding = check_versions(lookup(**changed))
    assert finding.state is state
    assert any(advice in line for line in finding.details)


def test_the_matrix_agrees_with_setup() -> None:
    setup = (Path(__file__).parents[2] / 'setup.py').read_text()
    for tested in MATRIX:
        if f"'{tested.name}>=" in setup:
            assert f"'{tested.name}>={tested.at_least}" in setup


class Pool(ZygoteSandbox):
    """A backend of several machines, none of which is tried."""

    async def examine(self) -> dict[str, str]:
        return {'a': '', 'b': 'no Landlock'}

    def figures(self) -> dict[str, float]:
        return {'capacity': 8.0}


class Broken(Pool):
    async def examine(self) -> dict[str, str]:
        return {'a': 'no Landlock'}


@pytest.mark.parametrize(
    ('backend', 'state', 'said'),
    [
        (f'{__name__}:Pool', State.WARNING, 'b: no Landlock'),
        (f'{__name__}:Broken', State.FAILED, 'a: no Landlock'),
        (f'{__name__}:Absent', State.FAILED, 'cannot be loaded'),
    ],
)
def test_every_machine_of_another_sandbox_is_named(
    backend: str, state: State, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('THYME_SANDBOX', backend)
    finding = check_sandbox()
    assert finding.state is state and any(said in line for line in finding.details)


def test_judges_that_were_named_must_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv('REWARD_API_ADDRESS', '127.0.0.1')
    monkeypatch.setenv('QWEN_API_PORT', str(port))
    finding = check_judge()
    assert finding.state is State.FAILED and str(port) in finding.details[0]


def test_a_judge_that_answers_is_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from swift_thyme.demo.quickstart import judge

    with judge(tmp_path / 'log') as address:
        host, _, port = address.partition(':')
        monkeypatch.setenv('REWARD_API_ADDRESS', host)
        monkeypatch.setenv('QWEN_API_PORT', port)
        assert check_judge().state is State.OK


def test_a_taken_port_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(('0.0.0.0', 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv('MASTER_PORT', str(port))
        finding = machine.check_ports()
    assert finding.state is State.WARNING and str(port) in finding.text


def test_a_missing_memory_file_system_is_named(tmp_path: Path) -> None:
    finding = machine.check_shared_memory(tmp_path / 'shm')
    assert finding.state is State.WARNING and finding.details


def test_little_room_is_said_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, '_free_gib', lambda _: 1.0)
    assert machine.check_disk(tmp_path).state is machine.check_shared_memory(tmp_path).state is State.WARNING
    monkeypatch.setattr(machine, '_free_gib', lambda _: 1000.0)
    assert machine.check_disk(tmp_path).state is machine.check_shared_memory(tmp_path).state is State.OK


@pytest.mark.parametrize(('state', 'code'), [(State.OK, 0), (State.WARNING, 0), (State.FAILED, 1)])
def test_the_exit_code_is_one_only_for_a_failure(
    state: State, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor_cli, 'CHECKS', [lambda: Finding('it', state, 'is so', ('do that',))])
    assert cli.main(['doctor']) == code
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f'[{state.value}] it: is so', *([] if state is State.OK else ['    do that'])]


def test_the_whole_command_costs_three_seconds_of_cpu_at_most() -> None:
    code = (
        'import resource, swift_thyme.cli\n'
        'swift_thyme.cli.main(["doctor"])\n'
        'spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]\n'
        'print(sum(u.ru_utime + u.ru_stime for u in spent))'
    )

    def spent_s() -> float:
        return float(subprocess.check_output([sys.executable, '-c', code], text=True).splitlines()[-1])

    assert spent_s() <= 3 or spent_s() <= 3
