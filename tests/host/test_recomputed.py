"""`thyme verify` on real GRPO runs, one for each way to train code: rows, advantages and losses recomputed to rounding.

The policy is scripted so that every kind of member is in a group: right with pictures, failed code, cut by length, a
picture token of its own, equal rewards, one whose session the machinery lost.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from swift_thyme.cli import main
from swift_thyme.demo.host_command import HostCommand, run
from swift_thyme.demo.tiny import SMALL_VOCAB, build_tiny
from swift_thyme.verify.check import Finding, verify

from .conftest import COMPUTE, CROP, ENLARGE, grpo_flags, run_environment, write_rl_rows

pytestmark = [pytest.mark.host, pytest.mark.timeout(900)]
BUDGET_PX = 50_176
TWO = (
    '<think>Both halves. <code>\nimport cv2\nimage = cv2.imread(image_path)\ncv2.imwrite("a.png", image[0:120, 0:99])\n'
    'cv2.imwrite("b.png", image[0:90, 99:200])\nprint("a.png")\nprint("b.png")\n</code>'
)
FAILS = '<think>I try. <code>\nprint(undefined_name)\n</code>'
STRIP = (
    '<think>A strip. <code>\nfrom PIL import Image\nImage.new("RGB", (2048, 30)).save("s.png")\nprint("s.png")\n</code>'
)
LONG = '<think>' + ' '.join(f'word {i} and {i * 7919 % 1000}' for i in range(120))
KINDS = [
    [CROP, ENLARGE, 'It is 42.</think>\n<answer>42</answer>'],
    ['<think>I draw <|image_pad|> myself.</think>\n<answer>42</answer>'],
    [FAILS, COMPUTE, 'So 41.</think>\n<answer>41</answer>'],
    [LONG],
    ['<think>Easy.</think>\n<answer>41</answer>'],
    [TWO, 'It is 43.</think>\n<answer>43</answer>'],
    [STRIP, 'So 44.</think>\n<answer>44</answer>'],
    ['<think>I see 45 and 42.</think>\n<answer>45</answer>'],
]
FLAGS: dict[str, object] = {
    'gradient_accumulation_steps': 2,
    'num_iterations': 2,
    'beta': 0.05,
    'learning_rate': 3e-3,
    'lr_scheduler_type': 'constant',
    'overlong_filter': 'true',
    'max_completion_length': 300,
    'save_strategy': 'steps',
    'save_steps': 1,
    'save_only_model': 'true',
    'max_steps': 3,
    'top_p': 1.0,
    'top_k': 0,
}
SAME_WORDS = 'same words'
WAYS: dict[str, tuple[dict[str, str], dict[str, object]]] = {
    'paper': ({}, {}),
    'mask': ({'THYME_TRAIN_CODE': 'mask'}, {}),
    'exact': ({'THYME_TRAIN_CODE': 'exact', 'THYME_CODE_TEMPERATURE': '0.5'}, {'temperature': 0.7}),
    SAME_WORDS: ({}, {}),
}


@pytest.fixture(scope='module')
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with a small vocabulary: what is compared does not depend on it, the time does."""
    out = tmp_path_factory.mktemp('small') / 'tiny'
    build_tiny(out, byte_pairs=SMALL_VOCAB)
    return out


@pytest.fixture(scope='module', params=WAYS)
def finished(
    request: pytest.FixtureRequest, small: Path, judge_address: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A run and where it traced its batches."""
    folder = tmp_path_factory.mktemp('run')
    env, flags = WAYS[request.param]
    script = folder / 'script.json'
    script.write_text(json.dumps(KINDS), encoding='utf-8')
    rows = write_rl_rows(folder) if request.param != SAME_WORDS else _same_words(folder)
    env = {**run_environment(script, judge_address, folder / 'batches'), 'MAX_PIXELS': str(BUDGET_PX), **env}
    flags = grpo_flags(small, rows, folder / 'out', **{**FLAGS, **flags})
    run(HostCommand('rlhf', flags), log=folder / 'log', env=env)
    return folder / 'out', folder / 'batches'


def _same_words(folder: Path) -> Path:
    """Two questions in the same words about two pictures of one size."""
    rows = [json.loads(line) for line in write_rl_rows(folder).read_text(encoding='utf-8').splitlines()]
    for number, (row, solution) in enumerate(zip(rows, ('42', '41'), strict=True)):
        image = Image.new('RGB', (640, 480), 'white')
        ImageDraw.Draw(image).text((100, 150), solution, fill='black', font_size=40)
        image.save(row['images'][0])
        row['messages'][0]['content'] = row['messages'][0]['content'].replace(f'/{number}.png', '/a.png')
        row['solution'] = solution
    out = folder / 'same.jsonl'
    out.write_text('\n'.join(map(json.dumps, rows)), encoding='utf-8')
    return out


def test_what_was_trained_is_what_the_trajectories_say(finished: tuple[Path, Path], small: Path) -> None:
    out, batches = finished
    findings = {found.name: found for found in verify(out, model=small, batches=batches)}
    for found in findings.values():
        print(found.name, found.checked, f'{found.worst:.1e}', found.wrong[:3], found.skipped)
    assert [text for found in findings.values() for text in found.wrong] == []
    assert {name for name, found in findings.items() if found.skipped or not found.checked} <= {
        'loss mask of the record'
    }
    assert findings['loss of a step'].checked == 3
    assert findings['traced batches'].checked >= 12


def _spoiled(out: Path, tmp_path: Path, change: Any) -> Path:
    copy = shutil.copytree(out, tmp_path / 'run', symlinks=True)
    for path in (copy / 'trajectories').glob('step-*/rank-0.jsonl'):
        records = [json.loads(line) for line in path.read_text(encoding='utf-8').splitlines()]
        change(next(r for r in records if not r['quarantined'] and r['code_blocks']))
        path.write_text(''.join(json.dumps(r) + '\n' for r in records), encoding='utf-8')
    return copy


@pytest.mark.parametrize(
    ('change', 'found_by'),
    [
        (lambda r: r.update(advantage=r['advantage'] + 1e-4), 'advantages'),
        (lambda r: r['sampled_ids'].__setitem__(3, r['sampled_ids'][4] + 1), 'traced batches'),
        (lambda r: r['turns'][0].update(images=[]), 'traced batches'),
    ],
    ids=['advantage', 'sampled id', 'picture'],
)
def test_a_run_that_is_not_as_it_says_is_found(
    finished: tuple[Path, Path], small: Path, tmp_path: Path, change: Any, found_by: str
) -> None:
    out, batches = finished
    findings: list[Finding] = verify(_spoiled(out, tmp_path, change), model=small, batches=batches)
    assert next(found for found in findings if found.name == found_by).wrong


def test_the_command_says_what_holds_and_exits_by_it(
    finished: tuple[Path, Path], small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, batches = finished
    assert main(['verify', str(out), '--model', str(small), '--batches', str(batches)]) == 0
    said = capsys.readouterr().out
    assert 'advantages: 16 checked, 0 wrong' in said and 'loss of a step: 3 checked, 0 wrong' in said


def test_a_folder_without_a_run_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['verify', str(tmp_path)]) == 2
    assert 'give the output folder of a run' in capsys.readouterr().err
