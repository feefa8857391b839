"""Mutations that the tests must notice: `python tests/mutations.py [WORD ...]`, those whose name has one of the words.

Each is made by itself in a throw-away clone of HEAD, whose tests are taken to pass as they are. A test that fails
(pytest's exit code 1) catches it; SURVIVES, NO CHANGE (the text is not there exactly once) and NOT RUN end with 1.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

TABLE = Path(__file__).with_suffix('.txt')


def mutations() -> list[tuple[str, str, str, str, list[str]]]:
    """Name, file, text, replacement, and what pytest is given."""
    found, file, chosen = [], '', ['']
    for line in TABLE.read_text(encoding='utf-8').splitlines():
        if line.startswith('#'):
            continue
        if ' :: ' not in line:
            file, _, tests = line.partition(' @ ')
            paths, _, words = tests.partition(' -k ')
            chosen = [*(f'tests/{path}' for path in paths.split()), *(['-k', words.strip('"')] if words else [])]
            continue
        name, _, change = line.partition(' :: ')
        text, _, new = change.partition(' => ')
        found.append((name, f'swift_thyme/{file}', text, new, chosen))
    return found


def verdict(clone: Path, file: str, text: str, new: str, tests: list[str]) -> str:
    """What becomes of one mutation."""
    path = clone / file
    before = path.read_text(encoding='utf-8') if path.is_file() else ''
    if before.count(text) != 1:
        return f'NO CHANGE  ({before.count(text)} times in {file})'
    path.write_text(before.replace(text, new), encoding='utf-8')
    command = [sys.executable, '-m', 'pytest', '-q', '-x', '-p', 'no:cacheprovider', '-m', 'not slow', *tests]
    here = os.pathsep.join([str(clone), str(clone / 'benchmarks')])
    env = {**os.environ, 'PYTHONPATH': here, 'OMP_NUM_THREADS': '1', 'PYTHONDONTWRITEBYTECODE': '1'}
    done = subprocess.run([*command, '--hypothesis-profile', 'ci'], cwd=clone, env=env, capture_output=True, text=True)
    path.write_text(before, encoding='utf-8')
    if done.returncode > 1:
        return f'NOT RUN    (pytest ended with {done.returncode}: {done.stdout[-200:]!r})'
    first = re.search(r'^(?:FAILED|ERROR) (\S+)', done.stdout, re.MULTILINE)
    return f'caught     by {first[1] if first else "a test that ended pytest"}' if done.returncode else 'SURVIVES'


def main(words: list[str]) -> int:
    """Runs those that are chosen; 0 when all are caught."""
    chosen = [one for one in mutations() if not words or any(word in one[0] for word in words)]
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / 'clone'
        subprocess.run(['git', 'clone', '-q', str(Path(__file__).parents[1]), str(clone)], check=True)
        results = []
        for name, *change in chosen:
            results.append(verdict(clone, *change))
            print(f'{name:<52} {results[-1]}', flush=True)
    caught = sum(result.startswith('caught') for result in results)
    print(f'{caught} of {len(chosen)} are caught')
    return int(not chosen or caught < len(chosen))


if __name__ == '__main__':
    raise SystemExit(main(sys.argv[1:]))
