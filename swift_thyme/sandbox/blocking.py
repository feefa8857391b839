"""A blocking face for any backend, for scripts and the command line. Adds nothing but waiting."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

from ..loop import LoopThread
from ..types import SandboxResult
from .backends import make_sandbox
from .base import InputImage, Limits, Sandbox, Session

T = TypeVar('T')


class BlockingSession(AbstractContextManager['BlockingSession']):
    """As `Session`, but every method waits."""

    def __init__(self, owner: BlockingSandbox, session: Session) -> None:
        self._owner, self.session = owner, session

    def run(self, code: str, *, timeout_s: float | None = None) -> SandboxResult:
        """Runs one snippet and returns its result.

        Raises:
            SessionDead: the session is closed or lost.
        """
        return self._owner.wait(self.session.run(code, timeout_s=timeout_s))

    def close(self) -> None:
        """Ends the session; any number of times."""
        self._owner.wait(self.session.close())

    def __exit__(self, *raised: object) -> None:
        self.close()


class BlockingSandbox(AbstractContextManager['BlockingSandbox']):
    """As `Sandbox`, but every method waits. Usable from any thread; use as a context manager or `close` it."""

    def __init__(self, sandbox: Sandbox | None = None) -> None:
        """
        Args:
            sandbox: the backend, closed together with this; one of its own by default, as `THYME_SANDBOX` says.

        Raises:
            ConfigError: a setting of the default backend cannot be read.
        """
        self.sandbox = sandbox or make_sandbox()
        self._loop = LoopThread('thyme-sandbox-blocking')

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine on this object's own loop and returns its result."""
        return self._loop.run(work)

    def open(
        self,
        images: Sequence[InputImage] = (),
        *,
        limits: Limits | None = None,
        output_dir: str | Path | None = None,
    ) -> BlockingSession:
        """As `Sandbox.open`."""
        return BlockingSession(self, self.wait(self.sandbox.open(images, limits=limits, output_dir=output_dir)))

    def close(self) -> None:
        """Closes the backend with all its sessions; any number of times."""
        self.wait(self.sandbox.aclose())
        self._loop.close()

    def __exit__(self, *raised: object) -> None:
        self.close()
