"""What all harnesses need: the interpreter that has them, the server's arguments, a run with its log, the report.

Owns the part that does not depend on the harness. `vlmevalkit` and `evalscope` build command lines and read scores.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import swift_thyme

from ...env import child_env
from ...errors import ConfigError, ThymeError
from ..summary import prompt, versions

PACKAGE_ROOT = Path(swift_thyme.__file__).parents[1]
_MODEL_FLAGS = (
    'model', 'adapters', 'backend', 'url', 'pictures_in', 'template', 'batch_size', 'max_tokens', 'max_rounds',
    'max_images', 'temperature', 'top_p', 'top_k', 'repetition_penalty', 'seed', 'retries', 'retry_temperature',
)  # fmt: skip
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
    """Answers that the harness did not get."""
    details: Mapping[str, Any] = field(default_factory=dict)


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


def model_arguments(args: argparse.Namespace) -> list[str]:
    """The flags of `infer.options` as the user gave them, for another of our commands."""
    found: list[str] = []
    for name in _MODEL_FLAGS:
        value = getattr(args, name)
        if value not in (None, ''):
            found += [f'--{name.replace("_", "-")}', str(value)]
    if args.engine_kwargs:
        found += ['--engine-kwargs', json.dumps(args.engine_kwargs)]
    return found + [flag for flag, on in (('--no-tools', args.no_tools), ('--fallback', args.fallback)) if on]


def model_values(args: argparse.Namespace) -> dict[str, Any]:
    """The values of `infer.options` by name, for a process that builds the model itself."""
    return {name: getattr(args, name) for name in (*_MODEL_FLAGS, 'engine_kwargs', 'no_tools', 'fallback')}


def require(python: str, module: str, install: str) -> str:
    """The version of a harness in an interpreter.

    Raises:
        ConfigError: it is not there; the message says how to install it.
    """
    code = f'import importlib.metadata as m; print(m.version({module!r}))'
    found = subprocess.run([python, '-c', code], capture_output=True, text=True, check=False, env=child_env())
    if found.returncode:
        raise ConfigError(
            f'{module} is not installed for {python}; it pins packages, so give it an environment of its own: '
            f'python -m venv ENV && ENV/bin/pip install {install}, then --harness-python ENV/bin/python'
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


def write_summary(
    run: HarnessRun, scores: Sequence[Score], *, model: Sequence[str], command: Sequence[str], version: str
) -> Path:
    """Writes `report.json` and `report.md`: the harness's own scores, with all that decided them.

    Args:
        run: what was run.
        scores: as the harness gave them.
        model: the flags that say which model answered, and how.
        command: of the harness.
        version: of the harness.

    Returns:
        The path of `report.md`.
    """
    stated = {
        'suite': run.suite,
        'version': version,
        'scores': [score.__dict__ for score in scores],
        'model': list(model),
        'command': list(command),
        'finished': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()),
        'versions': versions(),
        'prompt': prompt(),
    }
    (run.out / 'report.json').write_text(json.dumps(stated, indent=1, ensure_ascii=False) + '\n', encoding='utf-8')
    lines = [
        f'# {run.suite} {version}',
        '',
        '| data | metric | value | answers | not answered |',
        '|---|---|---|---|---|',
    ]
    lines += [f'| {s.data} | {s.metric} | {s.value:.4g} | {s.answers} | {s.failed} |' for s in scores]
    lines += ['', f'Model: `{shlex.join(model)}`', '', f'Command: `{shlex.join(command)}`', '']
    lines += ["The numbers are the harness's own; prompt and package versions are in report.json.", '']
    path = run.out / 'report.md'
    path.write_text('\n'.join(lines), encoding='utf-8')
    return path
