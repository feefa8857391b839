"""What a user could run snippets with instead of this package, each behind one interface, in a process of its own.

Reads requests (`[method, *arguments]`, a line of JSON each) and answers what the method gave and its seconds.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod

from swift_thyme.config import SandboxSettings
from swift_thyme.sandbox import BlockingSandbox, InputImage, ZygoteSandbox
from swift_thyme.types import Outcome

PRESET = 'import cv2\nimport numpy as np\nfrom PIL import Image\ncv2.setNumThreads(1)\nimage_path = {!r}\n'
"""What a session of this package has before its first snippet, and the others are given."""


class Peer(ABC):
    """A way to run the snippets of one session after another."""

    needs = ''
    """Packages that must be there, separated by blanks."""

    def __init__(self, folder: str, image: str, timeout_s: float) -> None:
        self.folder, self.image, self.timeout_s = folder, image, timeout_s
        self.preset = PRESET.format(image)
        self.done: list[str] = []

    @abstractmethod
    def _open(self) -> None:
        """Opens a session."""

    @abstractmethod
    def _run(self, code: str) -> tuple[bool, str]:
        """Runs one snippet: whether it went well, and what it printed."""

    def close(self) -> None:  # noqa: B027
        """Ends the session; nothing where there is nothing to end."""

    def start(self) -> None:
        """Opens the session of another trajectory."""
        self.done = []
        self._open()

    def run(self, code: str) -> tuple[bool, str, int]:
        """Runs one snippet: whether it went well, the begin of its text, the text's length."""
        ok, text = self._run(code)
        self.done += [code] * ok
        return ok, text[:4000], len(text)

    def rollback(self) -> None:
        """Undoes a snippet that failed: here by a new session in which those that went well run again."""
        self.close()
        self._open()
        for code in self.done:
            self._run(code)

    def caller(self) -> list[str]:
        """What a snippet must not change of the process that called."""
        return [os.getcwd(), str(sorted(os.environ.items())), str(signal.getsignal(signal.SIGTERM))]


class _ThisPackage(Peer):
    rolls_back = True

    def __init__(self, folder: str, image: str, timeout_s: float) -> None:
        super().__init__(folder, image, timeout_s)
        settings = SandboxSettings(timeout_s=timeout_s, memory_mib=512, rollback=self.rolls_back)
        self._sandbox = BlockingSandbox(ZygoteSandbox(settings))

    def _open(self) -> None:
        self._session = self._sandbox.open([InputImage(self.image)])

    def _run(self, code: str) -> tuple[bool, str]:
        result = self._session.run(code)
        return result.outcome is Outcome.OK, result.text

    def close(self) -> None:
        self._session.close()

    def rollback(self) -> None:
        if not self.rolls_back:
            super().rollback()


class _WithoutRollback(_ThisPackage):
    rolls_back = False


class _Jupyter(Peer):
    needs = 'jupyter_client ipykernel'

    def _open(self) -> None:
        from jupyter_client.manager import start_new_kernel

        self._kernel, self._client = start_new_kernel(cwd=self.folder)
        self._client.execute_interactive(self.preset, timeout=30)

    def _run(self, code: str) -> tuple[bool, str]:
        said: list[str] = []
        with contextlib.suppress(TimeoutError):
            reply = self._client.execute_interactive(
                code,
                timeout=self.timeout_s,
                output_hook=lambda message: said.append(message['content'].get('text', '')),
            )
            return reply['content']['status'] == 'ok', ''.join(said)
        return False, ''.join(said)

    def close(self) -> None:
        self._client.stop_channels()
        self._kernel.shutdown_kernel(now=True)


class _Smolagents(Peer):
    needs = 'smolagents'

    def _open(self) -> None:
        from smolagents import LocalPythonExecutor

        os.chdir(self.folder)
        modules = [name + end for name in ('cv2', 'numpy', 'PIL') for end in ('', '.*')]
        self._executor = LocalPythonExecutor(modules, timeout_seconds=self.timeout_s)
        self._executor.send_tools({})
        self._executor(self.preset)

    def _run(self, code: str) -> tuple[bool, str]:
        try:
            return True, self._executor(code).logs
        except Exception as error:  # noqa: BLE001
            return False, f'{self._executor.state["_print_outputs"]}{error}'


class _FreshProcess(Peer):
    def _open(self) -> None:
        """Nothing: the snippets before it run again with every snippet, since it keeps no state."""

    def _run(self, code: str) -> tuple[bool, str]:
        mark = 'print("\\f")'
        command = [sys.executable, '-c', '\n'.join([self.preset, *self.done, mark, code, mark])]
        try:
            ended = subprocess.run(command, cwd=self.folder, timeout=self.timeout_s, capture_output=True, text=True)
        except subprocess.TimeoutExpired:
            return False, ''
        _, text, *end = [*ended.stdout.split('\f\n'), '']
        return ended.returncode == 0 and len(end) > 1, text

    def rollback(self) -> None:
        """Nothing: the next process does not run it."""


class _InProcess(Peer):
    def _open(self) -> None:
        os.chdir(self.folder)
        self._names: dict[str, object] = {}
        exec(self.preset, self._names)

    def _run(self, code: str) -> tuple[bool, str]:
        def late(*_: object) -> None:
            raise TimeoutError

        signal.signal(signal.SIGALRM, late)
        signal.setitimer(signal.ITIMER_REAL, self.timeout_s)
        with contextlib.redirect_stdout(io.StringIO()) as text:
            try:
                exec(code, self._names)
                return True, text.getvalue()
            except BaseException as error:  # noqa: BLE001
                return False, f'{text.getvalue()}{error}'
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)


PEERS: dict[str, type[Peer]] = {
    'this package': _ThisPackage,
    'this package (no rollback)': _WithoutRollback,
    'Jupyter kernel': _Jupyter,
    'smolagents': _Smolagents,
    'fresh process': _FreshProcess,
    'in-process exec': _InProcess,
}


def main(name: str, folder: str, image: str, timeout_s: str, memory_mib: str) -> None:
    """Serves one peer until its input ends, under limits if memory is not 0."""
    replies = os.dup(1)
    os.dup2(2, 1)
    if int(memory_mib):
        resource.setrlimit(resource.RLIMIT_DATA, (int(memory_mib) << 20,) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (30, 30))
        resource.setrlimit(resource.RLIMIT_FSIZE, (256 << 20,) * 2)
    peer = PEERS[name](folder, image, float(timeout_s))
    for line in sys.stdin:
        method, *arguments = json.loads(line)
        begin = time.perf_counter()
        gave = getattr(peer, method)(*arguments)
        os.write(replies, json.dumps([gave, time.perf_counter() - begin]).encode() + b'\n')


if __name__ == '__main__':
    main(*sys.argv[1:])
