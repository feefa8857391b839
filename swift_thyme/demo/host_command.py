"""Runs the host's own commands as a user would, in a process of their own, with progress and a log file."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import ThymeError

CPU_ENVIRONMENT = {'MALLOC_MMAP_MAX_': '0', 'MALLOC_TRIM_THRESHOLD_': str(16 << 30)}
"""Makes glibc keep freed memory. On a CPU every step allocates the logits anew (150,000 columns), and getting their
pages from the kernel costs more than computing them: measured 2.0 against 0.5 s a step on a virtual machine with two
cores."""
_PROGRESS = re.compile(r"'global_step/max_steps': '(\d+)/(\d+)'")


class HostCommandFailed(ThymeError):
    """A host command ended with an error; the message holds the end of its log."""


@dataclass(frozen=True)
class HostCommand:
    """One `swift …` command."""

    method: str
    """`sft`, `rlhf`, …"""
    flags: Mapping[str, object]
    """Flag → value; a list gives several words."""

    @property
    def words(self) -> list[str]:
        """The command line without the interpreter."""
        out = ['swift', self.method]
        for flag, value in self.flags.items():
            out += [f'--{flag}', *map(str, value if isinstance(value, (list, tuple)) else [value])]
        return out

    def __str__(self) -> str:
        return shlex.join(self.words)


def run(
    command: HostCommand, *, log: Path, env: Mapping[str, str], on_progress: Callable[[int, int], None] | None = None
) -> float:
    """Runs a command to its end.

    Args:
        command: what to run.
        log: gets the command line and everything it prints.
        env: variables on top of this process's.
        on_progress: called with (step, steps) as the host reports them.

    Returns:
        Seconds it took.

    Raises:
        HostCommandFailed: its exit code is not 0.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    entry = ['swift.cli.main', command.method] if 'NPROC_PER_NODE' in env else [f'swift.cli.{command.method}']
    argv = [sys.executable, '-m', *entry, *command.words[2:]]
    env = {**({} if torch_has_gpu() else CPU_ENVIRONMENT), **env}
    told: tuple[str, str] | None = None
    with log.open('w', encoding='utf-8') as file:
        file.write(f'{_env_prefix(env)}{command}\n\n')
        file.flush()
        with subprocess.Popen(
            argv,
            env={**os.environ, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors='replace',
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                file.write(line)
                found = _PROGRESS.findall(line)
                if found and found[-1] != told and on_progress is not None:  # it reports the last step twice
                    told = found[-1]
                    on_progress(int(told[0]), int(told[1]))
    if process.returncode != 0:
        raise HostCommandFailed(
            f'`swift {command.method}` ended with exit code {process.returncode}; its last lines were:\n'
            f'{_tail(log)}\nsee {log}'
        )
    return time.monotonic() - start


def torch_has_gpu() -> bool:
    """Whether torch sees an accelerator."""
    import torch

    return bool(torch.cuda.is_available())


def _env_prefix(env: Mapping[str, str]) -> str:
    return ''.join(f'{name}={shlex.quote(value)} ' for name, value in env.items())


def _tail(log: Path, lines: int = 12) -> str:
    return '\n'.join(log.read_text(encoding='utf-8', errors='replace').splitlines()[-lines:])


def logged(output_dir: Path, key: str) -> list[float]:
    """The values of one metric over the steps of a training run, from the host's `logging.jsonl`."""
    values = []
    for line in (output_dir / 'logging.jsonl').read_text(encoding='utf-8').splitlines():
        record = json.loads(line)
        if key in record:
            values.append(float(record[key]))
    return values
