"""The sandbox contract: what every backend does, raises and promises. `conformance` tests it.

What a snippet does is a `SandboxResult`; what the sandbox itself fails at is a `SandboxError`. The two never mix:
a trajectory whose sandbox failed is set aside, a trajectory whose code failed is data to learn from.

A session belongs to one trajectory. Its snippets run one after another and share variables, imports and files; a
snippet that does not end with `Outcome.OK` leaves both as they were before it.
"""

from __future__ import annotations

import platform
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..config import SandboxSettings
from ..errors import SandboxUnavailable
from ..types import Outcome, SandboxResult

MIB = 1 << 20
_PROBE, _PROBED = 'print(6 * 7)', '42'


@dataclass(frozen=True)
class Limits:
    """What one session may use. All are enforced from outside the snippet's process."""

    timeout_s: float = 10.0
    """Time of one snippet, seconds: its CPU time, or the wall clock without what it waited for a processor that others
    held. Paper: 10."""
    memory_bytes: int = 4096 * MIB
    """Everything one session holds at a time, shared mappings and memfds included."""
    output_bytes: int = 20_000
    """Text returned of one snippet, UTF-8 bytes; longer text is cut with a visible note."""
    file_bytes: int = 64 * MIB
    """One file."""
    disk_bytes: int = 128 * MIB
    """All files of the session together."""
    files: int = 512
    """Number of files and directories in the session."""
    open_files: int = 256
    processes: int = 16
    """Threads of one snippet; a snippet can never start another program."""
    images: int = 10
    """Pictures accepted over the whole session. Release: 10."""
    image_pixels: int = 50_000_000
    """Width × height of one picture, px."""
    image_bytes: int = 32 * MIB
    image_min_side_px: int = 28
    """The model family cannot see less. Paper: 28."""
    image_aspect_ratio: float = 200.0
    """Longer side ÷ shorter side. Release: 200."""

    @classmethod
    def of(cls, settings: SandboxSettings) -> Limits:
        """The limits that settings name."""
        return cls(timeout_s=settings.timeout_s, memory_bytes=settings.memory_mib * MIB)


@dataclass(frozen=True)
class InputImage:
    """One picture of the question, as handed to a session."""

    source: str | Path | bytes
    """A file of this machine, or the encoded bytes of a picture."""
    prompt_path: str | None = None
    """The path by which the prompt calls this picture; code that uses it gets the picture, whatever it looks like."""
    own_path: str | None = None
    """Of bytes from another machine: where they lie there. Code may use it as it may a file's own path here, and sees
    nothing of its folder."""


class Session(ABC):
    """One trajectory's Python. Get one from `Sandbox.open`; close it on every way out."""

    @abstractmethod
    async def run(self, code: str, *, timeout_s: float | None = None) -> SandboxResult:
        """Runs one snippet and waits for its result without blocking the event loop.

        May be awaited from any event loop and thread; a second call waits for the first.

        Args:
            code: Python source, no fence.
            timeout_s: time for this snippet; `Limits.timeout_s` by default.

        Raises:
            SessionDead: the session is closed or lost. It stays dead; the result is not known.
        """

    @abstractmethod
    async def close(self) -> None:
        """Ends the session's processes and removes its files. Any number of times, from anywhere; never raises."""

    @abstractmethod
    def close_soon(self) -> None:
        """As `close`, but from synchronous code, without waiting (finalizers, `step`)."""

    async def __aenter__(self) -> Session:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.close()


class Sandbox(ABC):
    """A backend. One per process is enough; it starts its own processes lazily."""

    @property
    def default_limits(self) -> Limits:
        """Limits of a session that names none."""
        return Limits()

    @abstractmethod
    async def open(
        self,
        images: Sequence[InputImage] = (),
        *,
        limits: Limits | None = None,
        output_dir: str | Path | None = None,
    ) -> Session:
        """Opens a session for the pictures of one question: one, several, or none.

        Args:
            images: the pictures; `image_path` is preset to the first, `image_paths` to all.
            limits: overrides the backend's own.
            output_dir: accepted pictures are put here and outlive the session; by default they go with it.

        Raises:
            DataError: a picture is missing or cannot be read; the message names it.
            SandboxUnavailable: no session can be opened on this machine.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Closes every session and the backend's own processes."""

    async def examine(self) -> dict[str, str]:
        """Tries a snippet on every machine that runs them: what fails there by the machine's name, empty for nothing.

        Raises:
            SandboxError: there is no machine to try it on.
        """
        await try_snippet(self)
        return {platform.node(): ''}

    def figures(self) -> dict[str, float]:
        """What a training run logs of the backend, of the time since the last call; nothing by default."""
        return {}


async def require_working(sandbox: Sandbox) -> None:
    """Sees that code can run somewhere; needs no free place where a backend can tell without.

    Raises:
        SandboxError: it can run nowhere; the message says what fails where.
    """
    faults = await sandbox.examine()
    if all(faults.values()):
        raise SandboxUnavailable('; '.join(f'{name}: {fault}' for name, fault in faults.items()))


async def try_snippet(sandbox: Sandbox) -> None:
    """Sees whether a sandbox works: runs a snippet in a session of its own and looks at what it gives.

    Raises:
        SandboxError: no session can be opened, it is lost, or the snippet gives something else.
    """
    await try_session(await sandbox.open())


async def try_session(session: Session) -> None:
    """As `try_snippet`, in a session that was just opened; closes it."""
    async with session:
        result = await session.run(_PROBE)
    if result.outcome is not Outcome.OK or result.text.strip() != _PROBED:
        raise SandboxUnavailable(f'a test snippet gave {result.outcome.value} and {result.text!r:.200}')
