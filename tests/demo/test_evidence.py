"""docs/evidence.md: every table is what the kept files of the run give."""

from __future__ import annotations

import re
from importlib import util
from pathlib import Path

import pytest

from swift_thyme.trajectories.watch import Watch

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / 'docs' / 'evidence' / 'one_gpu'
_spec = util.spec_from_file_location('evidence', ROOT / 'examples' / 'one_gpu' / 'evidence.py')
assert _spec is not None and _spec.loader is not None
evidence = util.module_from_spec(_spec)
_spec.loader.exec_module(evidence)


@pytest.mark.parametrize('name', ['scores', 'differences', 'training'])
def test_each_table_of_the_page_is_recomputed_from_the_kept_files(name: str) -> None:
    assert evidence.tables(FOLDER)[name] in (ROOT / 'docs' / 'evidence.md').read_text(encoding='utf-8')


def test_the_first_screen_of_readme_says_what_was_measured() -> None:
    items = evidence.read(FOLDER / 'items.jsonl')
    arms = ('a/no_tools', 'b/tools', 'd/tools', 'c/tools', 'audit/blank')
    measured = [f'{100 * evidence.share(evidence.outcomes(items, arm)).value:.1f}' for arm in arms]
    said = (ROOT / 'README.md').read_text(encoding='utf-8').partition('## See it work')[0]
    assert re.findall(r'([\d.]+) %', said) == measured


def test_the_watch_warns_of_code_without_variety_in_the_arm_that_lost_it_and_not_in_the_other() -> None:
    found: dict[str, list[str]] = {'c': [], 'd': []}
    watches = {arm: Watch() for arm in found}
    for row in evidence.read(FOLDER / 'steps.jsonl'):
        figures = {'same_code_share': row['rollout/same_code_share']}
        found[row['arm']] += watches[row['arm']].observe(figures, row['step'])
    assert [warning.partition(':')[0] for warning in found['c'][:1]] == ['step 21']
    assert not found['d']
