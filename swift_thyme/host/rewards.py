"""The rewards as the host sees them. Each class's name is its name on the command line and in the metrics.

Owns the host's calling convention: one list of floats for the local trajectories, the same number of calls on every
rank, never None. All rewards of a run share one desk.

They are synchronous on purpose: the host calls synchronous rewards in the order of `--reward_funcs` on every rank,
which the exchange between ranks needs. Judge calls run concurrently all the same, on a loop of their own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch.distributed as dist
from swift.rewards import ORM

from ..config import JudgeSettings, RewardSettings, RolloutSettings
from ..errors import ConfigError, JudgeError
from ..rewards.desk import Desk
from ..rewards.formula import REWARD_PARTS, reward_value
from ..rewards.neutral import Scored, Sheet, fill_in
from ..rewards.panel import NEEDS_ROUNDS, NEEDS_SOLUTION
from ..rewards.trajectory import Case, read_cases, require_solutions
from ..trajectories.figures import Tally, tally
from ..trajectories.record import FOLDER, Recorder
from .arguments import remember_arguments
from .preflight import check_datasets

METRICS_FILE = 'thyme_rewards.jsonl'
"""In the output directory: one line a step and rank with the figures of `metrics.Metrics`."""

_DESKS: list[Desk] = []
_RECORDERS: dict[str, Recorder] = {}
_TALLIES: list[Tally] = []
_COUNTED: list[Any] = []
"""The batch that was counted last, so that several rewards count it once."""


def shared_desk() -> Desk:
    """The desk of this process; its settings are read from the environment at the first call.

    Raises:
        ConfigError: a variable has a value that cannot be used.
    """
    if not _DESKS:
        _DESKS.append(Desk(RewardSettings.from_env(), JudgeSettings.from_env()))
    return _DESKS[0]


def shared_recorder(folder: str) -> Recorder:
    """The recorder of this process for an output folder; all rewards of a run report to the same one."""
    if folder not in _RECORDERS:
        rank = dist.get_rank() if dist.is_available() and dist.is_initialized() else 0
        max_bytes = RolloutSettings.from_env().trajectory_mb << 20
        _RECORDERS[folder] = Recorder(Path(folder) / FOLDER, rank=rank, max_bytes=max_bytes)
    return _RECORDERS[folder]


def exchange(sheet: Sheet) -> Sequence[Sheet]:
    """Gives a rank's sheet to all ranks and returns everybody's; a single process only gets its own back."""
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() < 2:
        return [sheet]
    found: list[Sheet] = [Sheet()] * dist.get_world_size()
    dist.all_gather_object(found, sheet)
    return found


def count_rollouts(infos: Sequence[Any]) -> None:
    """Counts the rollouts of a batch once, whichever rewards see it."""
    found = [info['thyme'] for info in infos if isinstance(info, Mapping) and isinstance(info.get('thyme'), Mapping)]
    if [id(info) for info in found] != [id(info) for info in _COUNTED]:
        _COUNTED[:] = found
        _TALLIES.append(tally(found))


def take_tally() -> Tally:
    """What was counted on this rank since the last call."""
    total = sum(_TALLIES, Tally())
    _TALLIES.clear()
    return total


class ThymeReward(ORM):  # type: ignore[misc]
    """Base of the rewards: assesses the batch at the shared desk and weighs the parts it is for.

    What a reward is follows from `reward`, never from the name of its class, which only names the metric.
    """

    reward: ClassVar[str] = ''
    """Its name in `formula.REWARD_PARTS`."""

    def __init__(self, args: Any = None, **kwargs: Any) -> None:
        super().__init__(args, **kwargs)
        self.parts = REWARD_PARTS[self.reward]
        remember_arguments(args)
        self.desk = shared_desk()
        self.desk.register(self.parts)
        check_datasets(getattr(args, 'dataset', None) or [], need_solution=bool(NEEDS_SOLUTION & set(self.parts)))
        self.folder = str(getattr(args, 'output_dir', '') or '')
        self.recorder = shared_recorder(self.folder) if self.folder else None
        if self.recorder is not None:
            self.recorder.expect(self.reward)

    def __call__(self, completions: Sequence[Any], **columns: Any) -> list[float]:
        """The rewards of the local trajectories.

        Raises:
            DataError: a row has no `solution`, and this reward needs it.
            JudgeError: on any rank the judge gave no ruling, and the policy is to stop.
        """
        cases = read_cases(completions, columns)
        if NEEDS_SOLUTION.intersection(self.parts):
            require_solutions(cases, columns)
        if NEEDS_ROUNDS.intersection(self.parts):
            self._require_rounds(cases)
        count_rollouts(columns.get('rollout_infos') or [])
        step = int(getattr(columns.get('trainer_state'), 'global_step', 0) or 0)
        sheets = exchange(self._sheet(cases, step))
        error = next((s.error for s in sheets if s.error is not None), None)
        if error is not None:
            raise type(error)(str(error)) from error
        own = sheets[dist.get_rank() if len(sheets) > 1 else 0]
        values = fill_in(own.rows, [row for sheet in sheets for row in sheet.rows])
        if self.recorder is not None:
            self.recorder.add(self.reward, values, columns, step)
        return values

    def _sheet(self, cases: list[Case], step: int) -> Sheet:
        known = self.desk.latest
        try:
            assessments = self.desk.assess(self.reward, cases, step)
        except JudgeError as error:
            return Sheet(error=error)
        finally:
            if self.desk.latest is not known:
                self._write(self.desk.latest)
        settings = self.desk.settings
        values = [None if a.set_aside else reward_value(self.reward, a.scores, settings) for a in assessments]
        return Sheet(tuple(Scored(c.group, c.request, v) for c, v in zip(cases, values, strict=True)))

    def _require_rounds(self, cases: list[Case]) -> None:
        if any(case.rounds is None and case.set_aside is None for case in cases):
            raise ConfigError(
                f"{self.reward} needs to know which code ran: got no rollout_infos['thyme']; expected the "
                f'scheduler’s record; train with --multi_turn_scheduler thyme, or leave this reward out'
            )

    def _write(self, figures: dict[str, float]) -> None:
        if self.folder and Path(self.folder).is_dir():
            rank = dist.get_rank() if dist.is_available() and dist.is_initialized() else 0
            with (Path(self.folder) / METRICS_FILE).open('a', encoding='utf-8') as file:
                file.write(json.dumps({'rank': rank, **figures}) + '\n')


class fmt_orm(ThymeReward):
    """`FMT_WEIGHT` × format."""

    reward = 'fmt_orm'


class vqa_orm(ThymeReward):
    """`VQA_WEIGHT` × result: rules first, then the judge."""

    reward = 'vqa_orm'


class cst_orm(ThymeReward):
    """`CST_WEIGHT` × consistency × result.

    Differs from the release: the trainer there multiplies by the result of a reward whose class has a certain name;
    here the result is part of this reward, so that it is the same whichever other rewards are named.
    """

    reward = 'cst_orm'


class code_orm(ThymeReward):
    """`CODE_WEIGHT` × share of code blocks that ran."""

    reward = 'code_orm'


class code_orm_llm(ThymeReward):
    """`CODE_WEIGHT` × whether all code ran and is useful, as the judge sees it."""

    reward = 'code_orm_llm'


class vqa_prm(ThymeReward):
    """`VQA_PRM_WEIGHT` × mean of the judge's two scores of the process, each from 0.1 to 1."""

    reward = 'vqa_prm'


class code_prm(ThymeReward):
    """`CODE_PRM_WEIGHT` × whether the pictures made by the code help, as a judge that sees them says."""

    reward = 'code_prm'


class thyme_reward(ThymeReward):
    """The whole reward in one: `result * (1 + 0.5 * consistency) + 0.5 * format`."""

    reward = 'thyme_reward'


REWARDS: dict[str, type[ThymeReward]] = {
    reward.reward: reward
    for reward in (fmt_orm, vqa_orm, cst_orm, code_orm, code_orm_llm, vqa_prm, code_prm, thyme_reward)
}
"""Name on the command line → reward."""
