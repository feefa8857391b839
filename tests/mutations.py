"""Mutations that the tests must notice: `python tests/mutations.py [WORD ...]`, those whose name has one of the words.

Each is made by itself in a throw-away clone of HEAD, whose tests are taken to pass as they are, and tested in a fork of
this process, which has loaded the host but nothing of this package. A test that fails (pytest's exit code 1) catches
it; SURVIVES, NO CHANGE (the text is not there exactly once) and NOT RUN end with 1.
"""

from __future__ import annotations

import importlib
import os
import re
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

TABLE = Path(__file__).with_suffix('.txt')
HOST = ('swift.template', 'swift.model', 'swift.rollout', 'swift.rlhf_trainers.grpo_trainer')


def mutations() -> list[tuple[str, str, str, str, list[str]]]:
    """Name, file, text, replacement, and what pytest is given."""
    found, file, chosen = [], '', ['']
    for line in TABLE.read_text(encoding='utf-8').splitlines():
        if line.startswith('#'):
            continue
        if ' :: ' not in line:
            file, _, paths = line.partition(' @ ')
            chosen = [f'tests/{path}' for path in paths.split()]
            continue
        name, change, *words = line.split(' :: ')
        text, _, new = change.partition(' => ')
        found.append((name, f'swift_thyme/{file}', text, new, [*chosen, *(['-k', *words] if words else [])]))
    return found


def run_tests(clone: Path, tests: list[str], log: Path) -> int:
    """pytest's exit code, from a fork that ends with it; what it prints is in `log`."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with log.open('w') as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(clone)
    sys.path[:0] = [str(clone), str(clone / 'benchmarks')]
    options = ['-q', '-x', '-p', 'no:cacheprovider', '-m', 'not slow', '--hypothesis-profile', 'ci']
    code = pytest.main([*options, f'--basetemp={log.with_suffix("")}', *tests])
    sys.stdout.flush()
    os._exit(int(code))


def verdict(clone: Path, file: str, text: str, new: str, tests: list[str]) -> str:
    """What becomes of one mutation."""
    path = clone / file
    before = path.read_text(encoding='utf-8') if path.is_file() else ''
    if before.count(text) != 1:
        return f'NO CHANGE  ({before.count(text)} times in {file})'
    path.write_text(before.replace(text, new), encoding='utf-8')
    log = clone.parent / 'run.log'
    code = run_tests(clone, tests, log)
    path.write_text(before, encoding='utf-8')
    said = log.read_text(encoding='utf-8', errors='replace')
    if code == 0:
        return 'SURVIVES'
    if code != 1:
        return f'NOT RUN    (pytest ended with {code}: {said[-300:]!r})'
    first = re.search(r'^(?:FAILED|ERROR) (\S+)', said, re.MULTILINE)
    return f'caught     by {first[1] if first else "a test that ended pytest"}'


def prepare(clone: Path, modules: Sequence[str]) -> None:
    """What all runs share: a clone, the variables of the tests, modules, and one tiny checkpoint."""
    subprocess.run(['git', 'clone', '-q', str(Path(__file__).parents[1]), str(clone)], check=True)
    sys.path.remove(str(Path(__file__).parent))
    os.environ |= {'PYTHONPATH': str(clone), 'PYTHONDONTWRITEBYTECODE': '1', 'PYTEST_XDIST_WORKER': 'mutations'}
    sys.dont_write_bytecode = True
    runpy.run_path(str(clone / 'tests' / 'conftest.py'))
    for name in modules:
        importlib.import_module(name)


def main(words: list[str]) -> int:
    """Runs those that are chosen; 0 when all are caught."""
    chosen = [one for one in mutations() if not words or any(word in one[0] for word in words)]
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / 'clone'
        prepare(clone, HOST if any('tests/host/' in str(tests) for *_, tests in chosen) else ())
        results = []
        for name, *change in chosen:
            results.append(verdict(clone, *change))
            print(f'{name:<52} {results[-1]}', flush=True)
    caught = sum(result.startswith('caught') for result in results)
    print(f'{caught} of {len(chosen)} are caught')
    return int(not chosen or caught < len(chosen))


if __name__ == '__main__':
    raise SystemExit(main(sys.argv[1:]))
