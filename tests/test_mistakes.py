"""What a person gets wrong: every mistake ends in one to three lines, an exit code that is not 0, and loses nothing.

Commands run in this process, where `{…}` stands for what `Place` holds. The mistakes were read out of a newcomer's log.
"""

from __future__ import annotations

import json
import re
import resource
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from swift_thyme import cli

INFER, SERVE, EVAL = 'infer --model {ck} --question x', 'serve --model {ck} --port 0', 'eval --model {ck} --n 1'
SFT, RLHF = 'sft --O3 true --model {ck} --output_dir {new}', 'rlhf --O3 true --model {ck} --output_dir {new}'

MODELS = [
    ('infer --question x', 'no model is named'),
    ('infer', 'no model is named'),
    ('infer --model nope --question x', "got 'nope'"),
    ('infer --model ./nope --question x', 'no such file or folder'),
    ('infer --model {folder} --question x', 'no model in'),
    ('infer --model {file} --question x', 'no model in'),
    ('infer --model {bare} --question x', 'no weights in'),
    ('infer --adapters {folder} --question x', 'no model in'),
    ('serve', 'no model is named'),
    ('serve --model nope', "got 'nope'"),
    ('eval --model nope --out {new}', "got 'nope'"),
    ('eval --out {new}', 'no model is named'),
    ('audit --model nope --out {new}', "got 'nope'"),
    ('audit --model {bare} --out {new}', 'no weights in'),
    ('plan --model nope', 'nope'),
    ('sft --O3 true --model nope --dataset {rows} --output_dir {new}', "got 'nope'"),
    ('rlhf --O3 true --model out/sft/checkpoint-2 --dataset {rows} --output_dir {new}', 'no such file or folder'),
]
PLACES = [
    (f'{INFER} --save {{file}}/x', 'Not a directory'),
    (f'{INFER} --save {{file}}', 'File exists'),
    (f'{SERVE} --save {{file}}/x', 'Not a directory'),
    (f'{EVAL} --out {{file}}/x', 'Not a directory'),
    (f'{EVAL} --out {{file}}', 'File exists'),
    (f'{EVAL}', 'no --out'),
    ('audit --model {ck} --out {file}/x', 'Not a directory'),
    ('infer --model {ck} --input {rows} --output {file}/o.jsonl', 'File exists'),
    ('infer --model {ck} --input {rows} --output {folder}', 'Is a directory'),
    ('infer --model {ck} --input {rows} --output {foreign}', 'another question'),
    ('infer --model {ck} --input {rows}', 'belong together'),
    ('prepare sft {rows} --out {file}/x', 'Not a directory'),
    ('prepare sft {rows}', '--out'),
    ('validate {rows} --problems {file}/x', 'Not a directory'),
    ('synth --n 1 --out {file}/x', 'Not a directory'),
    ('synth --n 1 --out {file}', 'must be a folder'),
    ('synth --n 1 --out {mine}', 'must be empty'),
    ('synth', '--out'),
    ('tiny {file}/x', 'Not a directory'),
    ('tiny {file}', 'File exists'),
    ('tiny {mine}', 'folder of its own'),
    ('tiny {ck}', 'folder of its own'),
    ('view {mine} --out {folder}', 'did not write'),
    ('view {mine} --out {picture}', 'did not write'),
    ('view {mine} --out /dev/full', 'did not write'),
    ('view {mine} --out {file}/x.html', 'thyme view'),
    ('report {mine} --out {folder}', 'did not write'),
    ('report {mine} --out {foreign}', 'did not write'),
    ('report {mine} --out /dev/full', 'did not write'),
    ('sandbox --output-dir {file}/x', 'cannot be made'),
    ('sandbox --image nope.png', 'nope.png'),
    ('quickstart --out {file}', 'File exists'),
    ('quickstart --out {mine}', 'did not write'),
    (f'{INFER} --save {{full}}/x', 'thyme infer'),
]
INPUTS = [
    (f'{INFER} --image nope.png', 'nope.png'),
    (f'{INFER} --image {{file}}', 'cannot identify'),
    (f'{INFER} --image {{folder}}', 'Is a directory'),
    ('infer --model {ck} --image {picture}', '--question'),
    ("infer --model {ck} --question ' '", 'empty'),
    ('infer --model {ck} --input nope.jsonl --output {new}', 'nope.jsonl'),
    ('infer --model {ck} --input {empty} --output {new}', 'no questions'),
    ('infer --model {ck} --input {broken} --output {new}', 'row 1'),
    ('infer --model {ck} --input {foreign} --output {new}', 'row 1'),
    ('infer --model {ck} --input {unseen} --output {new}', 'row 1 has no picture'),
    ('infer --model {ck} --input {rows} --output {new} --question x', 'leave --question'),
    ('eval --model {ck} --out {new} --data nope', 'nope'),
    ('eval --model {ck} --out {new} --data {empty}', 'empty.jsonl'),
    ('eval --model {ck} --out {new} --data {foreign}', 'foreign.jsonl'),
    ('eval --model {ck} --out {new} --data {unseen}', 'unseen.jsonl'),
    ('eval --rescore {folder}', 'folder'),
    ('audit --rescore {folder}', 'folder'),
    ('prepare sft {empty} --out {new}', 'no row is left'),
    ('prepare sft {broken} --out {new}', 'no row is left'),
    ('prepare rl {foreign} --out {new}', 'no row is left'),
    ('prepare sft {folder} --out {new}', 'holds no data'),
    ('prepare sft nope.jsonl --out {new}', 'nope.jsonl'),
    ('prepare dpo {rows} --out {new}', "'dpo'"),
    ('validate nope', 'nope'),
    ('validate {empty}', '0 rows'),
    ('validate {folder}', 'holds no data'),
    ('synth --verify --out {folder}', 'no set in'),
    ('synth --readable --out {folder}', 'no set in'),
    ('synth --relocate --out {folder}', 'no set in'),
    ('score', 'nothing to score'),
    ('score --rules-only < nope', 'line 1'),
    ('score --rules-only < {{"a": 1}}', 'line 1'),
    ('sandbox', 'nothing to run'),
    ('sandbox < print(1)', 'each line must be'),
    ('sandbox < {{"code": 1}}', 'must be a string'),
    ('rescore nope', 'no trajectory'),
    ('rescore {folder}', 'no trajectory'),
    ('view nope', 'does not exist'),
    ('view {folder} --out {new}', 'no trajectory'),
    ('report nope', 'no run'),
    ('report {folder} --out {new}', 'no run'),
    (f'{SFT} --dataset nope.jsonl', 'nope.jsonl'),
    (f'{SFT} --dataset nope', "got 'nope'"),
    (f'{SFT}', '--dataset has no value'),
    ('sft nope.yaml', 'nope.yaml'),
]
VALUES = [
    (f'{INFER} --max-tokens 0', '--max-tokens'),
    (f'{INFER} --temperature -1', '--temperature'),
    (f'{INFER} --top-p 3', '--top-p'),
    (f'{INFER} --batch-size 0', '--batch-size'),
    (f'{INFER} --engine-kwargs foo', 'not JSON'),
    (f'{INFER} --backend url', '--url'),
    (f'{INFER} --backend vlm', "'vlm'"),
    (f'{INFER} --backend vllm', 'swift-thyme[vllm]'),
    ('infer --model {ck} --input {rows} --output {new} --concurrency 0', '--concurrency'),
    (f'{SERVE} --max-running 0', 'running'),
    (f'{SERVE} --api-key-file nope', 'nope'),
    (f'{SERVE} --host 203.0.113.9', 'cannot listen'),
    ('serve --model {ck} --port {taken}', 'cannot listen'),
    ('serve --model {ck} --port 99999', '99999'),
    ('judge --rules --port {taken}', 'cannot listen'),
    ('judge --rules --port 99999', '99999'),
    ('judge --rules --model x', 'two judges'),
    ('judge', 'nothing to serve'),
    (f'{EVAL} --out {{new}} --suite foo', 'vlmevalkit'),
    (f'{EVAL} --out {{new}} --no-tools --baseline', '--no-tools'),
    (f'{EVAL} --out {{new}} --repeats 0', 'repeats must'),
    ('eval --model {ck} --n 0 --out {new}', '--n must'),
    ('eval --suite vlmevalkit --data X --out {new} --model {ck} --harness-python nope', 'nope'),
    ('eval --suite vlmevalkit --model {ck}', '--data and --out'),
    ('synth --n 0 --out {new}', 'n must be'),
    ('synth --n 1 --canvas 3k --out {new}', "'3k'"),
    ('synth --n 1 --difficulty 2 --out {new}', 'difficulty'),
    ('synth --n 1 --difficulty abc --out {new}', "'abc'"),
    ('synth --n 1 --task nope --out {new}', "'nope'"),
    ('synth --n 1 --workers 0 --out {new}', 'workers'),
    ('tiny {new} --hidden 100', '100'),
    ('tiny {new} --layers 0', 'layers'),
    ('plan --gpus 0', '--gpus'),
    ('plan --mem -1', '--mem'),
    ('plan --gpu foo', "'foo'"),
    ('plan --batch 0', '--batch'),
    ('plan --images -1', '--images'),
    ('sandbox --timeout -1', '--timeout'),
    ('synth --n 1 --kind evals --out {new}', 'expected one of eval, rl, sft'),
    ('serve {ck}', 'thyme serve: unrecognized'),
    (f'{INFER} --images {{picture}}', 'did you mean --image?'),
    (f'{SERVE} --max-token-s 5', 'did you mean --max-tokens?'),
    ('report {mine} --output x', 'did you mean --out?'),
    ('prepare rl {rows} --out {mine}', 'no prepared set'),
    ('judge --model nope', "got 'nope'"),
    ('judge --model {folder}', 'no model in'),
    ('sft --recipe nope', 'no such recipe'),
    ('sft --recipe rl', 'thyme rlhf --recipe rl'),
    ('sft --recipe stage1', 'MODEL'),
    ('rlhf --recipe r1', 'nearest'),
    ('infr', 'infer'),
    ('--verzion', '--verzion'),
    ('doctor x', 'x'),
]
ALL = [*MODELS, *PLACES, *INPUTS, *VALUES]
_HOSTS = ('sft --O3', 'rlhf --O3', 'sft nope')
"""What the host's own parser has to see: importing it takes seconds."""
SPREAD = [case for case in ALL if not case[0].startswith(_HOSTS)][::5]
"""A fifth, for every run of the tests; all of them with `--all`."""


