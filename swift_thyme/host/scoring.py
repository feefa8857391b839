"""What becomes of a batch once every reward has spoken: set-aside members, figures, records, and the bound of losses.

The host hands rewards their own rows and asks each for a value; only the trainer has all of them, the ranks' too, and
knows which trajectories it compares with each other: neighbours in the batch, `--num_generations` of them. So this
works for whichever rewards are named. `patch.watch_scoring` calls it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from accelerate.utils import gather_object

from ..config import RolloutSettings
from ..rewards.bound import Loss, SetAsideBound
from ..rewards.neutral import Member, fill_in
from ..rewards.trajectory import set_aside_of
from ..trajectories.figures import Tally, tally
from ..trajectories.record import EVAL_FOLDER, FOLDER, Recorder, Scores

_CAUSE_CHARS = 200

_BOUND = SetAsideBound()
_RECORDERS: dict[Path, Recorder] = {}
_TALLIES: list[Tally] = []
_JUDGE_LOSSES: dict[str, Loss] = {}


def note_judge_losses(losses: Mapping[str, Loss]) -> None:
    """Remembers, by request, the trajectories of the batch being scored for which no verdict was had."""
    _JUDGE_LOSSES.update(losses)


def settle(trainer: Any, samples: Sequence[Any], rewards_NF: torch.Tensor) -> torch.Tensor:
    """The rewards of all ranks' trajectories, as the host's group statistics must see them.

    Args:
        trainer: the host's.
        samples: those of this rank.
        rewards_NF: values of all ranks, in the order of `samples` within each; one column a reward.

    Raises:
        MachineryDown: too many trajectories are lost; on every rank at once.
    """
    own = [(sample.prompt_id, sample.request_id, _loss(sample), _wrote_code(sample)) for sample in samples]
    _JUDGE_LOSSES.clear()
    everybody = gather_object(own)
    _BOUND.observe([loss for _, _, loss, _ in everybody])
    size = group_size(trainer)
    members = [
        Member(prompt if trainer.dynamic_num_samples else i // size, request, loss is not None, code)
        for i, (prompt, request, loss, code) in enumerate(everybody)
    ]
    return rewards_NF.new_tensor(fill_in(rewards_NF.tolist(), members)).reshape(rewards_NF.shape)


def group_size(trainer: Any) -> int:
    """How many neighbouring trajectories of the batch the host compares with each other."""
    return int(trainer.num_generations if trainer.model.training else trainer.num_generations_eval)


def record(trainer: Any, samples: Sequence[Any]) -> None:
    """Counts and writes down the trajectories of a batch that is trained (or evaluated), advantages included.

    Args:
        trainer: the host's, after it computed the advantages.
        samples: those of this rank.
    """
    training = bool(trainer.model.training)
    first, size = _rank() * len(samples), group_size(trainer)
    if training:
        known = [(info, (first + i) // size) for i, sample in enumerate(samples) if (info := _info(sample))]
        _TALLIES.append(tally([info for info, _ in known], [group for _, group in known]))
    root = Path(trainer.args.output_dir) / (FOLDER if training else EVAL_FOLDER)
    if root not in _RECORDERS:
        _RECORDERS[root] = Recorder(root, rank=_rank(), max_bytes=RolloutSettings.from_env().trajectory_mb << 20)
    rewards_NF = trainer._rewards_per_func[first : first + len(samples)].tolist()
    rows = [
        (sample.to_reward_row(), Scores(dict(zip(trainer.reward_func_names, values, strict=True)), advantage, group))
        for i, (sample, values) in enumerate(zip(samples, rewards_NF, strict=True))
        for advantage, group in [(float(sample.advantages), (first + i) // size)]
    ]
    _RECORDERS[root].write(rows, int(trainer.state.global_step), len(trainer._rewards_per_func) // size)


def take_tally() -> Tally:
    """What was counted on this rank since the last call."""
    total = sum(_TALLIES, Tally())
    _TALLIES.clear()
    return total


def _info(sample: Any) -> Mapping[str, Any]:
    info = (sample.rollout_infos or {}).get('thyme')
    return info if isinstance(info, Mapping) else {}


def _loss(sample: Any) -> Loss | None:
    info = _info(sample)
    reason = set_aside_of(info)
    if reason is None:
        return _JUDGE_LOSSES.get(sample.request_id)
    return Loss(reason, str(info.get('quarantine_reason') or info.get('error') or '')[:_CAUSE_CHARS])


def _wrote_code(sample: Any) -> bool:
    return bool(_info(sample).get('code_blocks'))


def _rank() -> int:
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0
