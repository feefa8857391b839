"""The interface that each peer is behind: a training run in a process of its own that waits before every step."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from argparse import Namespace
from contextlib import suppress
from pathlib import Path
from typing import Any

from shared import SCRIPT
from truth import judge
from witness import EVENTS, TRACE

HERE = Path(__file__).parent


class Ended(Exception):
    """The run ended, or does not answer."""


class Peer(ABC):
    """A trainer. `prepare` starts it, `step` has it train one step, `report` ends it."""

    def __init__(self, name: str, work: Namespace, **variables: str) -> None:
        """`work`: the arguments of `run.py`; `variables`: of its environment."""
        self.name, self.work, self.variables, self.folder, self._lines = name, work, variables, work.out / name, b''

    @abstractmethod
    def _command(self) -> tuple[list[str], dict[str, str]]:
        """The words of the run and its variables; PYTHONPATH there comes first."""

    def prepare(self) -> None:
        """Starts the run."""
        self.folder.mkdir(parents=True)
        words, variables = self._command()
        self._events, events = os.pipe()
        env = {**os.environ, 'MAX_PIXELS': str(self.work.pixels), 'HF_HUB_OFFLINE': '1', **variables, **self.variables}
        with socket.create_server(('127.0.0.1', 0)) as free:
            env['MASTER_PORT'] = str(free.getsockname()[1])
        env |= {EVENTS: str(events), TRACE: str(self.folder / 'trace')}
        if self.work.scripted:
            env[SCRIPT] = str(self.work.out / 'script.json')
        paths = [variables.get('PYTHONPATH', ''), HERE, HERE.parents[1], os.environ.get('PYTHONPATH', '')]
        env['PYTHONPATH'] = os.pathsep.join(filter(None, map(str, paths)))
        options: Any = {'env': env, 'pass_fds': [events], 'start_new_session': True, 'stdin': subprocess.PIPE}
        with (self.folder / 'log').open('w') as log:
            self.process = subprocess.Popen([sys.executable, *words], stdout=log, stderr=log, **options)
        os.close(events)

    def step(self, limit_s: float = 600) -> dict[str, float]:
        """Has it train one step, once it is ready: its seconds (`s`), its parts, counts, and when it was done.

        Raises:
            Ended: it ended, or the step is not done in time.
        """
        self._told(600)
        with suppress(BrokenPipeError):
            os.write(self.process.stdin.fileno(), b'.')
        return {**self._told(limit_s), 'done': time.time()}

    def report(self) -> dict[str, int]:
        """Ends the run: what its loss was given, compared with what was sampled (`truth`)."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        pad_id = json.loads((self.work.model / 'config.json').read_text())['image_token_id']
        return dict(judge(self.folder / 'trace', pad_id)) if (self.folder / 'trace').exists() else {}

    def _told(self, limit_s: float) -> dict[str, Any]:
        until = time.monotonic() + limit_s
        while b'\n' not in self._lines:
            told = os.read(self._events, 1 << 16) if select.select([self._events], [], [], 0.5)[0] else b''
            self._lines += told
            if not told and self.process.poll() is not None:
                raise Ended(f'ended with exit code {self.process.returncode}')
            if time.monotonic() > until:
                raise Ended(f'no answer in {limit_s:.0f} s')
        line, _, self._lines = self._lines.partition(b'\n')
        return dict(json.loads(line))
