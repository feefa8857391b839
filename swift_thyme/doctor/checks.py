"""The checks of `thyme doctor`. A part adds its own by appending a function to `CHECKS`; none changes anything."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import aclosing

from ..config import JudgeSettings, SandboxSettings
from ..env import read_env
from ..errors import ConfigError, ThymeError
from .finding import Finding, State
from .machine import check_disk, check_flash_attention, check_gpu, check_ports, check_shared_memory
from .versions import check_versions

_JUDGE_TIMEOUT_S = 3.0
_OF_A_STRANGER = (OSError, LookupError, ValueError, TypeError, AttributeError, RuntimeError)
"""What the class of a backend of somebody else's may raise beside the errors of this package."""


def check_sandbox() -> Finding:
    """The sandbox's tier on this machine, or what its pool consists of, and whether a snippet really runs."""
    from ..errors import SandboxError
    from ..sandbox import ZygoteSandbox, try_snippet
    from ..sandbox.probe import choose_base_dir, probe

    try:
        settings = SandboxSettings.from_env()
    except ConfigError as error:
        return Finding('sandbox', State.FAILED, 'its settings cannot be used', (str(error),))
    if settings.backend != 'local':
        return _check_backend(settings)
    found = probe()
    tiers = {
        'A': 'Landlock and seccomp confine every session',
        'B': 'no Landlock: sessions write and read wherever every user may; refused unless you allow it',
        'C': 'sessions cannot be confined',
    }
    base_dir = choose_base_dir(settings.base_dir)
    room = os.statvfs(base_dir)
    details = [*found.reasons, f'session files: {base_dir}, {room.f_bavail * room.f_frsize >> 20} MiB free']
    text = f'tier {found.tier.value}: {tiers[found.tier.value]}'

    async def run_one() -> None:
        async with aclosing(ZygoteSandbox(settings, warm=False)) as sandbox:
            await try_snippet(sandbox)

    try:
        asyncio.run(run_one())
    except SandboxError as error:
        return Finding('sandbox', State.FAILED, text, (*details, str(error)))
    details.append('a test snippet ran')
    return Finding('sandbox', State.OK if found.tier.value == 'A' else State.WARNING, text, tuple(details))


def _check_backend(settings: SandboxSettings) -> Finding:
    """Another backend: a snippet on each of its machines that is not full, and its own figures."""
    from ..sandbox import make_sandbox

    async def look() -> tuple[dict[str, str], dict[str, float]]:
        async with aclosing(make_sandbox(settings)) as sandbox:
            return await sandbox.examine(), sandbox.figures()

    try:
        faults, figures = asyncio.run(look())
    except (ThymeError, *_OF_A_STRANGER) as error:
        told = str(error) if isinstance(error, ThymeError) else f'{type(error).__name__}: {error}'
        return Finding('sandbox', State.FAILED, f'{settings.backend}: it does not work', (told,))
    works = sum(not fault for fault in faults.values())
    text = f'{settings.backend}: {works} of {len(faults)} machines work'
    details = [f'{name}: {fault or "well"}' for name, fault in faults.items()]
    details += [f'{name}: {value:g}' for name, value in figures.items()]
    state = State.OK if works == len(faults) else State.WARNING if works else State.FAILED
    return Finding('sandbox', state, text, tuple(details))


def check_judge() -> Finding:
    """Whether every address of `REWARD_API_ADDRESS` and `QWEN_API_PORT` answers; `thyme judge check` looks at what."""
    from ..rewards.judge.check import first_models

    try:
        settings = JudgeSettings.from_env()
        models, causes = asyncio.run(first_models(settings, _JUDGE_TIMEOUT_S))
    except ConfigError as error:
        return Finding('judge', State.FAILED, 'its settings cannot be used', (str(error),))
    text = f'{len(models)} of {len(settings.addresses)} addresses answer'
    if not causes:
        return Finding('judge', State.OK, text)
    named = bool(read_env('REWARD_API_ADDRESS', str, '') or read_env('QWEN_API_PORT', str, ''))
    details = tuple(f'{address}: {cause}' for address, cause in causes.items())
    advice = 'start one: thyme judge --model M (or --rules); then set REWARD_API_ADDRESS and QWEN_API_PORT'
    return Finding('judge', State.FAILED if named else State.WARNING, text, (*details, advice))


CHECKS: list[Callable[[], Finding]] = [
    check_versions,
    check_gpu,
    check_flash_attention,
    check_sandbox,
    check_judge,
    check_disk,
    check_shared_memory,
    check_ports,
]
"""All checks, in the order in which they are shown."""