_BAR = re.compile(r'\[\d\d:\d\d')
"""In a line that a progress bar draws."""


class Place(dict[str, str]):
    """Files and folders that mistakes are made with; `mine` is a folder whose files must survive."""

    def __init__(self, root: Path, port: int) -> None:
        for name in ('ck', 'bare', 'folder', 'mine'):
            (root / name).mkdir()
        for name, text in {
            'ck/config.json': '{"model_type": "qwen2_5_vl"}',
            'ck/model.safetensors': '',
            'bare/config.json': '{"model_type": "qwen2_5_vl"}',
            'mine/rows.jsonl': 'mine',
            'file': '',
            'empty.jsonl': '',
            'broken.jsonl': 'nope\n',
            'foreign.jsonl': '{"a": 1}\n',
            'rows.jsonl': '{"question": "q", "images": []}\n',
            'unseen.jsonl': json.dumps({'question': 'q', 'answer': 'a', 'images': ['nope.png']}) + '\n',
        }.items():
            (root / name).write_text(text)
        Image.new('RGB', (64, 64)).save(root / 'picture.png')
        self.stdin = root / 'stdin'
        names = ('ck', 'bare', 'folder', 'mine', 'file', 'new')
        super().__init__({name: str(root / name) for name in names})
        self |= {name: str(root / f'{name}.jsonl') for name in ('empty', 'broken', 'foreign', 'rows', 'unseen')}
        self |= {'picture': str(root / 'picture.png'), 'taken': str(port), 'full': '/proc/1'}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(('127.0.0.1', 0)) as taken:
        yield Place(tmp_path, taken.getsockname()[1])


