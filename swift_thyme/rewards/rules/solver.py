"""Mathematical equality with a time limit, from any thread: the parent of `math_worker`.

Owns the child process: it is started at the first question, replaced when it dies or takes too long, and ended with
this process. What no answer was had for is None, which no rule may take for a difference.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import select
import subprocess
import sys
import threading
import time
from functools import lru_cache
from pathlib import Path

WORKER = Path(__file__).with_name('math_worker')
logger = logging.getLogger(__name__)

START_S = 120.0
"""The child imports sympy, which takes seconds on a busy machine."""
LIMIT_S = 10.0
"""One comparison."""


class Solver:
    """One worker process behind a lock. Usable from any thread; a forked child starts a worker of its own."""

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self._limit_s = limit_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._complained = False
        self.restarts = 0
        """How often a worker had to be replaced."""

    def ask(self, relation: str, left: str, right: str) -> bool | None:
        """Whether two LaTeX expressions are `equal` or `proportional`; None when it cannot be told, or not in time."""
        with self._lock:
            try:
                process = self._running()
                assert process.stdin is not None
                process.stdin.write(json.dumps([relation, left, right]).encode() + b'\n')
                process.stdin.flush()
                line = self._read_line(process, self._limit_s)
            except OSError:
                line = None
            if line is None:
                self._stop()
                self.restarts += 1
                return None
        value = json.loads(line)
        return value if isinstance(value, bool) else None

    def close(self) -> None:
        """Ends the worker; a later question starts another."""
        with self._lock:
            self._stop()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._owner == os.getpid() and self._process.poll() is None:
            return self._process
        self._stop()
        self._process = subprocess.Popen(
            [sys.executable, str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._owner = os.getpid()
        if self._read_line(self._process, START_S) is None:
            if not self._complained:
                logger.warning(
                    'the math worker did not start: mathematics is left to the judge; is math-verify installed?'
                )
            self._complained = True
            raise OSError('the math worker did not start')
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    @staticmethod
    def _read_line(process: subprocess.Popen[bytes], limit_s: float) -> bytes | None:
        assert process.stdout is not None
        descriptor, line, end = process.stdout.fileno(), b'', time.monotonic() + limit_s
        while not line.endswith(b'\n'):
            left = end - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                return None
            piece = os.read(descriptor, 65536)
            if not piece:
                return None
            line += piece
        return line


_SHARED = Solver()
atexit.register(_SHARED.close)


@lru_cache(maxsize=8192)
def equal(left: str, right: str) -> bool | None:
    """Whether two LaTeX expressions are the same object; None when that cannot be told in time. Remembered."""
    return True if left == right else _SHARED.ask('equal', left, right)


@lru_cache(maxsize=1024)
def proportional(left: str, right: str) -> bool | None:
    """Whether two LaTeX expressions differ by a constant factor; False only for two linear ones that do not."""
    return _SHARED.ask('proportional', left, right)
