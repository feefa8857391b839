"""`ZygoteSandbox`: the backend for training nodes. One confined process per trajectory, no privileges needed.

Owns the contract's side: pictures in, results out, restart of a lost supervisor. The processes behind it are in
`supervisor`, `zygote` and `worker`; the connection in `client`.
"""

from __future__ import annotations

import asyncio
import atexit
import io
import os
import re
import tempfile
import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from ..config import SandboxSettings
from ..errors import DataError, SessionDead
from ..fences import strip_fence
from ..types import SandboxResult
from .base import InputImage, Limits, Sandbox, Session
from .client import Client
from .ledger import Ledger
from .notes import with_note
from .probe import choose_base_dir, probe
from .repair import resolve

IMPORT_TIMEOUT_S = 60.0
"""Wall clock of the import of a slow library, besides the snippet's own."""
SLOW_TO_IMPORT = frozenset(
    (
        'torch',
        'torchvision',
        'transformers',
        'tensorflow',
        'easyocr',
        'paddleocr',
        'ultralytics',
        'keras',
        'jax',
        'timm',
    )
)
_IMPORT = re.compile(r'^[ \t]*(?:import|from)[ \t]+([^\n#]*)', re.MULTILINE)


class ZygoteSession(Session):
    """See `Session`. `directory` is where its snippets work."""

    def __init__(
        self, client: Client, ledger: Ledger, ident: str, directory: str, inputs: list[str], settings: SandboxSettings
    ) -> None:
        self._client, self._ledger, self._ident, self._inputs = client, ledger, ident, inputs
        self._settings = settings
        self._imported: set[str] = set()
        self.directory = directory
        self._closing: Future[Any] | None = None
        self._finalizer = weakref.finalize(self, _release, client, ident, inputs)

    async def run(self, code: str, *, timeout_s: float | None = None) -> SandboxResult:
        """See `Session.run`."""
        if self._closing is not None:
            raise SessionDead(f'session {self._ident} is closed')
        code = strip_fence(code)
        slow = slow_imports(code) - self._imported
        if slow:  # as a snippet of its own before it, so that the time goes to the import and not to the code
            self._imported |= slow
            first = '\n'.join(f'__import__({name!r})' for name in sorted(slow)) + ';'
            self._client.request('run', session=self._ident, code=first, timeout_s=IMPORT_TIMEOUT_S)
        reply = self._client.request('run', session=self._ident, code=code, timeout_s=timeout_s)
        from msgspec import convert  # the probe's process has no site-packages

        said = await asyncio.wrap_future(reply)
        result = convert(said, SandboxResult)
        self._ledger.add(result)
        settings = self._settings
        return with_note(result, rollback=settings.rollback, lost=said['lost']) if settings.notes else result

    async def close(self) -> None:
        """See `Session.close`."""
        with suppress(Exception):
            await asyncio.wrap_future(self._begin_to_close())

    def close_soon(self) -> None:
        """See `Session.close_soon`."""
        self._begin_to_close()

    def _begin_to_close(self) -> Future[Any]:
        """The future ends when processes and files are gone."""
        if self._closing is None:
            self._finalizer.detach()
            self._closing = self._client.request('close', session=self._ident)
            self._closing.add_done_callback(lambda _: _remove_files(self._inputs))
        return self._closing


def _release(client: Client, ident: str, inputs: list[str]) -> None:
    client.tell('close', session=ident)
    _remove_files(inputs)


def _remove_files(paths: list[str]) -> None:
    for path in paths:
        with suppress(OSError):
            os.unlink(path)


def slow_imports(code: str) -> frozenset[str]:
    """The libraries that a snippet imports and that take seconds to load."""
    named = {name for line in _IMPORT.findall(code) for name in re.findall(r'\w+', line)}
    return frozenset(named & SLOW_TO_IMPORT)


