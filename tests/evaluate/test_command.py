"""`thyme eval` and `thyme audit` as commands."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path

import pytest

from swift_thyme.cli import main
from swift_thyme.evaluate.cli import add_arguments, refuse_without_effect
from swift_thyme.evaluate.options import judge_settings
from swift_thyme.evaluate.sources import load
from swift_thyme.infer import Thinker

from .harness_server import answers
from .scripted import ScriptedEngine


@pytest.fixture
def scripted(synth_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedEngine]:
    """The model that any `--model` names: it knows the first seven of the twelve items."""
    engine = ScriptedEngine(answers(load(synth_set, tmp_path), 7))
    monkeypatch.setattr('swift_thyme.evaluate.options.thinker_from', lambda args: Thinker(engine))
    monkeypatch.setattr('swift_thyme.evaluate.options.resolve_model', lambda args: None)
    yield engine


def test_eval_prints_the_score_and_exits_0(
    synth_set: Path, tmp_path: Path, scripted: ScriptedEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / 'run'
    assert main(['eval', '--model', 'm', '--data', str(synth_set), '--out', str(out), '--baseline']) == 0
    for kind in ('md', 'html'):
        assert 'can be read without a tool' in (out / f'report.{kind}').read_text()
    printed = capsys.readouterr().out
    assert 'tools on: 58.3 [' in printed and 'tools on minus tools off: +0.0 [' in printed
    assert printed.splitlines()[-1] == str(out / 'report.html')


def test_another_model_behind_the_same_address_does_not_go_on_with_a_run(
    synth_set: Path,
    tmp_path: Path,
    scripted: ScriptedEngine,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = ['eval', '--url', 'http://127.0.0.1:1/v1', '--data', str(synth_set), '--out', str(tmp_path / 'run')]
    for name, code in (('one', 0), ('one', 0), ('other', 2)):
        monkeypatch.setattr(scripted, 'stated', lambda name=name: {'id': name})
        assert main(line) == code
    assert 'policy.served.id: "one" before, "other" now' in capsys.readouterr().err


def test_a_set_is_made_when_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def knowing(args: object) -> Thinker:
        return Thinker(ScriptedEngine(lambda c: '<answer>A</answer>'))

    monkeypatch.setattr('swift_thyme.evaluate.options.thinker_from', knowing)
    monkeypatch.setattr('swift_thyme.evaluate.options.resolve_model', lambda args: None)
    out = tmp_path / 'run'
    assert main(['eval', '--model', 'm', '--n', '3', '--canvas', '1k', '--out', str(out)]) == 0
    assert (out / 'data' / 'contact_sheet.html').is_file()
    assert len((out / 'trajectories.jsonl').read_text().splitlines()) == 3


def test_failed_attempts_exit_1(synth_set: Path, tmp_path: Path, scripted: ScriptedEngine) -> None:
    scripted.fail_on = lambda conversation: True
    argv = ['eval', '--model', 'm', '--data', str(synth_set), '--out', str(tmp_path / 'run')]
    assert main(argv) == 1
    scripted.fail_on = lambda conversation: False
    assert main(argv) == 0


def test_rescore_grades_again_from_the_saved_trajectories(
    synth_set: Path, tmp_path: Path, scripted: ScriptedEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / 'run'
    main(['eval', '--model', 'm', '--data', str(synth_set), '--out', str(out)])
    asked = len(scripted.asked)
    assert main(['eval', '--rescore', str(out)]) == 0
    assert len(scripted.asked) == asked
    assert 'tools on: 58.3 [' in capsys.readouterr().out.splitlines()[-2]
    assert (out / 'rescored' / 'report.html').is_file()


def test_several_sets_keep_their_items_apart(synth_set: Path, tmp_path: Path, scripted: ScriptedEngine) -> None:
    tsv = synth_set / 'vlmevalkit' / 'thyme_synth_choice.tsv'
    out = tmp_path / 'run'
    assert main(['eval', '--model', 'm', '--data', str(synth_set), str(tsv), '--out', str(out), '--limit', '15']) == 0
    ids = [json.loads(line)['item_id'] for line in (out / 'trajectories.jsonl').read_text().splitlines()]
    assert len(set(ids)) == 15 and {i.split('/')[0] for i in ids} == {'set', 'thyme_synth_choice'}


def test_a_row_that_cannot_be_used_is_told_wherever_the_score_is(
    synth_set: Path, tmp_path: Path, scripted: ScriptedEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = tmp_path / 'set.jsonl', tmp_path / 'run'
    lines = (synth_set / 'rows.jsonl').read_text().splitlines()
    data.write_text('\n'.join([lines[0], '{"question": "no truth?"}', lines[1]]))
    assert main(['eval', '--model', 'm', '--data', str(data), '--out', str(out), '--strict']) == 2
    assert main(['eval', '--model', 'm', '--data', str(data), '--out', str(out)]) == 0
    assert '1 rows of the set could not be used' in capsys.readouterr().out
    for name in ('report.md', 'report.html'):
        assert '1 rows of the set could not be used and were not asked' in (out / name).read_text()
    assert f'{data}:2' in (out / 'left_out.txt').read_text()
    assert json.loads((out / 'report.json').read_text())['settings']['rows_left_out'] == 1


@pytest.mark.parametrize('argv', [['--model', 'm'], ['--out', 'x'], ['--out', 'x', '--model', 'm', '--judge', '::']])
def test_what_is_missing_or_wrong_exits_2(
    argv: list[str], synth_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(['eval', '--data', str(synth_set), '--template', 'none', *argv]) == 2


def test_a_judge_is_asked_only_when_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('REWARD_API_ADDRESS', 'env.example')
    assert judge_settings(None) is None
    found, named = judge_settings(''), judge_settings('http://other:81/v1')
    assert found is not None and found.addresses == ('http://env.example:8080/v1',)
    assert named is not None and named.addresses == ('http://other:81/v1',)


def test_audit_prints_the_shares_and_writes_the_page(
    synth_set: Path, tmp_path: Path, scripted: ScriptedEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / 'run'
    assert main(['audit', '--model', 'm', '--data', str(synth_set), '--limit', '4', '--out', str(out)]) == 0
    assert 'solved only with the tool: 0.0 [' in capsys.readouterr().out
    assert (out / 'audit.html').is_file() and (out / 'report.html').is_file()
    assert main(['audit', '--rescore', str(out)]) == 0
    assert (out / 'rescored' / 'audit.json').is_file()


KIT = ['--suite', 'vlmevalkit', '--data', 'd', '--out', 'o']
URL = [*KIT, '--base-url', 'http://127.0.0.1:9/v1']


@pytest.mark.parametrize(
    ('argv', 'flag'),
    [
        ([*KIT, '--baseline'], '--baseline'),
        ([*KIT, '--repeats', '3'], '--repeats'),
        ([*KIT, '--judge', 'http://127.0.0.1:9/v1'], '--judge'),
        ([*KIT, '--no-shuffle'], '--no-shuffle'),
        ([*KIT, '--n', '7'], '--n'),
        ([*KIT, '--temperature', '0.7'], '--temperature'),
        ([*KIT, '--seed', '9'], '--seed'),
        ([*KIT, '--nproc', '2', '--concurrency', '3'], '--concurrency'),
        ([*URL, '--model', 'm'], '--model'),
        ([*URL, '--max-rounds', '3'], '--max-rounds'),
        ([*URL, '--nproc', '2'], '--nproc'),
        (['--suite', 'evalscope', '--nproc', '2'], '--nproc'),
        (['--data', 'd', '--nproc', '2'], '--nproc'),
        (['--data', 'd', '--base-url', 'http://127.0.0.1:9/v1'], '--base-url'),
        (['--data', 'd', '--n', '7'], '--n'),
        (['--baseline', '--no-tools'], '--no-tools'),
        (['--rescore', 'd', '--baseline'], '--baseline'),
        (['--rescore', 'd', '--model', 'm'], '--model'),
        (['--rescore', 'd', '--suite', 'vlmevalkit'], '--suite'),
    ],
)
def test_a_flag_without_effect_is_refused(argv: list[str], flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['eval', *argv]) == 2
    assert f'{flag} has no effect with ' in capsys.readouterr().err


def test_flags_that_reach_the_model_are_not_refused() -> None:
    parser = ArgumentParser()
    add_arguments(parser)
    in_process = [*KIT, '--nproc', '2', '--temperature', '0.7', '--seed', '9', '--model', 'm']
    for argv in (in_process, [*KIT, '--model', 'm', '--max-rounds', '3'], ['--baseline', '--repeats', '3']):
        refuse_without_effect(parser.parse_args(argv))
