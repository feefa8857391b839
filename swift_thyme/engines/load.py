"""Which engine, and how to get it. Imports a backend only when it is asked for."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from ..errors import ConfigError, pip_line
from .base import Engine
from .checkpoint import locate

_LOG = logging.getLogger(__name__)


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
    adapters: str | Path = '',
    backend: Backend | str = Backend.TRANSFORMERS,
    template: str | None = None,
    batch_size: int = 8,
    engine_kwargs: Mapping[str, Any] | None = None,
) -> Engine:
    """Loads a model, or makes a client of the server that has it.

    Args:
        model: folder of whole weights, of a LoRA adapter or of a training run, or a hub id (`checkpoint.locate`); for
            `Backend.URL` the name the server knows it by ('' takes its first).
        adapters: a LoRA adapter on top of `model`, which may then be left out. Not for `Backend.URL`.
        backend: what generates.
        template: template type; by default the O3 template the checkpoint was trained with, else
            that of its family. Not for `Backend.URL`.
        batch_size: sequences generated at a time by the transformers backend.
        engine_kwargs: of the host's `TransformersEngine` or `VllmEngine`, or of `UrlEngine`, which needs `base_url`.

    Raises:
        ConfigError: there is no such model, no O3 template is right for it, an argument does not exist, or `base_url`
            is missing.
    """
    kwargs, backend = dict(engine_kwargs or {}), Backend(backend)
    if backend is Backend.URL:
        if adapters:
            raise ConfigError(f'--adapters {adapters} and --url do not go together; the server has the model')
        from .openai_url import UrlEngine

        if 'base_url' not in kwargs:
            raise ConfigError("backend url needs the server's address, got none; give --url http://HOST:PORT/v1")
        return UrlEngine(model=str(model), **kwargs)
    checkpoint = locate(model, adapters)
    if checkpoint.note:
        _LOG.warning(checkpoint.note)
    if backend is Backend.VLLM and importlib.util.find_spec('vllm') is None:
        raise ConfigError(f'--backend vllm needs vLLM, which is not installed; {pip_line("vllm")}')
    from ..host.register import register_all

    register_all()
    if backend is Backend.VLLM:
        from .host_vllm import VllmBackend

        return VllmBackend.load(checkpoint, template, **kwargs)
    from .host_transformers import TransformersBackend

    return TransformersBackend.load(checkpoint, template, batch_size=batch_size, **kwargs)
