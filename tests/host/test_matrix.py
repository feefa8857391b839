"""Every host option works or is refused with a sentence. `--all` runs the whole table and writes docs/matrix.md."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from swift_thyme.demo.host_command import HostCommand
from swift_thyme.demo.tiny import SMALL_VOCAB, build_tiny

from .conftest import grpo_flags, run_environment, write_rl_rows
from .matrix import CELLS, NOT_RUN, REFUSED, Cell, table

pytestmark = [pytest.mark.host, pytest.mark.timeout(3600)]
ROOT = Path(__file__).parents[2]
PAGE = ROOT / 'docs' / 'matrix.md'
RUN = [cell for cell in CELLS if cell.expected != NOT_RUN]


@pytest.fixture(scope='module')
def results(
    request: pytest.FixtureRequest, judge_address: str, script_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """Option → outcome of the cells of this session, run one after another in one process."""
    root = tmp_path_factory.mktemp('matrix')
    build_tiny(root / 'tiny', byte_pairs=SMALL_VOCAB)
    dataset = write_rl_rows(root)
    jobs = []
    for i, cell in enumerate(_chosen(request.config)):
        folder = root / str(i)
        flags = grpo_flags(
            root / 'tiny', dataset, folder / 'out', **{'max_steps': 1, 'callbacks': 'thyme_rewards', **cell.flags}
        )
        env = run_environment(script_file, judge_address, folder / 'batches')
        words = HostCommand('rlhf', flags).words[2:]
        jobs.append({'option': cell.option, 'folder': str(folder), 'words': words, 'env': env})
    (root / 'jobs.json').write_text(json.dumps(jobs), encoding='utf-8')
    argv = [sys.executable, '-m', 'tests.host.matrix', str(root / 'jobs.json'), str(root / 'results.jsonl')]
    with (root / 'log').open('w') as log:
        subprocess.run(argv, cwd=ROOT, env=os.environ | {'MAX_PIXELS': '50176'}, stdout=log, stderr=log, check=False)
    found = [json.loads(line) for line in (root / 'results.jsonl').read_text(encoding='utf-8').splitlines()]
    results = {result['option']: result for result in found}
    if request.config.getoption('--all'):
        PAGE.write_text(table(results), encoding='utf-8')
    return results


def _chosen(config: pytest.Config) -> list[Cell]:
    return [cell for cell in RUN if cell.in_ci or config.getoption('--all')]


@pytest.mark.parametrize('cell', RUN, ids=lambda cell: cell.option)
def test_an_option_works_or_is_refused(cell: Cell, request: pytest.FixtureRequest) -> None:
    if cell not in _chosen(request.config):
        pytest.skip('not in the spread that CI runs; --all runs it')
    result = request.getfixturevalue('results')[cell.option]
    assert result['outcome'] == cell.expected, result
    assert cell.expected != REFUSED or cell.says in result['note']


def test_the_page_says_of_every_option_what_is_expected() -> None:
    rows = [line.split(' | ', 3) for line in PAGE.read_text(encoding='utf-8').splitlines()]
    head, *told = [row for row in rows if len(row) == 4]
    assert head[1:3] == ['option', 'outcome']
    assert [row[:3] for row in told] == [[f'| {cell.group}', cell.option, cell.expected] for cell in CELLS]
    assert [cell.option for cell, row in zip(CELLS, told, strict=True) if cell.says not in row[3]] == []
