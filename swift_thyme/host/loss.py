"""Which tokens of an SFT trajectory are trained: the `--loss_scale` options, and the guard that all of them share.

Paper: §3.3. Sandbox output is never trained; stage 1 trains the last round only, stage 2 every round.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from swift.loss_scale import LossScale
from swift.template import ContextType
from swift.template.utils import get_token_backed_response_ids

from .. import protocol
from ..types import Segment, SegmentKind


class ThymeLossScale(LossScale):
    """`--loss_scale thyme`: all rounds, sandbox output masked. Paper: stage 2."""

    is_binary = True

    def get_loss_scale(self, context: Any, **kwargs: Any) -> tuple[list[Any], list[float]]:
        """Splits an assistant message into stretches with weight 0 or 1 whose texts join to the message."""
        if not isinstance(context, str):
            return [context], [1.0]
        parts = protocol.segments(context)
        first = self.first_trained(parts)
        weights = [float(i >= first and part.kind is not SegmentKind.SANDBOX) for i, part in enumerate(parts)]
        return [part.text for part in parts], weights

    def first_trained(self, parts: Sequence[Segment]) -> int:
        """Index of the first stretch that may be trained."""
        return 0


class LastRoundLossScale(ThymeLossScale):
    """`--loss_scale thyme_last_round`: with two or more code rounds, only what follows the last sandbox output.

    Paper: §3.3, stage 1.
    """

    from_end = 1

    def first_trained(self, parts: Sequence[Segment]) -> int:
        """One past the last sandbox output, when there are two or more."""
        outputs = [i for i, part in enumerate(parts) if part.kind is SegmentKind.SANDBOX]
        return outputs[-self.from_end] + 1 if len(outputs) >= 2 else 0


class ReleaseLastRoundLossScale(LastRoundLossScale):
    """`--loss_scale thyme_last_round_release`: what follows the second to last sandbox output.

    Differs from the paper: the release's code masks one round less.
    """

    from_end = 2


LOSS_SCALES: dict[str, type[LossScale]] = {
    'thyme': ThymeLossScale,
    'thyme_last_round': LastRoundLossScale,
    'thyme_last_round_release': ReleaseLastRoundLossScale,
}


class SandboxGuard(LossScale):
    """Wraps any loss scale so that sandbox output gets weight 0, whatever `--loss_scale` or a row's own fields say.

    Of a rollout (a row whose last turn is token ids) only that turn is trained: what came before it was not sampled.
    """

    def __init__(self, inner: LossScale) -> None:
        super().__init__(inner.base_strategy)
        self._inner = inner

    @property
    def is_binary_loss_scale(self) -> bool:
        """As the wrapped one: masking adds only zeros."""
        return bool(self._inner.is_binary_loss_scale)

    def __call__(
        self, context_list: Any, context_types: Any, messages: Any, **kwargs: Any
    ) -> tuple[list[Any], list[float]]:
        """As the host's, for rollouts with the last turn alone."""
        rollout = bool(messages) and get_token_backed_response_ids(messages[-1]['content']) is not None
        scale = _LastTurnOnly(self._inner) if rollout else self
        weighted: tuple[list[Any], list[float]] = LossScale.__call__(
            scale, context_list, context_types, messages, **kwargs
        )
        return weighted

    def _inner_call(self, context: Any, context_type: str, *args: Any) -> tuple[list[Any], list[float]]:
        parts, weights = self._inner._inner_call(context, context_type, *args)
        if context_type != ContextType.RESPONSE or not isinstance(context, str):
            return parts, weights
        return mask_sandbox(context, parts, weights)


class _LastTurnOnly(SandboxGuard):
    """The guard of a rollout."""

    def _inner_call(self, context: Any, context_type: str, *args: Any) -> tuple[list[Any], list[float]]:
        is_last_round = args[-1]
        if context_type not in (ContextType.RESPONSE, ContextType.SUFFIX) or not is_last_round:
            return [context], [0.0]
        return super()._inner_call(context, context_type, *args)


def mask_sandbox(text: str, parts: Sequence[str], weights: Sequence[float]) -> tuple[list[str], list[float]]:
    """Cuts weighted stretches at the borders of sandbox output and gives those inside weight 0.

    Args:
        text: one assistant message.
        parts: stretches that join to `text`.
        weights: one for each.

    Raises:
        ValueError: the stretches do not join to the message, so where the sandbox output lies in them is unknown.
    """
    if ''.join(parts) != text:
        raise ValueError(
            'this --loss_scale rewrites the assistant message, so sandbox output cannot be found in what it returns; '
            'use one that only splits it, like `thyme`'
        )
    segments = protocol.segments(text)
    borders, at = [], 0
    for segment in segments:
        borders.append((at, at + len(segment.text), segment.kind is SegmentKind.SANDBOX))
        at += len(segment.text)
    out_parts: list[str] = []
    out_weights: list[float] = []
    at = 0
    for part, weight in zip(parts, weights, strict=True):
        for start, end, masked in borders:
            low, high = max(at, start), min(at + len(part), end)
            if low < high:
                out_parts.append(text[low:high])
                out_weights.append(0.0 if masked else weight)
        at += len(part)
    return out_parts, out_weights
