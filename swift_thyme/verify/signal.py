"""What a step learnt from: advantages of groups, log-probs of a row, loss and KL divergence of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..trajectories import Record
from ..types import StopReason
from .rows import Row

_STD_FLOOR = 1e-4
"""The host adds it to a standard deviation before it divides."""


def advantages(group: Sequence[Record], weights: Sequence[float] | None, *, scaled: bool) -> list[float]:
    """GRPO's advantages of one group: rewards less their mean, by default over their deviation (Bessel's).

    A quarantined member is given the mean of the others, reward by reward. Where members with code were lost and none
    with code was scored, nobody has an advantage.

    Args:
        group: all members, in any order.
        weights: `--reward_weights`, in the order of the record's rewards.
        scaled: `--scale_rewards group`.
    """
    scored = [record for record in group if not record.quarantined]
    lost_code = any(record.code_blocks for record in group if record.quarantined)
    if not scored or (lost_code and not any(record.code_blocks for record in scored)):
        return [0.0] * len(group)
    returns = [
        sum(w * (value or 0.0) for w, value in zip(weights or [1.0] * len(r.rewards), r.rewards.values(), strict=True))
        for r in scored
    ]
    mean = sum(returns) / len(returns)
    own = iter(returns)
    values = [mean if record.quarantined else next(own) for record in group]
    middle = sum(values) / len(values)
    spread = (sum((v - middle) ** 2 for v in values) / max(len(values) - 1, 1)) ** 0.5
    return [(v - middle) / ((spread + _STD_FLOOR) if scaled else 1.0) for v in values]


class LogProbs:
    """Log-probabilities of rows under checkpoints: one row at a time, unpadded, eager attention, 32 bits."""

    def __init__(self, processor: Path, *, temperature: float) -> None:
        from transformers import AutoImageProcessor

        self._images: Any = AutoImageProcessor.from_pretrained(processor)  # type: ignore[no-untyped-call]
        self._temperature = temperature

    def of(self, row: Row, model: Path, pad_id: int) -> Any:
        """Log-probabilities of the trained tokens of a row, in order; a tensor of 32 bits."""
        import torch

        extra: dict[str, Any] = {}
        if row.pictures:
            extra = dict(self._images(images=row.pictures, return_tensors='pt', do_resize=False))
        ids = torch.tensor([row.ids])
        with torch.no_grad():
            logits = self._load(model)(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                mm_token_type_ids=(ids == pad_id).long(),
                **extra,
            ).logits[0]
        log_probs = torch.log_softmax(logits[:-1].float() / self._temperature, -1)
        taken = log_probs.gather(1, ids[0, 1:, None])[:, 0]
        return taken[torch.tensor(row.trained[1:])]

    @lru_cache(maxsize=3)  # noqa: B019 - one object a run, of a few rows each time
    def _load(self, model: Path) -> Any:
        import torch
        from transformers import AutoModelForImageTextToText

        factory: Any = AutoModelForImageTextToText
        return factory.from_pretrained(model, dtype=torch.float32, attn_implementation='eager').eval()


def loss_and_kl(
    rows: Sequence[tuple[Record, float, Mapping[str, Any]]], settings: Mapping[str, Any]
) -> tuple[float, float]:
    """GRPO's loss over a batch (each row's tokens averaged first), and its KL divergence as the host logs it.

    The divergence is the mean over micro-batches of the mean over their trained tokens.

    Args:
        rows: record, advantage, and the log-probs `now`, `old` and `reference` of its trained tokens; in their order.
        settings: of the run: `epsilon`, `epsilon_high`, `beta`, `overlong_filter`, `per_device_train_batch_size`.
    """
    low, beta = float(settings.get('epsilon') or 0.2), float(settings.get('beta') or 0.0)
    high = float(settings.get('epsilon_high') or low)
    micro = int(settings.get('per_device_train_batch_size') or len(rows))
    total, divergences = 0.0, []
    for start in range(0, len(rows), micro):
        divergence, tokens = 0.0, 0
        for record, advantage, log_probs in rows[start : start + micro]:
            now, old = log_probs['now'], log_probs['old']
            too_long = record.stop_reason is StopReason.LENGTH  # `--overlong_filter true` keeps it out of the loss
            if not len(now) or (settings.get('overlong_filter') and too_long):
                continue
            ratio = (now - old).exp()
            per_token = -(ratio * advantage).minimum(ratio.clamp(1 - low, 1 + high) * advantage)
            if beta:
                gap = (log_probs['reference'] - now).clamp(-20, 20)
                kl = (gap.exp() - gap - 1).clamp(-10, 10)
                per_token = per_token + beta * kl
                divergence, tokens = divergence + float(kl.sum()), tokens + len(now)
            total += float(per_token.mean())
        divergences.append(divergence / max(tokens, 1))
    return total / len(rows), sum(divergences) / len(divergences)
