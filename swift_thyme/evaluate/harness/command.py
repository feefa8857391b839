"""What all harnesses need: the interpreter that has them, the server's arguments, a run with its log, the report.

Owns the part that does not depend on the harness. `vlmevalkit` and `evalscope` build command lines and read scores.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import swift_thyme

from ...agent import ANSWER_RULE
from ...env import child_env
from ...errors import ConfigError, ThymeError
from ...infer.describe import file_sha256
from ...infer.options import add_model_arguments, add_sampling_arguments, defaults_of, flags_of
from ..sources import named_pictures
from ..store import RUN, Store, versions
from ..summary import prompt

PACKAGE_ROOT = Path(swift_thyme.__file__).parents[1]
_LAST_LINES = 15


@dataclass(frozen=True)
class Score:
    """What a harness reports of one of its data sets."""

    data: str
    metric: str
    value: float
    """As the harness gives it: most give 0 to 1, some 0 to 100."""
    answers: int
    failed: int = 0
    """Requests that failed: the harness got nothing."""
    not_answered: int = 0
    """Replies in which the model gave no answer; they count as wrong."""


@dataclass(frozen=True)
class HarnessRun:
    """One run of a harness."""

    suite: str
    data: tuple[str, ...]
    out: Path
    python: str = sys.executable
    """Interpreter that has the harness."""
    name: str = 'thyme'
    """Under which the harness files its results."""
    concurrency: int = 8
    arguments: tuple[str, ...] = ()
    """Further ones, handed to the harness as they are."""
    limit: int | None = None


def model_values(args: argparse.Namespace) -> dict[str, Any]:
    """The values of `infer.options` by name, for a process that builds the model itself."""
    return {name: getattr(args, name) for name in defaults_of(add_model_arguments, add_sampling_arguments)}


def model_arguments(args: argparse.Namespace) -> list[str]:
    """The flags of `infer.options` that the user gave, for another of our commands."""
    default = defaults_of(add_model_arguments, add_sampling_arguments)
    return flags_of({name: value for name, value in model_values(args).items() if value != default[name]})


def require(python: str, package: str) -> str:
    """The version of a harness in an interpreter.

    Raises:
        ConfigError: it is not there; the message says how to install it.
    """
    code = f'import importlib.metadata as m; print(m.version({package!r}))'
    found = subprocess.run([python, '-c', code], capture_output=True, text=True, check=False, env=child_env())
    if found.returncode:
        raise ConfigError(
            f'{package} is not installed for {python}; it pins packages, so give it an environment of its own: '
            f'python -m venv ENV && ENV/bin/pip install {package}, then --harness-python ENV/bin/python'
        )
    return found.stdout.strip()


def execute(command: Sequence[str], log: Path, **env: str) -> None:
    """Runs a harness to its end.

    Args:
        command: what to run.
        log: gets all it prints.
        env: further environment variables.

    Raises:
        ThymeError: it failed; the message has the last lines of the log.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open('w', encoding='utf-8') as file:
        file.write(f'$ {shlex.join(command)}\n')
        file.flush()
        code = subprocess.run(
            command, stdout=file, stderr=subprocess.STDOUT, check=False, env=child_env(**env), cwd=log.parent
        ).returncode
    if code:
        last = '\n'.join(log.read_text(encoding='utf-8', errors='replace').splitlines()[-_LAST_LINES:])
        raise ThymeError(f'{command[0]} ended with code {code}; see {log}, which ends:\n{last}')


def scored(run: HarnessRun, command: Sequence[str], scores: Iterator[Score], **env: str) -> list[Score]:
    """Runs a harness to its end and reads its scores.

    Args:
        run: what is run.
        command: of the harness.
        scores: reads them, once it has ended.
        env: further environment variables.

    Raises:
        ThymeError: it failed, or gave no score.
    """
    log = run.out.resolve() / f'{run.suite}.log'
    execute(command, log, **env)
    found = list(scores)
    if not found:
        raise ThymeError(f'{run.suite} gave no score; see {log}')
    return found


