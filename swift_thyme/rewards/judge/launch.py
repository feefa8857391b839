"""The command line of a real judge: vLLM where it is installed, else the host's `swift deploy`."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import ConfigError, pip_line


@dataclass(frozen=True)
class Launch:
    """What to serve, and how."""

    model: str
    host: str = '127.0.0.1'
    port: int = 8080
    """0 for a free one."""
    backend: str = 'auto'
    """`vllm`, `swift`, or `auto` for vLLM where it is installed."""
    gpus: int = 1
    """GPUs of this machine that one server is spread over (tensor parallel)."""
    max_length_tokens: int = 16384
    extra: Sequence[str] = ()
    """Further arguments, passed on as they are."""


def command(launch: Launch) -> list[str]:
    """The server's command line.

    Raises:
        ConfigError: the back-end is not installed.
    """
    has_vllm = shutil.which('vllm') is not None and importlib.util.find_spec('vllm') is not None
    if launch.backend == 'vllm' and not has_vllm:
        raise ConfigError(
            'vLLM cannot be started: got no vllm command in this environment; expected one; '
            f'{pip_line("vllm")}; or use --backend swift'
        )
    shared = ['--host', launch.host, '--port', str(launch.port)]
    if launch.backend == 'vllm' or (launch.backend == 'auto' and has_vllm):
        return [
            *('vllm', 'serve', launch.model, *shared, '--tensor-parallel-size', str(launch.gpus)),
            *('--max-model-len', str(launch.max_length_tokens), *launch.extra),
        ]
    engine = ['--infer_backend', 'vllm' if has_vllm else 'transformers']
    if has_vllm:
        engine += ['--vllm_tensor_parallel_size', str(launch.gpus)]
        engine += ['--vllm_max_model_len', str(launch.max_length_tokens)]
    return [
        *(sys.executable, '-m', 'swift.cli.deploy', '--model', launch.model, *shared, *engine),
        *('--served_model_name', launch.model.rstrip('/').rsplit('/', 1)[-1], *launch.extra),
    ]


def free_port(host: str) -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
