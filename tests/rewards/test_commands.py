"""`thyme judge`, `thyme score` and `thyme rescore`, as processes or with their real input."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from swift_thyme.cli import main
from swift_thyme.rewards.judge.check import known_pairs
from swift_thyme.rewards.judge.launch import Launch, command
from swift_thyme.rewards.judge.rules_server import MODEL, RulesServer
from swift_thyme.rewards.prompts import Task, fill

from .test_rules import gold


@pytest.fixture
def rules_judge(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """An embedded judge that the environment points to."""
    with RulesServer('127.0.0.1', 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv('REWARD_API_ADDRESS', '127.0.0.1')
        monkeypatch.setenv('QWEN_API_PORT', str(server.server_port))
        monkeypatch.setenv('THYME_JUDGE_CACHE', str(tmp_path / 'cache'))
        yield f'http://127.0.0.1:{server.server_port}/v1'
        server.shutdown()


def post(url: str, body: Any) -> tuple[int, Any]:
    request = urllib.request.Request(f'{url}/chat/completions', json.dumps(body).encode(), method='POST')
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def prompt(answer: str) -> list[dict[str, str]]:
    data = {'question': 'Q?\nA. x\nB. y', 'reference_answer': 'B', 'generated_answer': answer}
    return [{'role': 'user', 'content': fill(Task.CORRECTNESS, data)}]


@pytest.mark.parametrize(('answer', 'score', 'decided'), [('B', 1, True), ('A', 0, True), ('hm, y-ish', 0, False)])
def test_rules_judge_says_that_it_knows_rules_only(rules_judge: str, answer: str, score: int, decided: bool) -> None:
    status, data = post(rules_judge, {'messages': prompt(answer)})
    verdict = json.loads(data['choices'][0]['message']['content'])
    assert status == 200
    assert verdict['Correctness'] == score
    assert verdict['rules_only'] is True
    assert verdict['decided'] is decided


def test_rules_judge_refuses_what_it_cannot_rule_on(rules_judge: str) -> None:
    assert post(rules_judge, {'messages': [{'role': 'user', 'content': 'Hello?'}]})[0] == 400
    assert post(rules_judge, {'messages': [{'role': 'user', 'content': fill(Task.CODE, {'code': 'x'})}]})[0] == 400
    assert post(rules_judge, {'nothing': 1})[0] == 400


def test_rules_judge_command_prints_its_free_port() -> None:
    process = subprocess.Popen(
        [sys.executable, '-m', 'swift_thyme.cli', 'judge', '--rules', '--port', '0'], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        found = re.search(r'http://127\.0\.0\.1:(\d+)/v1', process.stdout.readline())
        assert found
        with urllib.request.urlopen(found.group() + '/models', timeout=20) as reply:
            assert json.load(reply)['data'][0]['id'] == MODEL
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_check_reports_agreement_and_latency(rules_judge: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['judge', 'check']) == 0
    line = capsys.readouterr().out.splitlines()[0]
    assert re.search(
        r'model thyme-rules-[0-9a-f]{8}, 18/18 answered, agreement \d+/18, latency p50 \d+ ms, p99 \d+ ms', line
    )


def test_check_fails_for_an_address_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv('REWARD_API_ADDRESS', '127.0.0.1')
    monkeypatch.setenv('QWEN_API_PORT', '9')
    assert main(['judge', 'check', '--wait', '0.2']) == 1
    assert 'no verdict on any of 18 known pairs' in capsys.readouterr().out


def test_known_pairs_hold_both_verdicts_for_each_task() -> None:
    seen = {(pair.question.task, pair.score) for pair in known_pairs()}
    assert seen == {(t, s) for t in (Task.CORRECTNESS, Task.CONSISTENCY) for s in (0, 1)}


def test_nothing_to_serve_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['judge']) == 2
    assert '--model' in capsys.readouterr().err


def test_model_server_command_names_model_and_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('swift_thyme.rewards.judge.launch.shutil.which', lambda name: f'/bin/{name}')
    monkeypatch.setattr('swift_thyme.rewards.judge.launch.importlib.util.find_spec', lambda name: object())
    words = command(Launch('some/model', port=8001, gpus=4, extra=('--quantization', 'awq')))
    assert words[:3] == ['vllm', 'serve', 'some/model']
    assert words[words.index('--port') + 1] == '8001'
    assert words[words.index('--tensor-parallel-size') + 1] == '4'
    assert words[-2:] == ['--quantization', 'awq']


def score(
    rows: list[dict[str, Any]], *flags: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> list[dict[str, Any]]:
    import io

    monkeypatch.setattr('sys.stdin', io.StringIO(''.join(json.dumps(r) + '\n' for r in rows)))
    assert main(['score', *flags]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_score_by_rules_gives_the_gold_verdicts(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    rows = gold('answers_dev.jsonl')[:60]
    completions = [f'<think>x</think>\n<answer>{r["answer"]}</answer>' for r in rows]
    lines = [
        {'question': r['question'], 'solution': r['solution'], 'completion': c}
        for r, c in zip(rows, completions, strict=True)
    ]
    found = score(lines, '--rules-only', monkeypatch=monkeypatch, capsys=capsys)
    assert all(f['rule'] in (r.get('rule_ok') or [r['rule']]) for f, r in zip(found, rows, strict=True))


def test_rules_alone_say_of_a_long_answer_what_training_says(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    row = {'question': 'Q?', 'solution': 'B', 'completion': f'<think>x</think><answer>{"why " * 600}</answer>'}
    (found,) = score([row], '--rules-only', monkeypatch=monkeypatch, capsys=capsys)
    assert found == {'format': True, 'rule': 'mismatch', 'by': 'too long for an answer'}


@pytest.mark.parametrize('convention', ['paper', 'release'])
def test_score_format_under_both_conventions(convention: str, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    rows = gold('format_dev.jsonl')
    lines = [{'question': 'q', 'solution': 's', 'completion': r['completion']} for r in rows]
    found = score(lines, '--rules-only', '--convention', convention, monkeypatch=monkeypatch, capsys=capsys)
    field = 'ok' if convention == 'paper' else 'release_ok'
    unclosed_code = {'fmt-dev-055'} if convention == 'paper' else set()
    assert [f['format'] for f in found] == [r[field] and r['id'] not in unclosed_code for r in rows]


def test_score_with_a_judge_gives_the_reward(rules_judge: str, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    completion = '<think>It is y, so B.</think>\n<answer>B</answer>'
    row = {'id': 7, 'question': 'Q?\nA. x\nB. y', 'solution': 'B', 'completion': completion}
    (found,) = score([row], monkeypatch=monkeypatch, capsys=capsys)
    assert found == {
        'id': 7, 'format': True, 'rule': 'match', 'by': 'choice', 'result': 1.0, 'consistency': 1.0, 'reward': 2.0,
    }  # fmt: skip


def test_score_names_the_line_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    import io

    monkeypatch.setattr('sys.stdin', io.StringIO('{"question": "q", "solution": "s"}\n'))
    assert main(['score', '--rules-only']) == 2
    assert 'line 1' in capsys.readouterr().err


def saved(folder: Path, text: str, rewards: dict[str, float], **more: Any) -> dict[str, Any]:
    return {
        'schema': 1, 'step': 1, 'request_id': text[-12:], 'prompt_id': 'p', 'messages': [],
        'question': 'Q?\nA. x\nB. y', 'solution': 'B', 'images': [], 'text': text,

        'stop_reason': 'answer', 'quarantined': False, 'code_blocks': 0, 'code_ok': 0,
        'turns': [], 'answer': None, 'rewards': rewards, **more,
    }  # fmt: skip


@pytest.fixture
def trajectories(tmp_path: Path) -> Path:
    folder = tmp_path / 'trajectories' / 'step-000001'
    folder.mkdir(parents=True)
    records = [
        saved(folder, '<think>B.</think>\n<answer>B</answer>', {'fmt_orm': 0.5, 'vqa_orm': 0.0}),
        saved(folder, '<think>B.</think><answer>B</answer>', {'fmt_orm': 0.5, 'vqa_orm': 1.0}),
        saved(folder, '<think>A.</think>\n<answer>A</answer>', {'fmt_orm': 0.5, 'vqa_orm': 0.0}),
    ]
    (folder / 'rank-0.jsonl').write_text(''.join(json.dumps(r) + '\n' for r in records))
    return tmp_path / 'trajectories'


def test_rescore_shows_what_a_right_verdict_changes(rules_judge: str, trajectories: Path, capsys: Any) -> None:
    assert main(['rescore', str(trajectories)]) == 0
    out = capsys.readouterr().out
    assert 'vqa_orm 0 → 1' in out
    assert '3 trajectories, 1 changed' in out
    assert re.search(r'vqa_orm: mean 0\.3333 → 0\.6667, 1 changed', out)


def test_rescore_under_the_other_convention(rules_judge: str, trajectories: Path, capsys: Any) -> None:
    assert main(['rescore', str(trajectories), '--rewards', 'fmt_orm', '--convention', 'release', '--json']) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line['now']['fmt_orm'] for line in lines] == [0.5, 0.0, 0.5]
    assert [line['changed'] for line in lines] == [[], ['fmt_orm'], []]


def test_rescore_without_trajectories_says_what_it_expected(tmp_path: Path, capsys: Any) -> None:
    assert main(['rescore', str(tmp_path)]) == 2
    assert 'OUTPUT_DIR/trajectories' in capsys.readouterr().err
