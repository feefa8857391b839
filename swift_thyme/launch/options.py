"""The flags of `thyme sft|rlhf|…` that are ours; they are taken out before the host sees the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TypeVar

from ..env import parse_bool
from ..errors import ConfigError
from .fill import Stage
from .words import Flags

T = TypeVar('T')


class DryRun(str, Enum):
    """What is printed instead of running."""

    COMMAND = 'command'
    YAML = 'yaml'


HELP = {
    'recipe': 'a packaged recipe (below): its flags, where they are not given; MODEL, DATASET, SAVE_PATH fill it',
    'O3': 'true: fill in plug-in, template, scheduler and mask (whatever of them is not given)',
    'stage': '1 or 2, of SFT: which rows of a prepared folder, which mask, and whether rows without pictures are fed '
    'from a file of their own',
    'global_batch_size': 'rows (SFT) or trajectories (GRPO) of one step over all GPUs; the accumulation follows',
    'hostfile': 'start on the nodes of this DeepSpeed hostfile instead of with torchrun',
    'without': 'names of flags to leave out, of those that a recipe gives',
    'dry_run': 'print the host command and end; `--dry-run yaml` prints it as the YAML that the host reads',
}
"""Our flags and what they do. `--resume_from_checkpoint auto` is the host's flag with one more value."""


@dataclass(frozen=True)
class LaunchOptions:
    """Our flags, read."""

    recipe: str | None = None
    o3: bool = False
    stage: Stage | None = None
    global_batch_size: int | None = None
    hostfile: Path | None = None
    dry_run: DryRun | None = None
    without: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def take(cls, flags: Flags) -> tuple[LaunchOptions, Flags]:
        """Separates our flags from the host's.

        Raises:
            ConfigError: one of ours has a value that cannot be used.
        """
        rest = dict(flags)
        given = {name: rest.pop(name) for name in HELP if name in rest}
        without = frozenset(name.lstrip('-').replace('-', '_') for name in given.get('without', ()))
        options = cls(
            recipe=_one(given, 'recipe', str, None),
            o3=_one(given, 'O3', parse_bool, False, bare=True),
            stage=_one(given, 'stage', Stage, None),
            global_batch_size=_one(given, 'global_batch_size', int, None),
            hostfile=_one(given, 'hostfile', Path, None),
            dry_run=_one(given, 'dry_run', DryRun, None, bare=DryRun.COMMAND),
            without=without,
        )
        return options, {name: values for name, values in rest.items() if name not in without}


def _one(given: Flags, name: str, parse: Callable[[str], T], default: T, *, bare: T | None = None) -> T:
    """Reads the one value of a flag; `bare` is what the flag means without one."""
    values = given.get(name)
    if values is None:
        return default
    if not values and bare is not None:
        return bare
    try:
        (value,) = values
        return parse(value)
    except ValueError as error:
        raise ConfigError(
            f'--{_spelt(name)} cannot be read: got {" ".join(values)!r}: {error}; it is for: {HELP[name]}'
        ) from error


def _spelt(name: str) -> str:
    return name.replace('dry_run', 'dry-run')


def usage_lines() -> list[str]:
    """One line for each of our flags."""
    return [f'  --{_spelt(name):<20} {text}' for name, text in HELP.items()]
