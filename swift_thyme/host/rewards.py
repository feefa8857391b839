"""The rewards as the host sees them. Each class's name is its name on the command line and in the metrics.

Owns the host's calling convention: one list of floats for the local trajectories, the same number of calls on every
rank, never None. All rewards of a run share one scorer. What stands for a trajectory that is set aside is `scoring`'s.

They are synchronous on purpose: the host calls synchronous rewards in the order of `--reward_funcs` on every rank,
which the exchange between ranks needs. Judge calls run concurrently all the same, on a loop of their own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch.distributed as dist
from swift.rewards import ORM

from ..errors import ConfigError, JudgeError
from ..rewards.bound import Loss
from ..rewards.formula import REWARD_PARTS, reward_value
from ..rewards.scorer import NEEDS_ROUNDS, NEEDS_SOLUTION, Assessment
from ..rewards.trajectory import records_of, require_solutions
from ..trajectories import Record
from .arguments import remember_arguments
from .patch import watch_scoring
from .state import RunState, run_state

METRICS_FILE = 'thyme_rewards.jsonl'
"""In the output directory: one line a step and rank with the figures of `metrics.Metrics`."""


def exchange(error: JudgeError | None) -> JudgeError | None:
    """Tells all ranks of a rank's error, so that all stop with the same one; the first of them, or None."""
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() < 2:
        return error
    found: list[JudgeError | None] = [None] * dist.get_world_size()
    dist.all_gather_object(found, error)
    return next((e for e in found if e is not None), None)


class ThymeReward(ORM):  # type: ignore[misc]
    """Base of the rewards: assesses the batch at the shared scorer and weighs the parts it is for.

    What a reward is follows from `reward`, never from the name of its class, which only names the metric.
    """

    reward: ClassVar[str] = ''
    """Its name in `formula.REWARD_PARTS`."""

    skips_set_aside: ClassVar[bool] = True
    """That its 0 for a trajectory that is set aside is no value (`scoring`)."""

    def __init__(self, args: Any = None, *, state: RunState | None = None, **kwargs: Any) -> None:
        super().__init__(args, **kwargs)
        self.parts = REWARD_PARTS[self.reward]
        self._state = state or run_state()
        remember_arguments(args, self._state)
        self.scorer = self._state.scorer
        self.scorer.register(self.parts)
        self.folder = str(getattr(args, 'output_dir', '') or '')
        watch_scoring()

    def __call__(self, completions: Sequence[Any], **columns: Any) -> list[float]:
        """The rewards of the local trajectories; 0 stands for one that is set aside, until `scoring` has seen all.

        Raises:
            DataError: a row has no `solution`, and this reward needs it.
            JudgeError: on any rank the judge gave no ruling, and the policy is to stop.
        """
        records = records_of(completions, columns)
        if NEEDS_SOLUTION.intersection(self.parts):
            require_solutions(records, columns)
        if NEEDS_ROUNDS.intersection(self.parts):
            self._require_rounds(records)
        step = int(getattr(columns.get('trainer_state'), 'global_step', 0) or 0)
        found = self._assess(records, step)
        error = exchange(found if isinstance(found, JudgeError) else None)
        if error is not None:
            raise type(error)(str(error)) from error
        assert not isinstance(found, JudgeError)
        self._state.scoring.note_judge_losses(
            {
                record.request_id: Loss(one.set_aside, one.cause)
                for record, one in zip(records, found, strict=True)
                if one.set_aside is not None and record.set_aside is None
            }
        )
        settings = self.scorer.settings
        return [0.0 if one.set_aside else reward_value(self.reward, one.scores, settings) for one in found]

    def _assess(self, records: list[Record], step: int) -> list[Assessment] | JudgeError:
        known = self.scorer.latest
        try:
            return self.scorer.assess(self.reward, records, step)
        except JudgeError as error:
            return error
        finally:
            if self.scorer.latest is not known:
                self._write(self.scorer.latest)

    def _require_rounds(self, records: list[Record]) -> None:
        if any(record.stop_reason is None for record in records):
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
