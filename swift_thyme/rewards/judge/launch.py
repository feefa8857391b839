"""Starting a real judge: vLLM where it is installed, else the host's `swift deploy`.

Owns the command lines and waiting until the server answers. The server is a process of its own; it is ended with ours.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import ConfigError, JudgeUnavailable, pip_line


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
    engine = ['--infer_backend', 'transformers'] if not has_vllm else ['--infer_backend', 'vllm']
    if has_vllm:
        engine += [
            '--vllm_tensor_parallel_size',
            str(launch.gpus),
            '--vllm_max_model_len',
            str(launch.max_length_tokens),
        ]
    return [
        *(sys.executable, '-m', 'swift.cli.main', 'deploy', '--model', launch.model, *shared, *engine),
        *('--served_model_name', launch.model.rstrip('/').rsplit('/', 1)[-1], *launch.extra),
    ]


def free_port(host: str) -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


class Server:
    """A judge server that was started; use it as a context."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self.process = subprocess.Popen(command(launch), start_new_session=True)
        shown = 'localhost' if launch.host in ('0.0.0.0', '::') else launch.host
        self.url = f'http://{shown}:{launch.port}/v1'

    def wait_until_ready(self, limit_s: float) -> None:
        """Waits until the server lists its model.

        Raises:
            JudgeUnavailable: it ended, or did not answer in time; its own output says why.
        """
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            code = self.process.poll()
            if code is not None:
                raise JudgeUnavailable(
                    f'the judge did not start: got exit code {code} from {" ".join(self.process.args)}; expected a '  # type: ignore[arg-type]
                    f'server; read its output above'
                )
            try:
                with urllib.request.urlopen(f'{self.url}/models', timeout=5) as reply:
                    if reply.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(1)
        raise JudgeUnavailable(
            f'the judge did not start: got no reply at {self.url} within {limit_s:g} s; expected one; '
            f'raise --start-limit'
        )

    def wait(self) -> int:
        """Waits for the server's end; returns its exit code."""
        return self.process.wait()

    def stop(self) -> None:
        """Ends the server and everything it started."""
        if self.process.poll() is None:
            self._signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
                self.process.wait()

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return
