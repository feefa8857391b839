"""Runs cases of the suite against a backend, a few at a time, and puts the verdicts into a table."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from ..base import Sandbox
from .cases import GROUPS
from .suite import Case, World, check

AT_A_TIME = 6
"""Many cases only wait."""


@dataclass(frozen=True)
class Verdict:
    """What became of a case."""

    problems: tuple[str, ...]
    """What went wrong, and again when it was repeated alone; empty when the backend passes."""
    at_first: tuple[str, ...] = ()
    """What went wrong when it ran beside others: limits are in seconds, and a machine may be loaded."""


async def run_cases(
    cases: Sequence[Case], sandbox: Sandbox, world: World, *, at_a_time: int = AT_A_TIME
) -> dict[str, Verdict]:
    """Runs cases; one that fails beside others is run once more alone.

    Args:
        cases: which.
        sandbox: the backend.
        world: what surrounds it.
        at_a_time: sessions.

    Returns:
        Case name → verdict.
    """
    free = asyncio.Semaphore(at_a_time)

    async def run_one(case: Case) -> list[str]:
        async with free:
            return await check(case, sandbox, world)

    first = await asyncio.gather(*map(run_one, cases))
    return {
        case.name: Verdict(tuple(await check(case, sandbox, world)) if found else (), tuple(found))
        for case, found in zip(cases, first, strict=True)
    }


def table(verdicts: dict[str, Verdict]) -> str:
    """A line for each group of cases, then one for each problem."""
    lines = [f'{"group":12} {"cases":>6} {"passed":>7} {"when repeated":>14} {"failed":>7}']
    for name, cases in {**GROUPS, 'all': tuple(case for group in GROUPS.values() for case in group)}.items():
        found = [verdicts[case.name] for case in cases if case.name in verdicts]
        failed = sum(bool(verdict.problems) for verdict in found)
        repeated = sum(bool(verdict.at_first) for verdict in found) - failed
        lines.append(f'{name:12} {len(found):6} {len(found) - failed:7} {repeated:14} {failed:7}')
    failures = ((name, problem) for name, verdict in verdicts.items() for problem in verdict.problems)
    return '\n'.join([*lines, *(f'{name}: {problem}' for name, problem in failures)])
