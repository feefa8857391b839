"""Versions of what the package stands on, against those it was run with."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.version import InvalidVersion, Version

from ..errors import pip_line
from .finding import Finding, State

_FILE = json.loads(Path(__file__).with_name('matrix.json').read_text(encoding='utf-8'))
"""The one place of these numbers: `setup.py` takes its bounds from it, too."""


@dataclass(frozen=True)
class Tested:
    """What is known of one distribution."""

    name: str
    at_least: str
    run_with: tuple[str, ...]
    """Major and minor numbers that this package was run with."""
    below: str = ''
    """Empty for no upper bound."""
    extra: str = ''
    """Of this package, that installs it."""
    needed_for: str = ''
    """Empty when nothing works without it."""


MATRIX = tuple(Tested(**{**entry, 'run_with': tuple(entry['run_with'])}) for entry in _FILE['packages'])
PYTHONS = tuple(_FILE['python'])
SAID_AT_START = ('transformers', 'trl', 'vllm')
"""Whose newer versions change what is trained or sampled."""


def newer_than_tested(installed: Callable[[str], str | None] | None = None) -> list[str]:
    """One sentence for each of `SAID_AT_START` that is newer than any this package was run with."""
    lookup, out = installed or _installed, []
    for tested in MATRIX:
        if tested.name in SAID_AT_START and (got := lookup(tested.name)):
            newest = max(Version(number) for number in tested.run_with)
            with suppress(InvalidVersion):
                if Version(got).release[:2] > newest.release:
                    out.append(f'{tested.name} {got} is newer than those tested ({", ".join(tested.run_with)})')
    return out


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
            return (
                State.WARNING,
                f'{tested.name} is not installed; it is for {tested.needed_for}: {pip_line(tested.extra)}',
            )
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
