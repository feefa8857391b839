"""Questions under way, by browser session, so that they can be stopped: by the button, by leaving, by the next one."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from ...errors import ThymeError
from ...infer import Event
from .sources import Source
from .transcript import Transcript

_DRAW_EVERY_S = 0.1
"""Text is shown in steps of at least this long."""


class OpenQuestions:
    """Asks the source and keeps what is under way."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._tasks: dict[str, asyncio.Task[str]] = {}
        self.folder = Path(tempfile.mkdtemp(prefix='thyme-demo-'))
        """Pictures that code returned; the page may serve files from here."""

    @property
    def under_way(self) -> int:
        """Questions that are being answered."""
        return len(self._tasks)

    def close(self) -> None:
        """Removes the pictures."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self, session: str) -> bool:
        """Stops what a browser session has under way; its sandbox session closes. Whether there was anything."""
        task = self._tasks.get(session)
        return task is not None and task.cancel()

    async def ask(self, session: str, question: str, images: Sequence[Path]) -> AsyncIterator[Transcript]:
        """Answers a question; yields the same transcript whenever it has grown."""
        self.stop(session)
        transcript = Transcript(question, images)
        yield transcript
        events: asyncio.Queue[Event | None] = asyncio.Queue()
        folder = self.folder / uuid.uuid4().hex
        task = asyncio.create_task(self._source.answer(question, images, events.put_nowait, folder))
        task.add_done_callback(lambda _: events.put_nowait(None))
        self._tasks[session] = task
        try:
            async for _ in _batches(events, transcript):
                yield transcript
            transcript.note = await _outcome(task)
            yield transcript
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if self._tasks.get(session) is task:
                del self._tasks[session]


async def _batches(events: asyncio.Queue[Event | None], transcript: Transcript) -> AsyncIterator[None]:
    """Feeds the transcript until the end, pausing a little so that fast text does not flood the browser."""
    while True:
        batch = [await events.get(), *(events.get_nowait() for _ in range(events.qsize()))]
        for event in batch:
            if event is not None:
                transcript.feed(event)
        yield
        if batch[-1] is None:
            return
        await asyncio.sleep(_DRAW_EVERY_S)


async def _outcome(task: asyncio.Task[str]) -> str:
    """What to say at the end; empty when all went well."""
    (done,) = await asyncio.gather(task, return_exceptions=True)
    if isinstance(done, asyncio.CancelledError):
        return 'Stopped.'
    if isinstance(done, ThymeError):
        return f'Could not be answered: {done}'
    if isinstance(done, BaseException):
        raise done
    return f'Ended by a failure of the machinery: {done}' if done else ''