@contextmanager
def begun(run: HarnessRun, policy: Mapping[str, Any], version: str) -> Iterator[None]:
    """Holds the run's folder, and lets a run go on there only where nothing has changed: the harness takes up answers
    that it finds.

    Args:
        run: what is run.
        policy: who answers, as `describe_policy` or a server's card states it.
        version: of the harness.

    Raises:
        ConfigError: the folder holds a run of another policy, other flags or other data, or one whose weights nobody
            can compare.
    """
    if (run.out / RUN).is_file() and 'weights_sha256' not in policy:
        raise ConfigError(
            f'{run.out} holds a run, and nothing tells whether the same weights answer now: the model is behind a '
            'server that does not say; name another --out'
        )
    settings = {
        'suite': run.suite,
        'version': version,
        'data': {name: _data_sha256(name) for name in run.data},
        'name': run.name,
        'arguments': list(run.arguments),
        'limit': run.limit,
        'policy': dict(policy),
    }
    with Store(run.out).opened(settings):
        yield


def _data_sha256(name: str) -> str:
    """Of a set of one's own: a file with the pictures that it names, or `NAME=FOLDER`. Empty for the harness's."""
    path = Path(name.partition('=')[2] or name)
    if path.is_file():
        named = named_pictures(path) if path.suffix == '.tsv' else []
        if not named:
            return file_sha256(path)
        files = [path, *named]
    elif path.is_dir():
        files = sorted(file for file in path.rglob('*') if file.is_file())
    else:
        return ''
    below = path if path.is_dir() else path.parent
    listed = [f'{os.path.relpath(file, below)} {file_sha256(file)}' for file in files]
    return hashlib.sha256('\n'.join(listed).encode()).hexdigest()


def write_summary(
    run: HarnessRun,
    scores: Sequence[Score],
    *,
    policy: Mapping[str, Any],
    sampled: Sequence[Mapping[str, Any]],
    command: Sequence[str],
    version: str,
) -> Path:
    """Writes `report.json` and `report.md`: the harness's own scores, with all that decided them.

    Args:
        run: what was run.
        scores: as the harness gave them.
        policy: who answered, as `begun` was told.
        sampled: how the engine was told to sample in this session, whoever decided that: the server's flags or the
            harness's requests. With the number of `requests` where it was counted.
        command: of the harness.
        version: of the harness.

    Returns:
        The path of `report.md`.
    """
    stated = {
        'suite': run.suite,
        'version': version,
        'scores': [score.__dict__ for score in scores],
        'policy': dict(policy),
        'sampled': [dict(one) for one in sampled],
        'answer_rule': f'{ANSWER_RULE}; the letter, where that takes one option of the question',
        'command': list(command),
        'finished': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()),
        'versions': versions(),
        'prompt': prompt(),
    }
    (run.out / 'report.json').write_text(json.dumps(stated, indent=1, ensure_ascii=False) + '\n', encoding='utf-8')
    lines = [
        f'# {run.suite} {version}',
        '',
        '| data | metric | value | asked | not answered | failed |',
        '|---|---|---|---|---|---|',
    ]
    lines += [
        f'| {s.data} | {s.metric} | {s.value:.4g} | {s.answers} | {s.not_answered} | {s.failed} |' for s in scores
    ]
    weights = policy.get('weights_sha256') or 'not known: they are behind a server that does not say'
    lines += ['', f'Model: {run.name}, {policy.get("model", "")}; weights (SHA-256): {weights}', '']
    lines += ['Sampling that reached the engine:', '', '```json', json.dumps(sampled, indent=1), '```', '']
    lines += [f'Command: `{shlex.join(command)}`', '']
    lines += [f'An answer is {stated["answer_rule"]}. Giving none is wrong.', '']
    lines += ["The numbers are the harness's own; prompt and package versions are in report.json.", '']
    path = run.out / 'report.md'
    path.write_text('\n'.join(lines), encoding='utf-8')
    return path
