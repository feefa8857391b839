"""Runs one conformance case against a backend and says what broke. Owns surroundings and checks, not the cases."""

from __future__ import annotations

import builtins
import hashlib
import json
import os
import random
import re
import secrets
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from ...errors import SandboxError
from ...protocol import IMAGE_TAG, SANDBOX_CLOSE
from ...types import Outcome, SandboxResult
from ..base import InputImage, Limits, Sandbox
from .pixels import compare

_CONTROL = re.compile('[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]')
_MOST_TEXT_BYTES = 20_000


@dataclass(frozen=True)
class Case:
    """One snippet, what must not come of it, and what must still work in its session afterwards."""

    name: str
    code: str
    before: str = ''
    """Runs first and must succeed."""
    outcome: Outcome | tuple[Outcome, ...] | None = None
    """What the snippet must end with; None: anything."""
    shows: str = ''
    """Must be in its text."""
    hides: str = ''
    """Must not be in its text."""
    images: int | None = None
    """Number of pictures it must return; None: anything."""
    then: str = "print('alive', 6 * 7)"
    """Runs afterwards and must succeed."""
    then_shows: str = 'alive 42'
    limits: Limits | None = None
    timeout_s: float | None = None
    """Wall clock of its snippets where the default is not right."""
    repairs: tuple[str, ...] | None = None
    """Repairs it must report; None: anything."""


class World:
    """What surrounds a session while cases run: things to steal, break or reach."""

    def __init__(self, root: Path) -> None:
        """
        Args:
            root: an empty directory outside every session.
        """
        from PIL import Image

        self.root = root
        self.secret = secrets.token_hex(16)
        self.image = root / 'input picture.jpg'
        pixels = Image.radial_gradient('L').resize((640, 480))
        Image.merge('RGB', (pixels, pixels.transpose(Image.Transpose.ROTATE_180), pixels)).save(self.image)
        self.secret_file, self.secret_image = root / 'secret.txt', root / 'secret.png'
        self.secret_file.write_text(self.secret)
        Image.new('RGB', (99, 99), 'red').save(self.secret_image)
        self.canary = root / 'canary'
        self.canary.mkdir()
        (self.canary / 'file').write_text('canary')
        self.marker = root / 'marker'
        os.environ['THYME_CONFORMANCE_KEY'] = self.secret
        self._listener = socket.create_server(('127.0.0.1', 0))
        self._datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._datagrams.bind(('127.0.0.1', self._listener.getsockname()[1]))
        self._listener.setblocking(False)
        self._datagrams.setblocking(False)
        self._state = self._host_state()

    def __enter__(self) -> World:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.environ.pop('THYME_CONFORMANCE_KEY', None)
        self._listener.close()
        self._datagrams.close()

    def fill(self, code: str) -> str:
        """Puts this world's paths and numbers into a snippet."""
        values = {
            '@IMAGE@': str(self.image),
            '@SECRET@': str(self.secret_file),
            '@SECRETPNG@': str(self.secret_image),
            '@CANARY@': str(self.canary),
            '@MARKER@': str(self.marker),
            '@PID@': str(os.getpid()),
            '@PORT@': str(self._listener.getsockname()[1]),
        }
        for name, value in values.items():
            code = code.replace(name, value)
        return code

    def damage(self) -> list[str]:
        """What a snippet reached of this world that it must not reach."""
        found = []
        for what, bad in (
            ('another program ran', self.marker.exists()),
            ('a file outside was changed', self._canary_text() != 'canary'),
            ('something was written outside', len(list(self.root.iterdir())) != 4 + self.marker.exists()),
            ('the network was reached', self._was_called()),
            ('the host interpreter was changed', self._host_state() != self._state),
        ):
            if bad:
                found.append(what)
        return found

    def _canary_text(self) -> str:
        with suppress(OSError):
            return (self.canary / 'file').read_text()
        return ''

    def _was_called(self) -> bool:
        with suppress(BlockingIOError):
            self._listener.accept()[0].close()
            return True
        with suppress(BlockingIOError):
            self._datagrams.recv(1)
            return True
        return False

    def _host_state(self) -> tuple[object, ...]:
        return (
            hashlib.sha256(self.image.read_bytes()).hexdigest(),
            oct(self.image.stat().st_mode),
            os.getcwd(),
            os.environ.get('CUDA_VISIBLE_DEVICES'),
            id(builtins.open),
            id(json.dumps),
            id(os.path.exists),
            random.getstate()[1][:3],
            threading.gettrace() is None,
        )


async def check(case: Case, sandbox: Sandbox, world: World, *, timeout_s: float | None = None) -> list[str]:
    """Runs one case in a session of its own.

    Args:
        case: the case.
        sandbox: the backend.
        world: its surroundings.
        timeout_s: wall clock of each snippet; by default short where the case expects a timeout.

    Returns:
        What went wrong, one line each; empty when the backend passes.
    """
    problems = []
    if timeout_s is None:
        timeout_s = case.timeout_s or (
            0.6 if case.outcome is Outcome.TIMEOUT or 'while True: pass' in case.code else 8.0
        )
    try:
        session = await sandbox.open([InputImage(world.image)], limits=case.limits)
        try:
            if case.before:
                first = await session.run(world.fill(case.before), timeout_s=timeout_s)
                if first.outcome is not Outcome.OK:
                    problems.append(f'`before` ended with {first}')
            result = await session.run(world.fill(case.code), timeout_s=timeout_s)
            problems += _judge(case, result, world)
            for image in result.images:
                problems += await compare(session, image)
            after = await session.run(world.fill(case.then), timeout_s=timeout_s)
            if after.outcome is not Outcome.OK or case.then_shows not in after.text:
                problems.append(f'afterwards: expected {case.then_shows!r}, got {after}')
            problems += _unclean(after, world)
        finally:
            await session.close()
    except SandboxError as error:
        problems.append(f'the sandbox itself failed: {type(error).__name__}: {error}')
    return problems + world.damage()


def _judge(case: Case, result: SandboxResult, world: World) -> list[str]:
    wanted = case.outcome if isinstance(case.outcome, tuple) or case.outcome is None else (case.outcome,)
    shows, hides = world.fill(case.shows), world.fill(case.hides)
    checks = (
        (wanted is None or result.outcome in wanted, f'expected {wanted}'),
        (shows in result.text, f'expected {shows!r} in the text'),
        (not hides or hides not in result.text, f'{hides!r} is in the text'),
        (case.images is None or len(result.images) == case.images, f'expected {case.images} pictures'),
        (case.repairs is None or result.repairs == case.repairs, f'expected repairs {case.repairs}'),
    )
    return [f'{problem}; got {result}' for good, problem in checks if not good] + _unclean(result, world)


def _unclean(result: SandboxResult, world: World) -> list[str]:
    text = result.text
    checks = (
        (world.secret not in text, 'a secret is in the text'),
        ('root:x:' not in text, 'a system file is in the text'),
        (len(text.encode('utf-8', 'surrogatepass')) <= _MOST_TEXT_BYTES, 'the text is too long'),
        (not _CONTROL.search(text), 'control bytes are in the text'),
        (SANDBOX_CLOSE not in text and IMAGE_TAG not in text and '<|im_end|>' not in text, 'a tag is in the text'),
    )
    return [f'{problem}: {text[:200]!r}' for good, problem in checks if not good]