def refused(line: str, place: Place, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """Runs a command; what it printed."""
    words, _, given = line.format(**place).partition(' < ')
    (place.stdin).write_text(given)
    before = {path: path.read_bytes() for path in Path.cwd().rglob('*') if path.is_file()}
    with place.stdin.open(encoding='utf-8') as stdin:
        monkeypatch.setattr(sys, 'stdin', stdin)
        try:
            code = cli.main(shlex.split(words))
        except SystemExit as ended:
            code = int(ended.code or 0)
    out, err = capfd.readouterr()
    assert code not in (0, None), out + err
    assert {path: path.read_bytes() for path in before} == before, 'something was lost'
    assert 'Traceback' not in err
    return err + out


def check(line: str, says: str, place: Place, capfd: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
    said = refused(line, place, capfd, patch)
    lines = [text for text in said.strip().splitlines() if not _BAR.search(text)]
    assert says in said, said
    assert len(lines) <= 3, said


@pytest.mark.parametrize(('line', 'says'), SPREAD)
def test_a_mistake_is_said_in_three_lines(
    line: str, says: str, place: Place, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    check(line, says, place, capfd, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize(('line', 'says'), [case for case in ALL if case not in SPREAD])
def test_every_mistake_is_said_in_three_lines(
    line: str, says: str, place: Place, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    check(line, says, place, capfd, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize('line', [line for line, _ in ALL if not line.startswith(_HOSTS)])
def test_refusing_costs_three_seconds_of_cpu_at_most(line: str, place: Place) -> None:
    words, _, given = line.format(**place).partition(' < ')

    def spent_s() -> float:
        def total() -> float:
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            return used.ru_utime + used.ru_stime

        before = total()
        argv = [sys.executable, '-m', 'swift_thyme.cli', *shlex.split(words)]
        done = subprocess.run(argv, input=given, text=True, capture_output=True, check=False)
        assert done.returncode != 0
        return total() - before

    assert spent_s() <= 3 or spent_s() <= 3
