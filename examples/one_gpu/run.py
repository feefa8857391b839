"""Runs stages of an experiment's YAML: each is one `thyme` or `swift` command, printed before it runs.

    python examples/one_gpu/run.py examples/one_gpu/experiment.yaml sft merge-sft rl     # these, in this order
    python examples/one_gpu/run.py examples/one_gpu/experiment.yaml --dry-run            # print all
    python examples/one_gpu/run.py … rl -s arm=rl-tau1 -s ats=false                      # other values
    python examples/one_gpu/run.py … rl -- --max_steps 2                                 # further flags, which win

Owns reading the file: `values` stand for `${name}` (`-s name=value` wins), `each` repeats a stage side by side, a flag
without a value is a bare one, a list is several words, a mapping is JSON. What the values mean is said in the file.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import string
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml


def words_of(value: Any) -> list[str]:
    """The words that stand behind a flag."""
    if value is None:
        return []
    if isinstance(value, bool):
        return [str(value).lower()]
    if isinstance(value, Mapping):
        return [json.dumps(value)]
    return [str(word) for word in value] if isinstance(value, list) else [str(value)]


def commands_of(stage: Mapping[str, Any], values: Mapping[str, str]) -> Iterator[tuple[dict[str, str], list[str]]]:
    """The variables and the words of each command of a stage.

    Raises:
        KeyError: the stage names a value that is not set.
    """
    name, choices = next(iter(stage.get('each', {'': ['']}).items()))
    for choice in choices:
        filled = {**values, name: choice}
        env = {key: ''.join(_filled(value, filled)) for key, value in stage.get('env', {}).items()}
        words = _filled(stage['run'], filled)[0].split()
        for flag, value in stage.get('flags', {}).items():
            words += [f'--{flag}', *_filled(value, filled)]
        yield env, words


def _filled(value: Any, values: Mapping[str, str]) -> list[str]:
    return [string.Template(word).substitute(values) for word in words_of(value)]


def read(path: Path, given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, Any]]:
    """The values of a file, those given put in, and its stages."""
    content = yaml.safe_load(path.read_text(encoding='utf-8'))
    values: dict[str, str] = {}
    for name, value in {**content['values'], **given}.items():
        values[name] = string.Template(''.join(words_of(value))).substitute(values)
    return values, content['stages']


def main(argv: list[str]) -> int:
    """Reads the command line and runs; returns the exit code of the command that failed, else 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('file', type=Path)
    parser.add_argument('stages', nargs='*', help='default: all, in the order of the file')
    parser.add_argument('-s', '--set', action='append', default=[], metavar='NAME=VALUE', help='a value for this run')
    parser.add_argument('--dry-run', action='store_true', help='print the commands only')
    at = argv.index('--') if '--' in argv else len(argv)
    args, further = parser.parse_intermixed_args(argv[:at]), argv[at + 1 :]
    given = dict(pair.partition('=')[::2] for pair in args.set)
    known, stages = read(args.file, {})
    unknown = [name for name in given if name not in known] + [name for name in args.stages if name not in stages]
    if unknown:
        parser.error(f'{args.file} has no {", ".join(unknown)}; it has {", ".join((*known, *stages))}')
    values, _ = read(args.file, given)
    for name in args.stages or stages:
        running = []
        for env, words in commands_of(stages[name], values):
            shown = [*(f'{key}={shlex.quote(value)}' for key, value in env.items()), shlex.join([*words, *further])]
            sys.stdout.write(f'# {name}\n{" ".join(shown)}\n')
            sys.stdout.flush()
            if not args.dry_run:
                running.append(subprocess.Popen([*words, *further], env={**os.environ, **env}))
        failed = [code for code in [process.wait() for process in running] if code]
        if failed:
            return failed[0]
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
