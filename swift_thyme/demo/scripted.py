"""A scripted policy: an engine computes as always, and a logits processor forces what it samples.

For tests, benchmarks and audits that need a policy whose behaviour is known. The model's compute, the engine's stop
rules, the sandbox and the trainer are all real; only the choice of tokens is not. Where a number was measured with
it, say so beside the number.

A script file is JSON: a list of variants, each a list of turns (the text of one generation each). A fresh sequence
gets the next variant in turn; a sequence whose assistant turn has begun goes on with the variant it began with.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import LogitsProcessor, LogitsProcessorList

from .. import protocol
from ..config import read_env
from ..errors import ConfigError
from ..template import TEMPLATE_CLASSES, ThymeQwen2_5VLTemplate

SCRIPT_VARIABLE = 'THYME_SCRIPT'
VLLM_SCRIPT_PROCESSOR = 'swift_thyme.demo.scripted_vllm:ScriptedTokens'


class Script:
    """The variants, tokenized turn by turn."""

    def __init__(self, variants: Sequence[Sequence[str]], tokenizer: Any) -> None:
        if not variants or not all(variants):
            raise ConfigError(f'a script needs at least one variant with one turn, got {variants!r}')
        self._texts = [list(variant) for variant in variants]
        self._ids = [[tokenizer.encode(turn, add_special_tokens=False) for turn in variant] for variant in variants]
        self._tokenizer = tokenizer
        self._next = 0

    @classmethod
    def from_env(cls, tokenizer: Any) -> Script:
        """Reads the file named by `THYME_SCRIPT`.

        Raises:
            ConfigError: the variable is not set or the file holds no script.
        """
        path = read_env(SCRIPT_VARIABLE, str, '')
        try:
            return cls(json.loads(Path(path).read_text(encoding='utf-8')), tokenizer)
        except (OSError, ValueError) as error:
            raise ConfigError(f'{SCRIPT_VARIABLE}={path!r} holds no script: {error}; name a JSON file') from error

    def turn_for(self, prompt_ids: Sequence[int]) -> list[int]:
        """The ids to force after a prompt; only the end-of-turn token when the script is at its end."""
        text = self._tokenizer.decode(prompt_ids).rpartition('<|im_start|>assistant\n')[2]
        if not text:
            variant, turn = self._next % len(self._ids), 0
            self._next += 1
        else:
            variant = next((i for i, turns in enumerate(self._texts) if text.startswith(turns[0])), 0)
            turn = text.count(protocol.SANDBOX_CLOSE)
        ids = self._ids[variant][turn] if turn < len(self._ids[variant]) else []
        return [*ids, self._tokenizer.eos_token_id]


def force(logits_V: torch.Tensor, token_id: int) -> None:
    """Leaves one token possible, in place. `logits_V` is float, shape (vocabulary,)."""
    logits_V.fill_(float('-inf'))
    logits_V[token_id] = 0.0


class ScriptedProcessor(LogitsProcessor):
    """The script on the transformers engine; one instance per `generate` call."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._plans: list[list[int]] = []
        self._start = 0

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> Any:
        """Forces the next token of every row."""
        if not self._plans:
            self._start = input_ids.shape[1]
            self._plans = [self._script.turn_for(row) for row in input_ids.tolist()]
        at = input_ids.shape[1] - self._start
        for row, plan in enumerate(self._plans):
            force(scores[row], plan[min(at, len(plan) - 1)])
        return scores


class ScriptedTemplate(ThymeQwen2_5VLTemplate):
    """`thyme_scripted`: the Qwen2.5-VL template with the script of `THYME_SCRIPT` in place of sampling."""

    _script: Script | None = None

    def prepare_generate_kwargs(self, generate_kwargs: dict[str, Any], *, model: Any = None) -> dict[str, Any]:
        """As the base class's, with the script as the last processor."""
        kwargs = super().prepare_generate_kwargs(generate_kwargs, model=model)
        if self._script is None:
            self._script = Script.from_env(self.tokenizer)
        hook = ScriptedProcessor(self._script)
        kwargs['logits_processor'] = LogitsProcessorList([*kwargs.get('logits_processor', []), hook])
        return kwargs

    def prepare_engine_kwargs(self) -> dict[str, Any]:
        """As the base class's, with the script as the last processor of a vLLM engine."""
        kwargs = super().prepare_engine_kwargs()
        return {**kwargs, 'logits_processors': [*kwargs.get('logits_processors', []), VLLM_SCRIPT_PROCESSOR]}


def register_scripted() -> None:
    """Registers `--template thyme_scripted`. Idempotent."""
    from swift.template import register_template

    from ..template import template_meta

    TEMPLATE_CLASSES.setdefault('thyme_scripted', ScriptedTemplate)
    register_template(template_meta('thyme_scripted', ScriptedTemplate), exist_ok=True)
