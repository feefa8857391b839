"""Writes down every prompt that an engine gets, as ids, the way it stands before the first token is sampled.

`THYME_TEST_PROMPTS` names the folder and makes `scripted_plugin` install the witness. Each process has its own file,
each prompt a line: a JSON list.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import LogitsProcessor, LogitsProcessorList

from scripted.policy import ScriptedTemplate

VARIABLE = 'THYME_TEST_PROMPTS'


def is_wanted() -> bool:
    """Whether the variable is set."""
    return VARIABLE in os.environ


def write_prompt(ids: Sequence[int]) -> None:
    """Appends one prompt."""
    folder = Path(os.environ[VARIABLE])
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f'{os.getpid()}.jsonl').open('a', encoding='utf-8') as file:
        file.write(json.dumps(list(ids)) + '\n')


class PromptWitness(LogitsProcessor):
    """For one `generate` call of the transformers engine."""

    def __init__(self, pad_id: int) -> None:
        self._pad_id: int | None = pad_id

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Takes the rows of the first call, which are padded on the left."""
        if self._pad_id is not None:
            for row in input_ids.tolist():
                write_prompt(row[next(i for i, token_id in enumerate(row) if token_id != self._pad_id) :])
            self._pad_id = None
        return scores


class WitnessedTemplate(ScriptedTemplate):
    """The scripted template with a witness in whatever engine it is used with."""

    def prepare_generate_kwargs(self, generate_kwargs: dict[str, Any], *, model: Any = None) -> dict[str, Any]:
        kwargs = super().prepare_generate_kwargs(generate_kwargs, model=model)
        witness = PromptWitness(self.tokenizer.pad_token_id)
        kwargs['logits_processor'] = LogitsProcessorList([*kwargs['logits_processor'], witness])
        return kwargs

    def prepare_engine_kwargs(self) -> dict[str, Any]:
        kwargs = super().prepare_engine_kwargs()
        return {**kwargs, 'logits_processors': [*kwargs['logits_processors'], 'prompt_witness_vllm:PromptWitness']}
