"""Server processes that `benchmarks/serving.py` starts, and what the kernel says of them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

SERVER = str(Path(__file__).parent / 'scripted' / 'serving.py')
_TICK_S = 1 / os.sysconf('SC_CLK_TCK')


@dataclass(frozen=True)
class Process:
    """A server that listens."""

    url: str
    pid: int

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        return parts.hostname or '', parts.port or 0

    def tree(self) -> list[int]:
        """Its process and all below it."""
        found = [self.pid]
        for pid in found:
            with suppress(OSError):
                for task in Path(f'/proc/{pid}/task').glob('*/children'):
                    found += [int(child) for child in task.read_text().split()]
        return found

    def memory_mib(self) -> float:
        """Of all its processes, pages that they share counted once."""
        total = 0
        for pid in self.tree():
            try:
                text = Path(f'/proc/{pid}/smaps_rollup').read_text()
            except OSError:
                continue
            total += sum(map(int, re.findall(r'^Pss:\s+(\d+)', text, re.M)))
        return total / 1024

    def cpu_s(self) -> float:
        """Of all its processes, those that ended and were waited for included."""
        ticks = 0
        for pid in self.tree():
            try:
                fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
            except OSError:
                continue
            ticks += sum(map(int, fields[11:15]))
        return ticks * _TICK_S


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(('127.0.0.1', 0)) as found:
        return int(found.getsockname()[1])


def serving(turns: list[str], delay_s: float, *flags: str) -> AbstractContextManager[Process]:
    """`thyme serve` with an engine of its own for as long as the block."""
    return running(SERVER, 'serve', json.dumps(turns), str(delay_s), '--port', '0', *flags)


@contextmanager
def running(*line: str) -> Iterator[Process]:
    """A Python program whose first line ends with its URL, for as long as the block."""
    started = subprocess.Popen([sys.executable, *line], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert started.stdout is not None
        yield Process(started.stdout.readline().split()[-1].removesuffix('/v1'), started.pid)
    finally:
        started.send_signal(signal.SIGTERM)
        try:
            started.wait(20)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
