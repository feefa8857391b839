"""Scoring saved trajectories again: other settings or another judge, the same rollouts.

Owns the comparison of what was given in training with what would be given now. Reads what `trajectories.record` wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...config import JudgeSettings, OutagePolicy, RewardSettings
from ...errors import DataError
from ...trajectories import Fate, Record, read_records
from ..formula import REWARD_PARTS, reward_value
from ..judge import JudgeClient
from ..neutral import Member, fill_in
from ..scorer import Assessment, Scorer


@dataclass(frozen=True)
class Rescored:
    """One trajectory, before and now."""

    record: Record
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


def load(path: Path) -> list[Record]:
    """The saved trajectories below a folder.

    Raises:
        DataError: there is none.
    """
    found = read_records(path) if path.is_dir() else ()
    records = [record for record in found if record.fate is not Fate.THROWN_AWAY]
    if not records:
        raise DataError(
            f'no trajectory to score: got {str(path)!r}; expected a folder with saved trajectories, such as '
            f'OUTPUT_DIR/trajectories; check the path'
        )
    return records


async def rescore(
    records: Sequence[Record], names: Sequence[str], settings: RewardSettings, judge: JudgeSettings | None
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
    parts = {part for name in names for part in REWARD_PARTS[name]}
    client = JudgeClient(judge) if judge is not None else None
    try:
        outage = judge.outage if judge is not None else OutagePolicy.NEUTRAL
        found = await Scorer(client, settings.convention).assess(records, parts, outage)
    finally:
        if client is not None:
            await client.aclose()
    now = _values(names, records, found, settings)
    return [
        Rescored(
            record,
            {name: value for name, value in record.rewards.items() if value is not None},
            dict(zip(names, now[i], strict=True)),
            assessment.set_aside.value if assessment.set_aside else '',
            assessment.rule.verdict.value if assessment.rule else '',
        )
        for i, (record, assessment) in enumerate(zip(records, found, strict=True))
    ]


def _values(
    names: Sequence[str],
    records: Sequence[Record],
    found: Sequence[Assessment],
    settings: RewardSettings,
) -> list[list[float]]:
    members = [
        Member((r.folder, r.step, r.prompt_id), r.request_id, a.set_aside is not None, bool(r.codes))
        for r, a in zip(records, found, strict=True)
    ]
    values = [[0.0 if a.set_aside else reward_value(name, a.scores, settings) for name in names] for a in found]
    return fill_in(values, members)
