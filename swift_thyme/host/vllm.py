"""Adaptive temperature as a vLLM v1 logits processor. Named in the engine's arguments by the O3 template.

vLLM makes one instance in each worker. The batch's rows change between steps; vLLM says how, and hands a list that
always holds a request's sampled tokens, which is read at the moment of sampling (with asynchronous scheduling it is
not complete earlier). Cost on the host side: one list look-up for every running sequence and step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from vllm.v1.sample.logits_processor import BatchUpdate, LogitsProcessor, MoveDirectionality

from ..config import SamplingSettings
from ..spans import SpanTracker, TokenPieces, token_pieces
from ..types import SegmentKind
from .temperature import sharpen

R = TypeVar('R')
_GREEDY = 1e-5
"""Below this vLLM samples greedily, and there is nothing to sharpen."""


class BatchRows(Generic[R]):
    """What a processor keeps of each running request, moved as vLLM moves the rows of its batch."""

    def __init__(self, make: Callable[[Any, list[int], list[int]], R | None]) -> None:
        self._make = make
        self.by_index: dict[int, R] = {}

    def update(self, change: BatchUpdate | None) -> None:
        """Follows one change of the batch: removed, then added, then moved requests."""
        if change is None:
            return
        for index in change.removed:
            self.by_index.pop(index, None)
        for index, params, prompt_ids, output_ids in change.added:
            self._set(index, self._make(params, prompt_ids or [], output_ids))
        for source, target, direction in change.moved:
            moved, other = self.by_index.pop(source, None), self.by_index.pop(target, None)
            self._set(target, moved)
            if direction == MoveDirectionality.SWAP:
                self._set(source, other)

    def _set(self, index: int, row: R | None) -> None:
        if row is None:
            self.by_index.pop(index, None)
        else:
            self.by_index[index] = row


@dataclass
class _Row:
    tracker: SpanTracker
    output_ids: list[int]
    scale: float
    fed: int = 0

    def in_code(self, pieces: TokenPieces) -> bool:
        """Takes the tokens sampled since the last call; whether the next one is code."""
        known = len(self.output_ids)
        if self.fed < known:
            pieces.feed(self.tracker, self.output_ids[self.fed :])
            self.fed = known
        return self.tracker.kind is SegmentKind.CODE


class AdaptiveTemperature(LogitsProcessor):
    """Sharpens the rows that are inside code, after vLLM has divided by the request's temperature."""

    def __init__(self, vllm_config: Any, device: torch.device, is_pin_memory: bool) -> None:
        self._pieces = token_pieces(load_tokenizer(vllm_config))
        self._settings = SamplingSettings.from_env()
        self._rows: BatchRows[_Row] = BatchRows(self._make_row)

    def _make_row(self, params: Any, prompt_ids: list[int], output_ids: list[int]) -> _Row | None:
        if params.temperature < _GREEDY:
            return None
        return _Row(self._pieces.tracker(prompt_ids), output_ids, self._settings.scale(params.temperature))

    def is_argmax_invariant(self) -> bool:
        """True: the most likely token stays the most likely. vLLM therefore runs it after penalties and temperature."""
        return True

    def update_state(self, batch_update: BatchUpdate | None) -> None:
        """Follows the batch."""
        self._rows.update(batch_update)

    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        """Sharpens in place. `logits` is float, shape (running sequences, vocabulary)."""
        by_scale: dict[float, list[int]] = {}
        for index, row in self._rows.by_index.items():
            if row.in_code(self._pieces):
                by_scale.setdefault(row.scale, []).append(index)
        for scale, rows in by_scale.items():
            sharpen(logits, rows, scale)
        return logits


def load_tokenizer(vllm_config: Any) -> Any:
    """The tokenizer of the engine's model."""
    from transformers import AutoTokenizer

    model = vllm_config.model_config
    return AutoTokenizer.from_pretrained(model.tokenizer, trust_remote_code=model.trust_remote_code)
