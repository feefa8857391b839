"""Harnesses: command lines, servers, answers as letters, scores read back; the real runners over a scripted policy."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from swift_thyme.cli import main
from swift_thyme.errors import ConfigError, ThymeError
from swift_thyme.evaluate import Condition
from swift_thyme.evaluate.harness import evalscope, vlmevalkit
from swift_thyme.evaluate.harness.command import HarnessRun, _data_sha256, begun, execute, model_arguments, require
from swift_thyme.evaluate.harness.server import is_ready, newly_sampled, served, served_card
from swift_thyme.evaluate.runner import EvalSettings
from swift_thyme.evaluate.session import Plan, describe_policy, evaluate
from swift_thyme.evaluate.sources import load
from swift_thyme.infer import InferSettings, Reply, Thinker
from swift_thyme.infer.options import add_model_arguments, add_sampling_arguments
from swift_thyme.rewards.rules.choice import letter_of
from swift_thyme.serve.replies import Replier
from swift_thyme.types import StopReason, Turn

from .harness_server import answers
from .scripted import ScriptedEngine

QUESTION = 'Colour?\n(A) red\n(B) deep blue\n(C) none of these\nAnswer with the letter.'
LAUNCHER = 'swift_thyme.evaluate.harness.vlmeval_launcher'
KIT = os.environ.get('THYME_HARNESS_PYTHON', '')
"""Interpreter that has ms-vlmeval and evalscope; they pin packages and are not in the development environment."""
LMMS = os.environ.get('THYME_LMMS_PYTHON', '')
"""Interpreter that has lmms-eval and this package."""


@pytest.mark.parametrize(
    ('answer', 'letter'),
    [('B', 'B'), ('(B) deep blue', 'B'), ('Deep blue.', 'B'), ('The answer is C', 'C'), ('red', 'A')],
)
def test_an_answer_that_takes_an_option_becomes_its_letter(answer: str, letter: str) -> None:
    assert letter_of(QUESTION, answer) == letter


@pytest.mark.parametrize('answer', ['B and C', 'I cannot tell', '', 'red or deep blue'])
def test_an_answer_that_takes_no_single_option_is_left_alone(answer: str) -> None:
    assert letter_of(QUESTION, answer) == answer


def test_an_answer_to_a_question_without_options_is_left_alone() -> None:
    assert letter_of('How many?', 'Four') == 'Four'


def test_the_server_answers_by_letter_only_when_it_is_told_to() -> None:
    text = '<think>Dark.</think><answer>Deep blue</answer>'
    reply = Reply((Turn(text),), StopReason.ANSWER, 'Deep blue')
    contents = [Replier('m', 'id', asked).whole(reply)['choices'][0]['message']['content'] for asked in (QUESTION, '')]
    assert contents == ['B', 'Deep blue']


def test_vlmevalkit_is_given_names_of_data_sets_and_stems_of_files(tmp_path: Path) -> None:
    run = HarnessRun('vlmevalkit', ('VStarBench', 'x/own.tsv'), tmp_path, name='m', concurrency=3)
    line = vlmevalkit.command(run, base_url='http://h/v1')
    text = ' '.join(line)
    assert '--data VStarBench own --model m' in text and '--base-url http://h/v1' in text
    assert '--judge exact_matching' in text and '--api-nproc 3' in text


def test_a_judge_of_the_user_replaces_exact_matching(tmp_path: Path) -> None:
    run = HarnessRun('vlmevalkit', ('X',), tmp_path, arguments=('--judge', 'gpt'))
    assert vlmevalkit.command(run, base_url='u').count('--judge') == 1


def test_in_process_runs_are_started_by_torchrun_with_the_model_as_values(tmp_path: Path) -> None:
    run = HarnessRun('vlmevalkit', ('X',), tmp_path)
    line = vlmevalkit.command_in_process(run, nproc=8, model={'model': 'm'})
    assert line[1:4] == ['-m', 'torch.distributed.run', '--nproc-per-node=8']
    assert json.loads(line[line.index('--thyme-model') + 1]) == {'model': 'm'}
    assert 'torch.distributed.run' not in vlmevalkit.command_in_process(run, nproc=1, model={})


def test_evalscope_is_given_folders_of_own_sets(tmp_path: Path) -> None:
    run = HarnessRun('evalscope', ('vstar_bench', f'general_vmcq={tmp_path}'), tmp_path)
    line = evalscope.command(run, base_url='u')
    names = line[line.index('--datasets') + 1 : line.index('--eval-batch-size')]
    assert names == ['vstar_bench', 'general_vmcq']
    local = json.loads(line[line.index('--dataset-args') + 1])
    assert local == {'general_vmcq': {'local_path': str(tmp_path), 'subset_list': ['default']}}


def test_the_server_gets_the_flags_the_user_gave() -> None:
    parser = argparse.ArgumentParser()
    add_model_arguments(parser)
    add_sampling_arguments(parser)
    given = ['--model', 'm', '--temperature', '0.5', '--fallback', '--engine-kwargs', '{"a": 1}']
    args = parser.parse_args(given)
    assert vars(parser.parse_args(model_arguments(args))) == vars(args)


def test_a_run_goes_on_only_with_the_same_weights_settings_data_and_flags(tmp_path: Path) -> None:
    data = tmp_path / 'own.tsv'
    data.write_text('index')
    policy = {'model': 'm', 'weights_sha256': 'a', 'settings': {'seed': 1}}

    def begin(run: HarnessRun, policy: dict[str, object]) -> None:
        with begun(run, policy, '1.0'):
            pass

    run = HarnessRun('vlmevalkit', (str(data),), tmp_path / 'out')
    begin(run, policy)
    begin(run, policy)
    others = [{**policy, 'weights_sha256': 'b'}, {**policy, 'settings': {'seed': 2}}, {'model': 'm'}]
    for other in others:
        with pytest.raises(ConfigError, match=r'name another|use another'):
            begin(run, other)
    with pytest.raises(ConfigError, match='arguments'):
        begin(replace(run, arguments=('--judge', 'gpt')), policy)
    data.write_text('changed')
    with pytest.raises(ConfigError, match='data'):
        begin(run, policy)


def test_a_tsv_files_hash_covers_the_pictures_that_it_names(tmp_path: Path) -> None:
    data = tmp_path / 'own.tsv'
    data.write_text("index\timage_path\tquestion\n1\tpictures/a.png\tq\n2\t['pictures/b.png', 'gone.png']\tq\n")
    (tmp_path / 'pictures').mkdir()
    hashes = set()
    for name in ('a.png', 'b.png', 'a.png'):
        (tmp_path / 'pictures' / name).write_bytes(str(len(hashes)).encode())
        hashes.add(_data_sha256(str(data)))
    assert len(hashes) == 3


def test_predictions_of_a_set_whose_name_goes_on_are_not_counted(tmp_path: Path) -> None:
    silent = json.dumps({'model_output': {'choices': [{'message': {'content': ' '}}]}})
    (tmp_path / 'predictions' / 'm').mkdir(parents=True)
    (tmp_path / 'reports' / 'm').mkdir(parents=True)
    for name, n in (('mmmu', 1), ('mmmu_pro', 3)):
        (tmp_path / 'predictions' / 'm' / f'{name}_Art.jsonl').write_text(f'{silent}\n' * n)
        report = {'dataset_name': name, 'metrics': [{'name': 'acc', 'score': 0, 'num': 3}]}
        (tmp_path / 'reports' / 'm' / f'{name}.json').write_text(json.dumps(report))
    assert [(s.data, s.not_answered) for s in evalscope.read_scores(tmp_path)] == [('mmmu', 1), ('mmmu_pro', 3)]


def test_the_harness_own_server_asks_for_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('THYME_API_KEY', 's3cret')
    keys: list[str] = []

    def start(command: list[str], *, env: dict[str, str], **options: object) -> None:
        keys.append(env['THYME_API_KEY'])
        raise OSError('enough')

    monkeypatch.setattr(subprocess, 'Popen', start)
    with pytest.raises(OSError, match='enough'), served([], tmp_path / 'serve.log'):
        pass
    assert keys == ['']


def test_what_reached_the_engine_is_counted_from_two_cards() -> None:
    before = {'sampled': [{'temperature': 0.0, 'requests': 3}, {'temperature': 0.7, 'requests': 1}]}
    after = {'sampled': [{'temperature': 0.0, 'requests': 5}, {'temperature': 0.7, 'requests': 1}]}
    assert newly_sampled(before, after) == [{'temperature': 0.0, 'requests': 2}]
    assert newly_sampled({}, {}) == []


def test_a_harness_that_is_not_installed_says_how_to_install_it() -> None:
    with pytest.raises(ConfigError, match='ENV/bin/pip install no-such-harness'):
        require(sys.executable, 'no-such-harness')


def test_a_harness_that_fails_shows_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(ThymeError, match=r'code 3.*(?s:.)*the cause'):
        execute([sys.executable, '-c', 'print("the cause"); raise SystemExit(3)'], tmp_path / 'log')


def test_a_server_that_does_not_start_names_its_log(tmp_path: Path) -> None:
    with pytest.raises(ThymeError, match=r'serve\.log'), served(['--backend', 'nothing'], tmp_path / 'serve.log'):
        pass
    assert 'invalid choice' in (tmp_path / 'serve.log').read_text()


@pytest.fixture
def listing() -> Iterator[str]:
    """A server that lists one model and is healthy."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in ('/v1/models', '/v1/models/m', '/ready') else 404)
            self.end_headers()
            self.wfile.write(b'{"id": "m", "data": [{"id": "m"}]}')

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(('127.0.0.1', 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f'http://127.0.0.1:{server.server_port}'
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_running_server_tells_its_model(listing: str) -> None:
    assert is_ready(listing) and served_card(f'{listing}/v1')['id'] == 'm'
    assert not is_ready(f'{listing}/nothing')


def test_no_server_is_an_error_that_names_the_address() -> None:
    with pytest.raises(ThymeError, match=r'127\.0\.0\.1:9'):
        served_card('http://127.0.0.1:9/v1')


def test_a_suite_needs_data_and_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['eval', '--suite', 'vlmevalkit', '--model', 'm']) == 2
    assert '--data' in capsys.readouterr().err


@pytest.fixture(scope='session')
def harness_server(synth_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server over a scripted policy that knows the first seven of the twelve items."""
    process = subprocess.Popen(
        [sys.executable, '-m', 'tests.evaluate.harness_server', str(synth_set), '7'],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    with process.stdout as lines:
        yield lines.readline().split()[-1]
        process.terminate()
    process.wait()


def test_our_own_evaluation_gives_the_score_the_policy_was_built_with(synth_set: Path, tmp_path: Path) -> None:
    items = load(synth_set, tmp_path / 'inputs')
    plan = Plan(items, ['set'], EvalSettings(), describe_policy('scripted', InferSettings()))
    summary, _ = evaluate(plan, Thinker(ScriptedEngine(answers(items, 7))), tmp_path / 'run')
    line = summary.overall(Condition.TOOLS)
    assert (line.right, line.wrong, line.undecided) == (7, 5, 0)


@pytest.mark.slow
@pytest.mark.skipif(not KIT, reason='THYME_HARNESS_PYTHON names no interpreter that has ms-vlmeval and evalscope')
@pytest.mark.parametrize('suite', ['vlmevalkit', 'evalscope'])
def test_the_real_runner_gives_the_score_the_policy_was_built_with(
    suite: str, synth_set: Path, harness_server: str, tmp_path: Path
) -> None:
    own = synth_set / 'vlmevalkit' / 'thyme_synth_choice.tsv'
    data = str(own) if suite == 'vlmevalkit' else f'general_vmcq={synth_set / "evalscope" / "choice"}'
    argv = ['eval', '--suite', suite, '--data', data, '--base-url', harness_server, '--harness-python', KIT]
    assert main([*argv, '--out', str(tmp_path / 'out')]) == 0
    report = json.loads((tmp_path / 'out' / 'report.json').read_text())
    assert [score['value'] for score in report['scores']] == [pytest.approx(7 / 12, abs=1e-3)]
    assert report['version'] and report['scores'][0]['answers'] == 12


@pytest.mark.slow
@pytest.mark.skipif(not KIT, reason='THYME_HARNESS_PYTHON names no interpreter that has ms-vlmeval and this package')
@pytest.mark.parametrize('nproc', [1, 2])
def test_any_number_of_processes_gives_the_score_the_policy_was_built_with(
    nproc: int, synth_set: Path, tmp_path: Path
) -> None:
    own = synth_set / 'vlmevalkit' / 'thyme_synth_choice.tsv'
    run = HarnessRun('vlmevalkit', (str(own),), tmp_path / 'out', python=KIT)
    model = {'folder': str(synth_set), 'known': 7, 'inputs': str(tmp_path / 'inputs')}
    line = vlmevalkit.command_in_process(run, nproc=nproc, model=model)
    scripted = [word.replace(LAUNCHER, 'tests.evaluate.vlmeval_driver') for word in line]
    (score,) = vlmevalkit.run_command(run, scripted)
    assert (score.value, score.answers, score.failed) == (pytest.approx(7 / 12, abs=1e-3), 12, 0)


@pytest.mark.slow
@pytest.mark.skipif(not LMMS, reason='THYME_LMMS_PYTHON names no interpreter that has lmms-eval and this package')
def test_lmms_eval_finds_the_model_and_gives_the_score_it_was_built_with(synth_set: Path, tmp_path: Path) -> None:
    command = [LMMS, '-m', 'tests.evaluate.lmms_driver', str(synth_set), '7', str(tmp_path)]
    env = {**os.environ, 'PYTHONPATH': '.', 'HF_HUB_OFFLINE': '1', 'HF_HOME': str(tmp_path / 'home')}
    subprocess.run(command, cwd=Path(__file__).parents[2], env=env, check=True)
    (path,) = (tmp_path / 'results').rglob('*_results.json')
    found = json.loads(path.read_text())['results']['thyme_local']
    assert found['exact_match,none'] == pytest.approx(7 / 12, abs=1e-3)


@pytest.mark.slow
@pytest.mark.skipif(not KIT, reason='THYME_HARNESS_PYTHON names no interpreter that has ms-vlmeval and evalscope')
def test_mme_realworlds_own_scorer_reads_reduced_answers_right() -> None:
    """It takes the first capital from A to E: of `Deep blue` none, of `Black` the B."""
    code = """
import json, sys
from vlmeval.dataset.utils.multiple_choice import extract_characters_regex
from vlmeval.utils import can_infer
answers = json.load(sys.stdin)
assert can_infer('no answer', {'A': 'red', 'B': 'green'}) is False
print(json.dumps([extract_characters_regex(answer) for answer in answers]))
"""
    question = (
        'Colour?\n(A) Red\n(B) Green\n(C) Black\n(D) Cyan\n(E) This image does not feature the colour.\nThe answer is:'
    )
    given = ['C', '(C) Black', 'Black', 'Cyan', 'E. This image does not feature the colour.', 'Red']
    reduced = [letter_of(question, answer) for answer in given]

    def extracted(answers: list[str]) -> list[str]:
        done = subprocess.run([KIT, '-c', code], input=json.dumps(answers), capture_output=True, text=True, check=True)
        return list(json.loads(done.stdout.splitlines()[-1]))

    assert extracted(reduced) == ['C', 'C', 'C', 'D', 'E', 'A']
    assert extracted(given) != extracted(reduced)
    assert extracted([vlmevalkit.NO_ANSWER]) == ['']
