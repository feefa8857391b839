"""The report: what it counts, what it draws, and that a running or odd run does not stop it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swift_thyme.errors import DataError
from swift_thyme.report import build_report, find_runs
from swift_thyme.report.draw import lines, smoothed, stacked
from swift_thyme.report.runs import read_log
from swift_thyme.report.tally import RunTally
from swift_thyme.trajectories import read_records

from .make import hostile, write_run


def write_log(folder: Path, steps: int = 5) -> None:
    rows = [
        {'loss': 1 / i, 'reward': i / 10, 'grad_norm': 0.5, 'global_step/max_steps': f'{i}/9'}
        for i in range(1, steps + 1)
    ]
    text = ''.join(json.dumps(row) + '\n' for row in rows)
    (folder / 'logging.jsonl').write_text(text + '{"loss": 0.5, "glob', encoding='utf-8')


@pytest.fixture(scope='module')
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('run')
    write_run(folder, 150, width=640, height=480)
    write_log(folder)
    return folder


def test_figures_are_counted_by_step(run: Path) -> None:
    tally = RunTally.of(read_records(run / 'trajectories'))
    first = tally.steps[2]
    numbers = range(64)
    assert (first.trajectories, tally.n) == (64, 150)
    assert first.sums['used_tool'] == sum(i % 10 != 3 for i in numbers)
    assert first.sums['code_run'] == sum(i % 10 not in (3, 7) for i in numbers)
    assert first.sums['code_ok'] == sum(i % 10 not in (3, 4, 6, 7) for i in numbers)
    assert first.sums['ran_as_written'] == sum(i % 10 not in (3, 4, 5, 6, 7) for i in numbers)
    assert first.sums['quarantined'] == first.sums['stop/sandbox_failure'] == sum(i % 10 == 7 for i in numbers)
    assert first.sums['tokens/code'] == 120 * first.sums['used_tool']
    assert first.sums['repair/clamp'] == sum(i % 10 == 5 for i in numbers)
    assert tally.reward('fmt_orm')[0] == (2, 0.5 * first.sums['stop/answer'] / 64)


def test_trajectories_stand_at_the_step_that_learns_from_them(run: Path) -> None:
    assert list(RunTally.of(read_records(run / 'trajectories')).steps) == [2, 3, 4]


def test_the_hosts_log_is_read_up_to_its_half_written_line(run: Path) -> None:
    log = read_log(run)
    assert log.curves['loss'] == [(i, 1 / i) for i in range(1, 6)]


def test_the_page_draws_every_figure_the_issue_names(run: Path, tmp_path: Path) -> None:
    build_report([run], tmp_path / 'report.html')
    page = (tmp_path / 'report.html').read_text(encoding='utf-8')
    parts = ['Reward parts', 'Tool use', 'Code that ran', 'Rounds', 'Stop reasons', 'Tokens by kind']
    for title in [*parts, 'Sandbox time, s', 'Loss']:
        assert f'<h4>{title}</h4>' in page
    assert f'thyme view {run / "trajectories"}' in page
    assert '<script' not in page
    assert not re.search(r'(src|href)="[^#d]|url\((?!#)|@import', page), 'the page loads nothing'


def test_every_drawing_is_well_formed(run: Path, tmp_path: Path) -> None:
    build_report([run], tmp_path / 'report.html')
    drawings = re.findall(r'<svg.*?</svg>', (tmp_path / 'report.html').read_text(encoding='utf-8'), re.DOTALL)
    assert len(drawings) >= 10
    for drawing in drawings:
        ElementTree.fromstring(drawing)


def test_a_run_without_trajectories_and_one_without_a_log_are_reported(tmp_path: Path) -> None:
    (tmp_path / 'sft').mkdir()
    write_log(tmp_path / 'sft')
    write_run(tmp_path / 'grpo', 3, width=640, height=480)
    assert {run.name for run in find_runs([tmp_path])} == {'sft', 'grpo'}
    build_report([tmp_path], tmp_path / 'report.html')


def test_a_report_says_what_the_run_was_and_whether_it_ended(tmp_path: Path) -> None:
    write_log(tmp_path)
    known = {'rlhf_type': 'grpo', 'model': '/a/b/sft/checkpoint-2', 'dataset': ['/x/rl.jsonl'], 'learning_rate': 1e-6}
    (tmp_path / 'args.json').write_text(json.dumps(known))
    last = {'global_step/max_steps': '9/9', 'elapsed_time': '51s', 'remaining_time': '3s'}
    for more, says in ({}, '51s so far, 3s to go'), ({'train_runtime': 51}, '51s</p>'):
        (tmp_path / 'logging.jsonl').write_text(json.dumps(last | more) + '\n')
        build_report([tmp_path], tmp_path / 'page.html')
        page = (tmp_path / 'page.html').read_text()
        assert says in page
        assert 'grpo · sft/checkpoint-2 · on x/rl.jsonl · learning rate 1e-06 · began 20' in page


def test_runs_of_one_kind_are_drawn_side_by_side(tmp_path: Path) -> None:
    for name, known in (('a', '{}'), ('b', '{"rlhf_type": "grpo"}'), ('c', '{"rlhf_type": "grpo"}'), ('d', '[')):
        (tmp_path / name).mkdir()
        write_log(tmp_path / name)
        (tmp_path / name / 'args.json').write_text(known)
    build_report([tmp_path], tmp_path / 'page.html')
    together = (tmp_path / 'page.html').read_text().partition('Side by side')[2].partition('<section')[0]
    assert re.findall(r'<h4>(.*?)</h4>', together) == ['Loss: grpo', 'Reward: grpo']
    assert re.findall(r'</i>(.*?)</span>', together) == ['b', 'c', 'b', 'c']


def test_runs_named_one_by_one_are_told_apart(tmp_path: Path) -> None:
    runs = [tmp_path / name / 'rl' for name in ('a', 'b')]
    for folder in runs:
        folder.mkdir(parents=True)
        write_log(folder)
    assert {run.name for run in find_runs([*runs, runs[0]])} == {'a/rl', 'b/rl'}


def test_a_long_line_is_smoothed_without_shifting_it() -> None:
    line = [(float(x), 2.0 * x) for x in range(100)]
    assert smoothed(line) == line
    zigzag = smoothed([(x, x % 2) for x in range(100)])
    assert max(abs(y - 0.5) for _, y in zigzag[5:-5]) < 0.1


def test_an_empty_log_is_no_error(tmp_path: Path) -> None:
    (tmp_path / 'logging.jsonl').write_text('', encoding='utf-8')
    build_report([tmp_path], tmp_path / 'report.html')
    assert 'No step is logged yet' in (tmp_path / 'report.html').read_text(encoding='utf-8')


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='no run'):
        build_report([tmp_path], tmp_path / 'report.html')


def test_hostile_trajectories_put_no_markup_on_the_page(tmp_path: Path) -> None:
    folder = tmp_path / 'run' / 'trajectories' / 'step-000000'
    folder.mkdir(parents=True)
    (folder / 'rank-0.jsonl').write_text(''.join(json.dumps(r) + '\n' for r in hostile(folder)), encoding='utf-8')
    build_report([tmp_path / 'run'], tmp_path / 'report.html')
    page = (tmp_path / 'report.html').read_text(encoding='utf-8')
    assert '<script' not in page
    assert '<img src=x' not in page


finite = st.floats(-1e9, 1e9)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6).map(float), finite), min_size=1, max_size=50))
def test_any_curve_can_be_drawn(curve: list[tuple[float, float]]) -> None:
    ElementTree.fromstring(lines({'<name>': sorted(curve)}))
    ElementTree.fromstring(stacked({'a & b': [(step, 0.5) for step, _ in sorted(dict(curve).items())]}))
