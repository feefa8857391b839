"""Examples of the pages run as they stand: what a reader copies works."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from swift_thyme.cli import COMMANDS
from swift_thyme.launch.host import Method

ROOT = Path(__file__).parents[1]
_EXAMPLE = re.compile(r'`([\w./-]+\.py)`:\n\n```python\n(.*?)```', re.S)


def write_examples(page: str, folder: Path) -> list[Path]:
    """Puts a page's files (a name, then a block of Python) where the reader would."""
    found = []
    for name, code in _EXAMPLE.findall((ROOT / 'docs' / page).read_text(encoding='utf-8')):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code, encoding='utf-8')
        found.append(path)
    return found


def run(words: str, folder: Path, *, given: str = '', **env: str) -> str:
    """Runs a line of a page in a folder; returns what it printed."""
    argv = [sys.executable, *shlex.split(words)]
    done = subprocess.run(
        argv, cwd=folder, input=given, text=True, capture_output=True, check=False, env={**os.environ, **env}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_file_that_the_map_names_is_there() -> None:
    page = (ROOT / 'docs' / 'design.md').read_text(encoding='utf-8')
    named = set(re.findall(r'`([a-z]\w*(?:/\w+)+(?:\.py)?|\w+\.py)`', page))
    paths = [path.relative_to(ROOT) for top in ('swift_thyme', 'tests', 'plugins') for path in (ROOT / top).rglob('*')]
    there = {'/'.join(path.parts[i:]) for path in paths for i in range(len(path.parts))}
    assert len(named) > 40 and not {name for name in named if not {name, f'{name}.py'} & there}


@pytest.mark.parametrize('command', sorted(set(COMMANDS) - {method.value for method in Method}))
def test_every_flag_is_in_a_document(command: str) -> None:
    pages = ''.join(path.read_text(encoding='utf-8') for path in [ROOT / 'README.md', *(ROOT / 'docs').glob('*.md')])
    parser = argparse.ArgumentParser(add_help=False)
    importlib.import_module(COMMANDS[command][0]).add_arguments(parser)
    flags = [flag for action in parser._actions for flag in action.option_strings if flag.startswith('--')]
    assert not [flag for flag in flags if not re.search(rf'{flag}(?![\w-])', pages)]


def test_own_rows_are_accepted_as_the_page_writes_them(tmp_path: Path) -> None:
    (tmp_path / 'examples').symlink_to(ROOT / 'examples')
    write_examples('own-data.md', tmp_path)
    run('make_sft.py', tmp_path)
    said = run('-m swift_thyme.cli prepare sft sft.jsonl --out data/sft --certify', tmp_path)
    assert '1 kept, 0 rejected' in said and re.search(r'as_written +1 +100.0%\n', said)
    (line,) = re.findall(r"^echo '(\{.*\})' > rl\.jsonl$", (ROOT / 'docs' / 'own-data.md').read_text(), re.M)
    (tmp_path / 'rl.jsonl').write_text(line + '\n')
    assert '1 kept' in run('-m swift_thyme.cli prepare rl rl.jsonl --out data/rl', tmp_path)


def test_a_task_of_ones_own_makes_rows_that_the_sandbox_ran(tmp_path: Path) -> None:
    write_examples('extend.md', tmp_path)
    assert "'rows.jsonl': 2" in run('my_task.py', tmp_path)
    rows = (tmp_path / 'out' / 'read_map' / 'rows.jsonl').read_text().splitlines()
    assert all('<sandbox_output>' in json.loads(row)['messages'][-1]['content'] for row in rows)


def test_a_library_of_ones_own_can_be_imported_in_the_sandbox(tmp_path: Path) -> None:
    write_examples('extend.md', tmp_path)
    (line,) = re.findall(r"echo '(\{\"code\".*\})'", (ROOT / 'docs' / 'extend.md').read_text())
    path = os.pathsep.join(filter(None, ['tools/site-packages', os.environ.get('PYTHONPATH')]))
    result = json.loads(run('-m swift_thyme.cli sandbox', tmp_path, given=line + '\n', PYTHONPATH=path))
    assert result['outcome'] == 'ok' and '(5.0, 10.0)' in result['text']


@pytest.mark.slow
def test_a_family_and_a_reward_of_ones_own_are_registered(tmp_path: Path) -> None:
    files = [*write_examples('extend.md', tmp_path), *write_examples('own-reward.md', tmp_path)]
    names = [path.stem for path in files if path.stem in ('my_family', 'my_reward')]
    code = (
        f'import {", ".join(sorted(names))}\n'
        'from swift.template import TEMPLATE_MAPPING\nfrom swift.rewards import orms\n'
        'print(orms["concise"]()(["<answer>a b</answer>", "<answer>a b c d e f</answer>", "none"]))\n'
        'print("thyme_my_vl" in TEMPLATE_MAPPING)'
    )
    assert run(f'-c {shlex.quote(code)}', tmp_path).splitlines()[-2:] == ['[1.0, 0.0, 0.0]', 'True']
