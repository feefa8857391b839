"""SFT trajectories: planned by script, run by the real sandbox, checked again from the files alone."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swift_thyme import cli
from swift_thyme.data.synth import TASKS, Kind, SetSpec, generate
from swift_thyme.data.synth.seeds import rng_for
from swift_thyme.data.synth.trajectory.bench import Bench
from swift_thyme.data.synth.trajectory.rounds import Round, Script, View
from swift_thyme.data.synth.trajectory.run import mismatch, play
from swift_thyme.data.synth.trajectory.script import script_for
from swift_thyme.data.synth.trajectory.verify import verify
from swift_thyme.data.synth.types import Box, Step
from swift_thyme.errors import TrajectoryError
from swift_thyme.protocol import SYSTEM_PROMPT, answer_of, code_blocks, segments
from swift_thyme.types import Outcome, SandboxImage, SandboxResult, SegmentKind

from .helpers import SEEDS, drafted

TASK_NAMES = sorted(TASKS)
ROWS = 10
FAST = ('by_color', 'compute_image', 'find_read', 'multi_step', 'region')
"""Tasks whose flows cover all kinds of rounds; the others run with the slow tests."""


@pytest.fixture(scope='module')
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp('sft')
    generate(SetSpec(n=ROWS, kind=Kind.SFT, canvas='1k', difficulty=(0.0, 1.0), seed=3), out)
    return out


@pytest.fixture(scope='module')
def bench() -> Iterator[Bench]:
    with Bench() as one:
        yield one


def rows_of(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / 'canonical.jsonl').read_text(encoding='utf-8').splitlines()]


def test_every_row_runs_again_and_every_picture_holds_its_target(made: Path) -> None:
    verdict = verify(made)
    assert verdict.problems == []
    assert verdict.rows == ROWS and verdict.rounds >= verdict.pictures > ROWS // 2
    assert verdict.identical_pictures == verdict.pictures


def test_rows_follow_the_protocol(made: Path) -> None:
    for row in rows_of(made):
        system, user, assistant = row['messages']  # type: ignore[misc]
        text = assistant['content']
        assert system['content'] == SYSTEM_PROMPT
        assert answer_of(text) == row['solution'] and text.startswith('<think>')
        assert len(code_blocks(text)) == row['rounds']
        assert (user['content'] + text).count('<image>') == len(row['images'])  # type: ignore[arg-type]
        kinds = [s.kind for s in segments(text)]
        pairs = [following for kind, following in itertools.pairwise(kinds) if kind is SegmentKind.CODE]
        assert pairs == [SegmentKind.SANDBOX] * len(pairs), 'every code block is followed by its output'


def test_the_path_in_the_code_is_the_one_the_prompt_names(made: Path) -> None:
    for row in rows_of(made):
        messages, images = row['messages'], row['images']
        first = next(iter(code_blocks(messages[-1]['content'])), None)  # type: ignore[index]
        if images and first is not None:
            assert f'image_path = "{images[0]}"' in first  # type: ignore[index]
            assert f'User Image Path: "{images[0]}"' in messages[1]['content']  # type: ignore[index]


def test_questions_for_the_whole_picture_are_answered_without_code() -> None:
    script = script_for(drafted('no_tool', 1, 0.5, kind=Kind.SFT), rng_for('x'))
    assert script.rounds == ()


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.sampled_from(TASK_NAMES), st.integers(0, SEEDS), st.sampled_from((0.0, 0.5, 1.0)))
def test_every_planned_region_holds_the_whole_target(task: str, seed: int, difficulty: float) -> None:
    made = drafted(task, seed, difficulty, kind=Kind.SFT)
    script = script_for(made, rng_for('script', seed))
    assert len(script.rounds) <= 3
    for planned in script.rounds:
        if planned.view is not None:
            assert made.item.target is not None
            assert planned.view.region.holds(made.item.target.box)
            assert Box(0, 0, *made.size).holds(planned.view.region)


def test_one_two_and_three_rounds_and_failures_all_occur() -> None:
    made = drafted('find_read', 5, 0.5, kind=Kind.SFT)
    scripts = [script_for(made, rng_for('variety', i)) for i in range(80)]
    assert {len(s.rounds) for s in scripts} == {1, 2, 3}
    failed = [s for s in scripts if any(r.outcome is Outcome.CODE_ERROR for r in s.rounds)]
    assert failed and all(s.rounds[-1].outcome is Outcome.OK for s in failed)


def test_wording_and_code_vary() -> None:
    made = drafted('find_read', 5, 0.5, kind=Kind.SFT)
    scripts = [script_for(made, rng_for('variety', i)) for i in range(60)]
    assert len({s.rounds[0].thought for s in scripts}) > 40
    assert len({s.rounds[0].code for s in scripts}) > 40
    assert {'cv2' in s.rounds[0].code for s in scripts} == {True, False}


def test_turned_text_is_upright_in_the_last_picture() -> None:
    for seed in range(20):
        made = drafted('rotated', seed, 0.5, kind=Kind.SFT)
        last = script_for(made, rng_for('up', seed)).rounds[-1].view
        assert last is not None and made.item.target is not None
        assert abs(last.turn_deg + made.item.target.rotation_deg) <= 3


@pytest.mark.parametrize(
    'task',
    [t if t in FAST else pytest.param(t, marks=pytest.mark.slow) for t in TASK_NAMES if t != 'no_tool'],
)
def test_every_flow_of_a_task_runs_in_the_sandbox(task: str, bench: Bench, tmp_path: Path) -> None:
    (tmp_path / 'images').mkdir()
    made = drafted(task, 11, 0.4, kind=Kind.SFT)
    picture = tmp_path / made.file if made.file else None
    if picture is not None and made.picture is not None:
        picture.write_bytes(made.picture)
    seen = set()
    for i in range(6):
        script = script_for(made, rng_for('flow', i))
        shape = tuple((r.view is not None, r.outcome) for r in script.rounds), 'cv2' in script.rounds[0].code
        if shape in seen:
            continue
        seen.add(shape)
        with bench.session(picture, made.file) as session:
            assert len(play(script, session).results) == len(script.rounds)


def test_code_that_does_something_else_is_an_error_and_never_a_row(bench: Bench) -> None:
    script = Script((Round('I compute.', 'print(41)', prints='42'),), 'It is 42.', '42')
    with bench.session(None, '') as session, pytest.raises(TrajectoryError, match='round 1'):
        play(script, session)


def test_a_picture_of_another_size_is_a_mismatch() -> None:
    planned = Round('', '', View(Box(0, 0, 100, 50), 2))
    fits = SandboxResult(Outcome.OK, '', (SandboxImage('p', 200, 100, ''),))
    wrong = SandboxResult(Outcome.OK, '', (SandboxImage('p', 200, 140, ''),))
    assert mismatch(planned, fits) == ''
    assert 'expected 200x100' in mismatch(planned, wrong)


def test_verification_finds_a_changed_picture_and_a_changed_output(made: Path, tmp_path: Path) -> None:
    broken = tmp_path / 'broken'
    shutil.copytree(made, broken)
    printed = next(r for r in rows_of(broken) if r['views'])
    pictured = next(r for r in rows_of(broken) if r['views'] and r['id'] != printed['id'])
    answer = printed['messages'][-1]  # type: ignore[index]
    answer['content'] = answer['content'].replace('<sandbox_output>', '<sandbox_output>7', 1)
    pictured['box'] = [0, 0, 5, 5]
    lines = [json.dumps(row) + '\n' for row in (printed, pictured)]
    (broken / 'canonical.jsonl').write_text(''.join(lines), encoding='utf-8')
    problems = ' '.join(verify(broken).problems)
    assert f'{printed["id"]} round 1' in problems and f'{pictured["id"]}: the region' in problems


@pytest.mark.slow
def test_the_command_line_verifies_a_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generate(SetSpec(task='compute', n=2, kind=Kind.SFT, canvas='1k'), tmp_path)
    assert cli.main(['synth', '--verify', '--out', str(tmp_path)]) == 0
    assert '2 rows' in capsys.readouterr().out


def test_plans_name_steps_in_the_order_they_are_done() -> None:
    for task in TASK_NAMES:
        steps = drafted(task, 2, 0.5).item.plan.steps
        assert list(steps) == sorted(steps, key=list(Step).index)
