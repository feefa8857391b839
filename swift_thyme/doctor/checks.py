"""The checks of `thyme doctor`. A part adds its own by appending a function to `CHECKS`; none changes anything."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class State(str, Enum):
    """How a check came out."""

    OK = 'ok'
    WARNING = 'warning'
    """It works, but something is worse than it could be."""
    FAILED = 'failed'


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    name: str
    state: State
    text: str
    """One line: what is there."""
    details: tuple[str, ...] = ()
    """Why, and what to do."""


def check_sandbox() -> Finding:
    """The sandbox's tier on this machine, and whether a snippet really runs."""
    from ..config import SandboxSettings
    from ..errors import SandboxError
    from ..sandbox import BlockingSandbox, ZygoteSandbox
    from ..sandbox.probe import choose_base_dir, probe
    from ..types import Outcome

    settings = SandboxSettings.from_env()
    found = probe()
    tiers = {
        'A': 'Landlock and seccomp confine every session',
        'B': 'no Landlock: each session gets a uid of its own, and may read what every user may read',
        'C': 'sessions cannot be confined',
    }
    base_dir = choose_base_dir(settings.base_dir)
    room = os.statvfs(base_dir)
    details = [*found.reasons, f'session files: {base_dir}, {room.f_bavail * room.f_frsize >> 20} MiB free']
    text = f'tier {found.tier.value}: {tiers[found.tier.value]}'
    try:
        with BlockingSandbox(ZygoteSandbox(settings)) as sandbox, sandbox.open() as session:
            result = session.run('print(6 * 7)')
    except SandboxError as error:
        return Finding('sandbox', State.FAILED, text, (*details, str(error)))
    if result.outcome is not Outcome.OK or result.text.strip() != '42':
        return Finding('sandbox', State.FAILED, text, (*details, f'a test snippet gave {result.outcome.value}'))
    details.append('a test snippet ran')
    return Finding('sandbox', State.OK if found.tier.value == 'A' else State.WARNING, text, tuple(details))


CHECKS: list[Callable[[], Finding]] = [check_sandbox]
"""All checks, in the order in which they are shown."""
