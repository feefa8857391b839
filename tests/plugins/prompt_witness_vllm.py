"""The witness of `prompt_witness` as a vLLM v1 logits processor: vLLM tells each of them about each new request."""

from __future__ import annotations

from typing import Any

from prompt_witness import write_prompt
from vllm.v1.sample.logits_processor import LogitsProcessor


class PromptWitness(LogitsProcessor):
    def __init__(self, vllm_config: Any, device: Any, is_pin_memory: bool) -> None:
        pass

    def is_argmax_invariant(self) -> bool:
        return True

    def update_state(self, batch_update: Any) -> None:
        for _, _, prompt_ids, _ in batch_update.added if batch_update is not None else ():
            write_prompt(prompt_ids)

    def apply(self, logits: Any) -> Any:
        return logits
