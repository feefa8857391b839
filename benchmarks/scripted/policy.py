"""A scripted policy: an engine computes as always, and a logits processor forces what it samples.

For tests, benchmarks and audits that need a policy whose behaviour is known. The model's compute, the engine's stop
rules, the sandbox and the trainer are all real; only the choice of tokens is not. Where a number was measured with
it, say so beside the number.

A script file is JSON: a list of variants, each a list of turns (what is sampled up to one sandbox output). A turn is
a text, or a list of texts and of numbers of tokens that the model is free to choose. A fresh sequence gets the next
variant in turn; one whose assistant turn has begun goes on with the variant it began with, where it stopped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import LogitsProcessor, LogitsProcessorList

from swift_thyme import protocol
from swift_thyme.env import read_env
from swift_thyme.errors import ConfigError
from swift_thyme.host.template import TEMPLATE_CLASSES, ThymeQwen2_5VLTemplate
from swift_thyme.spans import TokenPieces, token_pieces

SCRIPT_VARIABLE = 'THYME_SCRIPT'
VLLM_SCRIPT_PROCESSOR = 'scripted.vllm:ScriptedTokens'


FREE = -1
"""In a plan: the model chooses this token."""


class Script:
    """The variants, tokenized turn by turn."""

    def __init__(self, variants: Sequence[Sequence[str | Sequence[str | int]]], tokenizer: Any) -> None:
        if not variants or not all(variants):
            raise ConfigError(f'a script needs at least one variant with one turn, got {variants!r}')
        self._ids = [[_plan(turn, tokenizer) for turn in variant] for variant in variants]
        first = [tuple(turns[0]) for turns in self._ids]
        if len(set(first)) < len(first):
            raise ConfigError('variants of a script must differ in their first turn, which says how a sequence goes on')
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
        """The ids to force after a prompt (`FREE` where none is); only the end-of-turn token at the script's end."""
        turn_ids = list(prompt_ids[_turn_start(prompt_ids, self._tokenizer) :])
        if not turn_ids:
            variant, done, begun = self._next % len(self._ids), 0, 0
            self._next += 1
        else:
            variant = self._variant(turn_ids)
            done, begun = _outputs(turn_ids, token_pieces(self._tokenizer))
        ids = self._ids[variant][done] if done < len(self._ids[variant]) else []
        return [*ids[len(turn_ids) - begun :], self._tokenizer.eos_token_id]

    def _variant(self, turn_ids: Sequence[int]) -> int:
        def fits(plan: Sequence[int]) -> bool:
            return all(planned in (FREE, got) for planned, got in zip(plan, turn_ids, strict=False))

        return next((i for i, turns in enumerate(self._ids) if fits(turns[0])), 0)


def _plan(turn: str | Sequence[str | int], tokenizer: Any) -> list[int]:
    ids: list[int] = []
    for part in [turn] if isinstance(turn, str) else turn:
        ids += tokenizer.encode(part, add_special_tokens=False) if isinstance(part, str) else [FREE] * part
    return ids


def _turn_start(prompt_ids: Sequence[int], tokenizer: Any) -> int:
    """Where the assistant turn's own tokens begin: after `<|im_start|>assistant` and its line break."""
    turn_start = tokenizer.convert_tokens_to_ids('<|im_start|>')
    header = len(tokenizer.encode('<|im_start|>assistant\n', add_special_tokens=False))
    return len(prompt_ids) - list(reversed(prompt_ids)).index(turn_start) - 1 + header


def _outputs(turn_ids: Sequence[int], pieces: TokenPieces) -> tuple[int, int]:
    """How many sandbox outputs a turn holds, and the position after the token that completes the last one."""
    text, count, begun = '', 0, 0
    for i, token_id in enumerate(turn_ids, 1):
        text = (text + pieces[token_id])[-2 * len(protocol.SANDBOX_CLOSE) :]
        if protocol.SANDBOX_CLOSE in text:
            text, count, begun = '', count + 1, i
    return count, begun


def force(logits_BV: torch.Tensor, token_ids: Mapping[int, int]) -> None:
    """Leaves one token possible in each row named, in place; all where the token is `FREE`.

    Args:
        logits_BV: float, shape (rows, vocabulary).
        token_ids: row to token.
    """
    forced = {row: token_id for row, token_id in token_ids.items() if token_id != FREE}
    rows, columns = torch.tensor([list(forced), list(forced.values())], dtype=torch.long, device=logits_BV.device)
    logits_BV[rows] = float('-inf')
    logits_BV[rows, columns] = 0.0


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
        force(scores, {row: plan[min(at, len(plan) - 1)] for row, plan in enumerate(self._plans)})
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

    from swift_thyme.host.template import template_meta

    TEMPLATE_CLASSES.setdefault('thyme_scripted', ScriptedTemplate)
    register_template(template_meta('thyme_scripted', ScriptedTemplate), exist_ok=True)
