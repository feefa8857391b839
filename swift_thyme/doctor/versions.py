"""Versions of what the package stands on, against those it was run with."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from packaging.version import InvalidVersion, Version

from .finding import Finding, State


@dataclass(frozen=True)
class Tested:
    """What is known of one distribution."""

    name: str
    at_least: str
    below: str
    """Empty for no upper bound."""
    run_with: tuple[str, ...]
    """Major and minor numbers that this package was run with."""
    needed_for: str = ''
    """Empty when nothing works without it."""


MATRIX = (
    Tested('ms-swift', '4.6', '4.7', ('4.6',)),
    Tested('torch', '2.6', '', ('2.11', '2.13', '2.14', '2.15')),
    Tested('transformers', '4.57', '5.20', ('5.17', '5.19')),
    Tested('trl', '0.26', '1.0', ('0.29',)),
    Tested('vllm', '0.11', '', ('0.24', '0.32'), 'fast generation: pip install "swift-thyme[vllm]"'),
    Tested('deepspeed', '0.17', '', ('0.19',), 'several GPUs: pip install "swift-thyme[deepspeed]"'),
)
PYTHONS = ('3.10', '3.11', '3.12')


def check_versions(installed: Callable[[str], str | None] | None = None) -> Finding:
    """Python and the distributions of `MATRIX`."""
    lookup = installed or _installed
    found, advice, state = [], [], State.OK
    python = '.'.join(platform.python_version_tuple()[:2])
    if python not in PYTHONS:
        state, advice = State.FAILED, [f'Python {python} is not supported: use one of {", ".join(PYTHONS)}']
    for tested in MATRIX:
        got = lookup(tested.name)
        found.append(f'{tested.name} {got or "missing"}')
        worse, text = _judge(tested, got)
        advice += [text] if text else []
        state = max(state, worse, key=_SEVERITY.index)
    return Finding('versions', state, f'Python {python}, {", ".join(found)}', tuple(advice))


_SEVERITY = [State.OK, State.WARNING, State.FAILED]


def _judge(tested: Tested, got: str | None) -> tuple[State, str]:
    wanted = f'>={tested.at_least}' + (f',<{tested.below}' if tested.below else '')
    if got is None:
        if tested.needed_for:
            return State.WARNING, f'{tested.name} is not installed; it is for {tested.needed_for}'
        return State.FAILED, f"{tested.name} is not installed: pip install '{tested.name}{wanted}'"
    try:
        number = Version(got)
    except InvalidVersion:
        return State.WARNING, f'{tested.name} {got} is a version that cannot be compared; tested: {tested.run_with}'
    if number < Version(tested.at_least) or (tested.below and number >= Version(tested.below)):
        return State.FAILED, f"{tested.name} {got} does not work: pip install '{tested.name}{wanted}'"
    if f'{number.major}.{number.minor}' not in tested.run_with:
        return State.WARNING, f'{tested.name} {got} was not tested; tested: {", ".join(tested.run_with)}'
    return State.OK, ''


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
