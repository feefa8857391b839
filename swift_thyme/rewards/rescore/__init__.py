"""Scoring saved trajectories again: other settings or another judge, the same rollouts.

Owns the comparison of what was given in training with what would be given now. Reads what `trajectories.record` wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...config import JudgeSettings, OutagePolicy, RewardSettings
from ...errors import DataError
from ...trajectories.record import read_trajectories
from ..formula import REWARD_PARTS, reward_value
from ..judge import JudgeClient
from ..neutral import Member, fill_in
from ..panel import Assessment, Panel
from ..trajectory import Case, read_cases


@dataclass(frozen=True)
class Rescored:
    """One trajectory, before and now."""

    record: Mapping[str, Any]
    before: Mapping[str, float]
    """Reward by name, as in training."""
    now: Mapping[str, float]
    set_aside: str
    """Why it carries no advantage now; empty when it does."""
    rule: str

    @property
    def changed(self) -> dict[str, tuple[float, float]]:
        """The rewards that differ: name → (before, now)."""
        pairs = {name: (self.before[name], value) for name, value in self.now.items() if name in self.before}
        return {name: pair for name, pair in pairs.items() if abs(pair[0] - pair[1]) > 1e-9}


def load(path: Path) -> list[dict[str, Any]]:
    """The saved trajectories below a folder.

    Raises:
        DataError: there is none.
    """
    records = read_trajectories(path) if path.is_dir() else []
    if not records:
        raise DataError(
            f'no trajectory to score: got {str(path)!r}; expected a folder with saved trajectories, such as '
            f'OUTPUT_DIR/trajectories; check the path'
        )
    return records


def cases_of(records: Sequence[Mapping[str, Any]]) -> list[Case]:
    """The trajectories as the rewards see them."""
    columns = {name: [r.get(name) for r in records] for name in ('question', 'solution', 'messages', 'request_id')}
    columns['rollout_infos'] = [{'thyme': {**r, 'turns': [_turn(t, r) for t in r.get('turns', ())]}} for r in records]
    columns['images'] = [[str(Path(r['folder']) / i) for i in r.get('images', ())] for r in records]
    return read_cases([r.get('text') for r in records], columns)


def _turn(turn: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    return {**turn, 'images': [str(Path(record['folder']) / i) for i in turn.get('images', ())]}


async def rescore(
    records: Sequence[Mapping[str, Any]], names: Sequence[str], settings: RewardSettings, judge: JudgeSettings | None
) -> list[Rescored]:
    """Scores trajectories with the given settings.

    Args:
        records: saved trajectories.
        names: the rewards to compute.
        settings: weights and convention.
        judge: whom to ask; None: nobody, and what rules leave open carries no advantage.

    Raises:
        JudgeError: a verdict could not be had, and the policy is to stop.
    """
    cases = cases_of(records)
    parts = {part for name in names for part in REWARD_PARTS[name]}
    client = JudgeClient(judge) if judge is not None else None
    try:
        outage = judge.outage if judge is not None else OutagePolicy.NEUTRAL
        found = await Panel(client, settings.convention).assess(cases, parts, outage)
    finally:
        if client is not None:
            await client.aclose()
    now = _values(names, records, cases, found, settings)
    return [
        Rescored(
            record,
            record.get('rewards') or {},
            dict(zip(names, now[i], strict=True)),
            assessment.set_aside.value if assessment.set_aside else '',
            assessment.rule.verdict.value if assessment.rule else '',
        )
        for i, (record, assessment) in enumerate(zip(records, found, strict=True))
    ]


def _values(
    names: Sequence[str],
    records: Sequence[Mapping[str, Any]],
    cases: Sequence[Case],
    found: Sequence[Assessment],
    settings: RewardSettings,
) -> list[list[float]]:
    members = [
        Member((r.get('step'), r.get('prompt_id')), c.request, a.set_aside is not None, bool(r.get('code_blocks')))
        for r, c, a in zip(records, cases, found, strict=True)
    ]
    values = [[0.0 if a.set_aside else reward_value(name, a.scores, settings) for name in names] for a in found]
    return fill_in(values, members)