class ZygoteSandbox(Sandbox):
    """See `Sandbox`. Starts its supervisor with the first session; usable from any thread and event loop."""

    def __init__(self, settings: SandboxSettings | None = None, *, warm: bool = True) -> None:
        """
        Args:
            settings: by default those of the environment.
            warm: import ahead what snippets use, seconds of CPU that pay off from the second snippet on.

        Raises:
            ConfigError: a setting cannot be read.
        """
        self._settings = settings or SandboxSettings.from_env()
        self._tokens: tuple[str, ...] = ()
        self._warm = warm
        self.ledger = Ledger()
        """What repairs are worth, over all sessions."""
        self._lock = threading.Lock()
        self._client: Client | None = None
        atexit.register(_close_at_exit, weakref.ref(self))
        os.register_at_fork(after_in_child=partial(_abandon, weakref.ref(self)))

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """Tokens made harmless in printed text, besides tags and `<|…|>`; may be set at any time."""
        return self._tokens

    @special_tokens.setter
    def special_tokens(self, tokens: Sequence[str]) -> None:
        self._tokens = tuple(tokens)
        with self._lock:
            if self._client is not None and self._client.alive:
                self._client.tell('tokens', tokens=list(self._tokens))

    @property
    def default_limits(self) -> Limits:
        """Limits of a session that names none."""
        return Limits.of(self._settings)

    async def open(
        self, images: Sequence[InputImage] = (), *, limits: Limits | None = None, output_dir: str | Path | None = None
    ) -> ZygoteSession:
        """See `Sandbox.open`.

        Args:
            images: the pictures of the question.
            limits: overrides the sandbox's own.
            output_dir: accepted pictures are put here and outlive the session; by default they go with it.
        """
        client = self._client if self._client and self._client.alive else await asyncio.to_thread(self.connect)
        run_dir = (await asyncio.wrap_future(client.hello))['run_dir']
        made: list[str] = []
        try:
            reading = asyncio.ensure_future(asyncio.to_thread(_inputs, list(images), run_dir, made))
            try:
                inputs = await asyncio.shield(reading)
            except asyncio.CancelledError:  # its thread goes on, and what it writes is nobody's
                reading.add_done_callback(partial(_forget, made))
                raise
            directory = os.path.abspath(output_dir) if output_dir is not None else None
            if directory is not None:
                make_output_dir(directory)
            limits = limits or self.default_limits
            opening = client.request('open', inputs=inputs, limits=asdict(limits), output_dir=directory)
            try:
                reply = await asyncio.wrap_future(opening)
            except asyncio.CancelledError:
                opening.add_done_callback(partial(_close_unwanted, client))
                raise
        except BaseException:
            _remove_files(made)
            raise
        return ZygoteSession(client, self.ledger, reply['session'], reply['dir'], made, self._settings)

    def connect(self) -> Client:
        """The connection to the supervisor, started when there is none that lives.

        Raises:
            SandboxUnavailable: this machine cannot confine snippets, or the process does not start.
        """
        with self._lock:
            if self._client is None or not self._client.alive:
                settings = self._settings
                setup = {
                    'base_dir': choose_base_dir(settings.base_dir),
                    'tier': probe().require(allow_b=settings.allow_tier_b, allow_c=settings.allow_tier_c).value,
                    'rollback': settings.rollback,
                    'repairs': resolve(settings.repairs),
                    'font_cache': os.path.expanduser('~/.cache/matplotlib'),
                    'warm': self._warm,
                }
                self._client = Client(setup)
                if self._tokens:
                    self._client.tell('tokens', tokens=list(self._tokens))
            return self._client

    def stats(self) -> dict[str, Any]:
        """Processes and sessions of the supervisor (for tests and `thyme doctor`)."""
        value: dict[str, Any] = self.connect().request('stats').result()
        return value

    async def aclose(self) -> None:
        """See `Sandbox.aclose`."""
        await asyncio.get_running_loop().run_in_executor(None, self.close)

    def close(self) -> None:
        """As `aclose`, blocking. A later `open` starts anew."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()


def _abandon(reference: weakref.ref[ZygoteSandbox]) -> None:
    """After a fork of the trainer, makes the child forget the parent's supervisor."""
    sandbox = reference()
    if sandbox is not None:
        sandbox._lock = threading.Lock()
        client, sandbox._client = sandbox._client, None
        if client is not None:
            client.abandon()


def _close_at_exit(reference: weakref.ref[ZygoteSandbox]) -> None:
    sandbox = reference()
    if sandbox is not None:
        sandbox.close()


def make_output_dir(directory: str) -> None:
    """Makes the folder for accepted pictures.

    Raises:
        DataError: the machine does not allow it.
    """
    try:
        os.makedirs(directory, exist_ok=True)
    except OSError as error:
        raise DataError(f'output_dir {directory} cannot be made: {error}; give a directory to write to') from error


def _forget(made: list[str], done: asyncio.Future[Any]) -> None:
    """Removes the pictures of a session that nobody waited for."""
    if not done.cancelled():
        done.exception()  # else it is logged as never looked at
    _remove_files(made)


def _close_unwanted(client: Client, opened: Future[Any]) -> None:
    """Closes a session whose caller was cancelled before it was open."""
    if opened.exception() is None:
        client.tell('close', session=opened.result()['session'])


def _inputs(images: list[InputImage], run_dir: str, made: list[str]) -> list[dict[str, Any]]:
    """What the supervisor is told of input pictures; bytes become files outside the session's reach, named in `made`.

    Raises:
        DataError: see `look_at`.
    """
    inputs = []
    for image, (suffix, size) in zip(images, [look_at(image) for image in images], strict=True):
        if isinstance(image.source, bytes):
            fd, path = tempfile.mkstemp(prefix='in-', suffix=suffix, dir=run_dir)
            made.append(path)
            with open(fd, 'wb') as file:
                file.write(image.source)
        else:
            path = os.path.abspath(image.source)
        name, hidden = image.prompt_path or image.own_path, image.prompt_path is None
        inputs.append({'path': path, 'prompt_path': name, 'hidden': hidden, 'size': size})
    return inputs


def look_at(image: InputImage) -> tuple[str, tuple[int, int]]:
    """Suffix and size (width, height in px) of an input picture, from its header.

    Raises:
        DataError: it is not there, or not a picture.
    """
    from PIL import Image

    source: str | io.BytesIO
    if isinstance(image.source, bytes):
        what, source = f'the picture given as {len(image.source)} bytes', io.BytesIO(image.source)
    else:
        source = os.path.abspath(image.source)
        what = f'the picture {source}'
    try:
        with Image.open(source) as opened:
            return f'.{(opened.format or "img").lower()}', opened.size
    except FileNotFoundError as error:
        raise DataError(f'{what} does not exist; give a path that this machine can read') from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f'{what} cannot be read: {error}; give a complete picture file') from error
