"""Which engine, and how to get it. Imports a backend only when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from .base import Engine


class Backend(str, Enum):
    """What generates."""

    TRANSFORMERS = 'transformers'
    """The host's engine on transformers: works everywhere, batches what is waiting."""
    VLLM = 'vllm'
    """vLLM in this process: continuous batching, for GPUs."""
    URL = 'url'
    """A server with OpenAI's API that continues an assistant message."""


def load_engine(
    model: str | Path,
    *,
    backend: Backend = Backend.TRANSFORMERS,
    template: str | None = None,
    batch_size: int = 8,
    engine_kwargs: Mapping[str, Any] | None = None,
) -> Engine:
    """Loads a model, or makes a client of the server that has it.

    Args:
        model: checkpoint folder or hub id; for `Backend.URL` the name the server knows it by ('' takes its first).
        backend: what generates.
        template: template type; found from the checkpoint's `config.json` by default. Not for `Backend.URL`.
        batch_size: sequences generated at a time by the transformers backend.
        engine_kwargs: of the host's `TransformersEngine` or `VllmEngine`, or of `UrlEngine`, which needs `base_url`.

    Raises:
        ConfigError: no O3 template is right for the model, or `base_url` is missing.
    """
    kwargs = dict(engine_kwargs or {})
    if backend is Backend.URL:
        from .openai_url import UrlEngine

        if 'base_url' not in kwargs:
            raise ConfigError("backend url needs the server's address, got none; give --url http://HOST:PORT/v1")
        return UrlEngine(model=str(model), **kwargs)
    from ..host.register import register_all

    register_all()
    template = template or template_for(model)
    if backend is Backend.VLLM:
        from .host_vllm import VllmBackend

        return VllmBackend.load(str(model), template, **kwargs)
    from .host_transformers import TransformersBackend

    return TransformersBackend.load(str(model), template, batch_size=batch_size, **kwargs)


def template_for(model: str | Path) -> str:
    """The O3 template type for a checkpoint, by the model type in its `config.json`.

    Raises:
        ConfigError: there is none.
    """
    from transformers import AutoConfig

    from ..host.template import TEMPLATE_CLASSES

    found = AutoConfig.from_pretrained(str(model)).model_type
    for template_type, template_cls in TEMPLATE_CLASSES.items():
        if found in template_cls.hf_model_types:
            return template_type
    raise ConfigError(
        f'no O3 template for a {found} model; expected one of {", ".join(TEMPLATE_CLASSES)}; name another'
    )
