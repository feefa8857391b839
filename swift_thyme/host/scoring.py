"""What becomes of a batch once every reward has spoken: set-aside members, figures, records, and the bound of losses.

The host hands rewards their own rows and asks each for a value; only the trainer has all of them, the ranks' too, and
knows which trajectories it compares with each other: neighbours in the batch, `--num_generations` of them. So this
works for whichever rewards are named. `patch.watch_scoring` calls it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from accelerate.utils import gather_object
from msgspec.structs import replace

from ..config import RolloutSettings
from ..rewards.bound import Loss, SetAsideBound
from ..rewards.neutral import Member, fill_in
from ..rewards.trajectory import record_of_row, rollout_of
from ..trajectories import Fate, Phase, Record
from ..trajectories.figures import Tally, tally
from ..trajectories.record import EVAL_FOLDER, FOLDER, Recorder

_CAUSE_CHARS = 200
Values = dict[str, float | None]
"""Reward → value; None where it gave none."""


@dataclass(frozen=True)
class _Scored:
    """What the rewards said of one trajectory."""

    values: Values = field(default_factory=dict)
    """The mean of its group where it carries no advantage."""
    given: Values = field(default_factory=dict)
    loss: Loss | None = None


@dataclass
class Scoring:
    """The batches of one run as they are scored, on one rank."""

    _bound: SetAsideBound = field(default_factory=SetAsideBound)
    _recorders: dict[Path, Recorder] = field(default_factory=dict)
    _tally: Tally = field(default_factory=Tally)
    _judge_losses: dict[str, Loss] = field(default_factory=dict)
    _drawn: list[Sequence[Any]] = field(default_factory=list)
    """This rank's samples of every batch that was scored since the last one that is trained: of several, the host
    keeps some groups and throws the others away (`--dynamic_sample`)."""
    _scored: dict[str, _Scored] = field(default_factory=dict)
    """Of those, and of the other ranks', by request."""

    def note_judge_losses(self, losses: Mapping[str, Loss]) -> None:
        """Remembers, by request, the trajectories of the batch being scored for which no verdict was had."""
        self._judge_losses.update(losses)

    def settle(self, trainer: Any, samples: Sequence[Any], rewards_NF: torch.Tensor) -> torch.Tensor:
        """The rewards of all ranks' trajectories, as the host's group statistics must see them.

        Args:
            trainer: the host's.
            samples: those of this rank.
            rewards_NF: values of all ranks, in the order of `samples` within each; one column a reward.

        Raises:
            MachineryDown: too many trajectories are lost; on every rank at once.
        """
        own = [(sample.prompt_id, sample.request_id, self._loss(sample), _wrote_code(sample)) for sample in samples]
        self._judge_losses.clear()
        everybody = gather_object(own)
        self._bound.observe([loss for _, _, loss, _ in everybody])
        size = group_size(trainer)
        members = [
            Member(prompt if trainer.dynamic_num_samples else i // size, request, loss is not None, code)
            for i, (prompt, request, loss, code) in enumerate(everybody)
        ]
        filled_NF = fill_in(rewards_NF.tolist(), members)
        self._drawn.append(samples)
        for (_, request, loss, _), given, values in zip(everybody, rewards_NF.tolist(), filled_NF, strict=True):
            said = _named(trainer, given) | (dict.fromkeys(_skipping(trainer)) if loss else {})
            self._scored[request] = _Scored(_named(trainer, values), said, loss)
        return rewards_NF.new_tensor(filled_NF).reshape(rewards_NF.shape)

    def record(self, trainer: Any, samples: Sequence[Any]) -> None:
        """Counts and writes down the trajectories of a batch that is trained (or evaluated), advantages included.

        Args:
            trainer: the host's, after it computed the advantages.
            samples: those of this rank.
        """
        training, size = bool(trainer.model.training), group_size(trainer)
        groups, first = len(trainer._rewards_per_func) // size, _rank() * len(samples)
        kept = [(self._made(trainer, sample), (first + i) // size) for i, sample in enumerate(samples)]
        if training:
            known = [(record, group) for record, group in kept if record.turns]
            self._tally += tally([record for record, _ in known], [group for _, group in known])
        n_drawn = len(self._drawn) if len(self._drawn) > 1 else 0
        thrown = self._thrown(trainer, samples, groups, size) if n_drawn else []
        root = Path(trainer.args.output_dir) / (FOLDER if training else EVAL_FOLDER)
        if root not in self._recorders:
            limit = RolloutSettings.from_env().trajectory_mb << 20
            self._recorders[root] = Recorder(root, rank=_rank(), max_bytes=limit)
        self._recorders[root].write([*kept, *thrown], int(trainer.state.global_step), groups * (1 + n_drawn))
        self._drawn, self._scored = [], {}

    def take_tally(self) -> Tally:
        """What was counted on this rank since the last call."""
        total, self._tally = self._tally, Tally()
        return total

    def _thrown(self, trainer: Any, samples: Sequence[Any], groups: int, size: int) -> list[tuple[Record, int]]:
        """This rank's trajectories of the groups that the host drew and did not keep; numbered after those kept."""
        kept = set(gather_object([sample.request_id for sample in samples]))
        return [
            (self._made(trainer, sample, Fate.THROWN_AWAY), n * groups + (_rank() * len(drawn) + i) // size)
            for n, drawn in enumerate(self._drawn, 1)
            for i, sample in enumerate(drawn)
            if sample.request_id not in kept
        ]

    def _made(self, trainer: Any, sample: Any, fate: Fate | None = None) -> Record:
        """The record of a sample, with what training made of it."""
        scored, training = self._scored.get(sample.request_id, _Scored()), bool(trainer.model.training)
        record = record_of_row(sample.to_reward_row())
        if fate is None and scored.loss is not None:
            fate = Fate.SET_ASIDE
        elif fate is None and training:
            left_out = not record.sampled_ids or (trainer.overlong_filter and sample.is_truncated)
            fate = Fate.LEFT_OUT if left_out else Fate.TRAINED
        return replace(
            record,
            phase=Phase.TRAIN if training else Phase.EVALUATION,
            fate=fate,
            rewards=scored.values,
            rewards_given=scored.given if scored.given != scored.values else {},
            advantage=None if fate is Fate.THROWN_AWAY else float(sample.advantages),
        )

    def _loss(self, sample: Any) -> Loss | None:
        record = rollout_of(sample.rollout_infos) or Record()
        if record.set_aside is None:
            return self._judge_losses.get(sample.request_id)
        return Loss(record.set_aside, (record.quarantine_reason or record.error)[:_CAUSE_CHARS])


def group_size(trainer: Any) -> int:
    """How many neighbouring trajectories of the batch the host compares with each other."""
    return int(trainer.num_generations if trainer.model.training else trainer.num_generations_eval)


def _skipping(trainer: Any) -> list[str]:
    """The rewards of the run that say nothing of a trajectory that is set aside, and 0 in its place."""
    named = zip(trainer.reward_func_names, trainer.reward_funcs, strict=False)
    return [name for name, reward in named if getattr(reward, 'skips_set_aside', False)]


def _named(trainer: Any, values: Sequence[float | None]) -> Values:
    plain = (None if value is None or math.isnan(value) else value for value in values)
    return dict(zip(trainer.reward_func_names, plain, strict=True))


def _wrote_code(sample: Any) -> bool:
    return bool((rollout_of(sample.rollout_infos) or Record()).codes)


def _rank() -> int:
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0
