"""Adaptive temperature sampling (GRPO-ATS) on logits: the rows that are inside code are sharpened.

`spans` says which tokens are code; the adapters here and in `vllm` read it before each token. No extra request, no
extra prefill. Differs from the release, which stops at `<code>` and sends the whole context again at temperature 0.

Paper: §4 (τ = 0 from `<code>` until the code ends, τ = 1 elsewhere).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import LogitsProcessor

from ..spans import SpanTracker, TokenPieces
from ..types import SegmentKind


def sharpen(logits_BV: torch.Tensor, rows: Sequence[int], scale: float) -> None:
    """Changes rows of logits to the code temperature, in place.

    Args:
        logits_BV: float, shape (batch, vocabulary).
        rows: the sequences that are inside code.
        scale: text temperature ÷ code temperature; infinity keeps only the most likely token.
    """
    if not rows:
        return
    if scale != float('inf'):
        logits_BV[list(rows)] *= scale
        return
    index_N = torch.tensor(rows).to(logits_BV.device, non_blocking=True)
    kept_N, best_N = logits_BV[index_N].max(dim=-1)
    logits_BV.index_fill_(0, index_N, float('-inf'))
    logits_BV[index_N, best_N] = kept_N


class CodeTemperature(LogitsProcessor):
    """Adaptive temperature for the transformers engine: one instance per `generate` call.

    Runs before the engine divides by the text temperature, so it scales by text ÷ code.
    """

    def __init__(self, pieces: TokenPieces, scale: float) -> None:
        self._pieces = pieces
        self._scale = scale
        self._trackers: list[SpanTracker] = []

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> Any:
        """Sharpens the rows that are inside code.

        Args:
            input_ids: shape (batch, length), prompt included, padded on the left.
            scores: shape (batch, vocabulary).
        """
        if not self._trackers:
            self._trackers = [self._pieces.tracker(row) for row in input_ids.tolist()]
        else:
            for tracker, token_id in zip(self._trackers, input_ids[:, -1].tolist(), strict=True):
                tracker.feed(self._pieces[token_id])
        rows = [i for i, tracker in enumerate(self._trackers) if tracker.kind is SegmentKind.CODE]
        sharpen(scores, rows, self._scale)
        return scores
