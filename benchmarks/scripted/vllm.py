"""The scripted policy as a vLLM v1 logits processor. See `policy`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from vllm.v1.sample.logits_processor import BatchUpdate, LogitsProcessor

from scripted.policy import Script, force
from swift_thyme.host.vllm import BatchRows, load_tokenizer


@dataclass
class _Plan:
    ids: list[int]
    output_ids: list[int]


class ScriptedTokens(LogitsProcessor):
    """Forces the script of `THYME_SCRIPT`."""

    def __init__(self, vllm_config: Any, device: torch.device, is_pin_memory: bool) -> None:
        script = Script.from_env(load_tokenizer(vllm_config))
        self._rows: BatchRows[_Plan] = BatchRows(lambda _, prompt, output: _Plan(script.turn_for(prompt), output))

    def is_argmax_invariant(self) -> bool:
        """False: it changes what is most likely."""
        return False

    def update_state(self, batch_update: BatchUpdate | None) -> None:
        """Follows the batch."""
        self._rows.update(batch_update)

    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        """Forces the next token of every row."""
        rows = self._rows.by_index.items()
        force(logits, {index: plan.ids[min(len(plan.output_ids), len(plan.ids) - 1)] for index, plan in rows})
        return logits
