"""Whether engine and sandbox work: tried at the start, and again after a failure until they do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from ..engines import Conversation, Message, Sampling
from ..errors import ThymeError
from ..infer import Thinker
from ..sandbox import require_working

logger = logging.getLogger(__name__)
_PAUSE_S = 5.0
_LIMIT_S = 300.0
_FIRST_S = 10.0
"""How long the first question whether the server is ready waits for the first tries."""


class Readiness:
    """The state of one server's parts. For one event loop."""

    def __init__(self, thinker: Thinker, *, uses_sandbox: bool) -> None:
        """
        Args:
            thinker: whose parts are tried.
            uses_sandbox: whether code is run.
        """
        self._thinker = thinker
        self._tries: dict[str, Callable[[], Any]] = {'engine': self._ask}
        if uses_sandbox:
            self._tries['sandbox'] = self._run
        self.broken: dict[str, str] = {}
        """Part → what is wrong with it, for the log."""
        self._looking: dict[str, asyncio.Task[None]] = {}
        self._tried = False
        self.on_dead: Callable[[str], None] = logger.critical
        """Called once, with the cause, when the engine failed and cannot come back in this process."""

    async def start(self) -> None:
        """Tries every part.

        Raises:
            ThymeError: one does not work, and will not by waiting: not an engine that is a server of its own.
        """
        self._tried = True
        for part, try_it in self._tries.items():
            try:
                await try_it()
            except ThymeError as error:
                if part != 'engine' or not self._thinker.engine.comes_back:
                    raise
                logger.warning('the engine does not answer yet: %s', error)
                self.failed(part, str(error))

    async def is_ready(self) -> bool:
        """Whether every part worked when it was last used or tried."""
        if not self._tried:
            self._tried = True
            for part in self._tries:
                self.failed(part, 'not tried yet')
            await asyncio.wait(list(self._looking.values()), timeout=_FIRST_S)
        return not self.broken

    def failed(self, part: str, cause: str) -> None:
        """Notes a failure; the part is tried until it works again."""
        self.broken[part] = cause
        if part in self._tries and part not in self._looking:
            self._looking[part] = asyncio.get_running_loop().create_task(self._look(part))

    def worked(self, part: str) -> None:
        """Notes that a part did its work."""
        self.broken.pop(part, None)

    async def aclose(self) -> None:
        """Stops trying."""
        tasks = list(self._looking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self, part: str) -> None:
        try:
            while part in self.broken and await self._try(part):
                await asyncio.sleep(_PAUSE_S)
        finally:
            del self._looking[part]

    async def _try(self, part: str) -> bool:
        """Tries a part once; whether it is to be tried again."""
        try:
            await asyncio.wait_for(self._tries[part](), _LIMIT_S)
        except Exception as error:  # whatever a try raises, the next one must follow
            if part not in self.broken:  # a request found meanwhile that the part works
                return False
            self.broken[part] = f'{type(error).__name__}: {error}'
            if not isinstance(error, (ThymeError, asyncio.TimeoutError)):
                logger.exception('the %s cannot be tried', part)
            elif part == 'engine' and not self._thinker.engine.comes_back:
                self.on_dead(f'the engine does not work any more: {self.broken[part]}')
                return False
            return True
        self.worked(part)
        return False

    async def _ask(self) -> None:
        await self._thinker.engine.generate(Conversation((Message('user', 'Hi'),)), Sampling(max_tokens=1))

    async def _run(self) -> None:
        await require_working(self._thinker.sandbox)
