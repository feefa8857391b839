"""The host's `VllmEngine` in this process: continuous batching, adaptive temperature in the sampler.

vLLM belongs to the event loop that first drives it, so it gets a loop of its own and callers may come from any.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import safe_open

from ..errors import ConfigError, ContextFull, DataError, EngineError
from ..loop import LoopThread
from .base import Conversation, Generation, Sampling, on_this_loop
from .checkpoint import Checkpoint, lora_rank, merge_line
from .host import (
    HostBackend,
    TextOfIds,
    check_arguments,
    generation,
    host_config,
    host_request,
    prompt_error,
    template_type_of,
    with_template,
)

if TYPE_CHECKING:
    from swift.infer_engine import VllmEngine


class VllmBackend(HostBackend):
    """See the module's docstring and `Engine`."""

    def __init__(self, engine: VllmEngine, checkpoint: Checkpoint | None = None) -> None:
        """
        Args:
            engine: an engine of the host with `use_async_engine=True` and an O3 template.
            checkpoint: what was loaded into it.

        Raises:
            ConfigError: its template is another.
        """
        super().__init__(engine, checkpoint)
        self._loop = LoopThread('thyme-vllm')

    @classmethod
    def load(cls, checkpoint: Checkpoint, template: str | None, **engine_kwargs: Any) -> VllmBackend:
        """Loads a checkpoint; `engine_kwargs` are those of the host's `VllmEngine`.

        Raises:
            ConfigError: an argument does not exist, or vLLM cannot apply the adapter.
        """
        from swift.infer_engine import VllmEngine

        check_arguments(engine_kwargs, VllmEngine)
        if checkpoint.adapter:
            engine_kwargs = {**_lora(checkpoint), **engine_kwargs}
        engine_class = with_template(VllmEngine, template_type_of(checkpoint, template))
        return cls(engine_class(checkpoint.model, use_async_engine=True, **engine_kwargs), checkpoint)

    async def generate(
        self, conversation: Conversation, sampling: Sampling, on_text: Callable[[str], None] | None = None
    ) -> Generation:
        """See `Engine.generate`."""
        return await asyncio.wrap_future(
            self._loop.submit(self._generate(conversation, sampling, on_this_loop(on_text)))
        )

    async def aclose(self) -> None:
        """See `Engine.aclose`."""
        self._engine.engine.shutdown()
        self._loop.close()

    async def _generate(
        self, conversation: Conversation, sampling: Sampling, show: Callable[[str], None] | None
    ) -> Generation:
        engine = self._engine
        inputs = await asyncio.get_running_loop().run_in_executor(None, self._encode, conversation)
        config = host_config(sampling)
        n, limit = len(inputs['input_ids']), engine.max_model_len
        if limit is not None and n >= limit:
            raise ContextFull(f'the conversation has {n} tokens, expected fewer than {limit}; shorten it')
        text = TextOfIds(self._template.tokenizer)
        seen, result = 0, None
        try:
            engine.set_default_max_tokens(config, inputs)
            params = engine._prepare_generation_config(config)
            engine._add_stop_words(params, config)
            async for result in engine._add_request(inputs, params, uuid.uuid4().hex):
                ids = list(result.outputs[0].token_ids)
                if show is not None and (piece := text.feed(ids[seen:])):
                    show(piece)
                seen = len(ids)
        except Exception as error:
            raise _explained(error) from error
        if result is None:
            raise EngineError('vLLM returned nothing for a request; see its log')
        output = result.outputs[0]
        whole = self._template.decode_generate_ids(list(output.token_ids), template_inputs=inputs['template_inputs'])
        if show is not None and (piece := text.rest(whole)):
            show(piece)
        cut = output.finish_reason == 'length'
        return generation(whole, output.token_ids, result.prompt_token_ids, cut=cut, template=self._template)

    def _encode(self, conversation: Conversation) -> dict[str, Any]:
        self._template.set_mode('vllm')
        try:
            with torch.inference_mode():
                inputs: dict[str, Any] = self._template.encode(host_request(conversation, self._template), True)
        except (DataError, OSError, ValueError) as error:
            found = prompt_error(error, conversation)
            raise found or EngineError(f'the prompt cannot be encoded: {type(error).__name__}: {error}') from error
        return inputs


_LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""Those that vLLM makes room for."""


def _lora(checkpoint: Checkpoint) -> dict[str, Any]:
    """The engine's arguments for an adapter."""
    adapter, rank = Path(checkpoint.adapter), lora_rank(checkpoint.adapter)
    room = next((most for most in _LORA_RANKS if most >= rank), None)
    names: list[str] = []
    for file in sorted(adapter.glob('*.safetensors')):
        with safe_open(file, 'pt') as tensors:
            names += tensors.keys()
    beside = [name for name in names if '.visual.' in name or 'lora_' not in name]
    if room is None or beside:
        raise ConfigError(
            f'vLLM applies LoRA to the language model only, of rank {_LORA_RANKS[-1]} at most: got rank {rank} and '
            f'{beside[0] if beside else "no other tensor"} in {adapter}; {merge_line(checkpoint.adapter)}, '
            'and give --model MERGED'
        )
    return {**checkpoint.model_arguments, 'adapters': [str(adapter)], 'max_lora_rank': room}


def _explained(error: Exception) -> EngineError:
    """vLLM names the argument that was too long; it counts the tokens of pictures, which the host cannot."""
    too_long = getattr(error, 'parameter', None) in ('input_tokens', 'input_text')
    return (ContextFull if too_long else EngineError)(f'generation failed: {type(error).__name__}: {error}')
