"""The rows of a GRPO batch encoded ahead of their use, several at a time.

The host encodes one row after another in the trainer's thread and has the model wait for each micro-batch. Decoding,
resizing and cutting into patches release Python's lock, and so does a trainer that waits for its GPU: threads use both.
Owns the window of rows in work; how a row is encoded is the host's.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

_MOST_THREADS = 8
_ROWS_A_THREAD = 2
"""In work or waiting to be taken: what bounds the memory of encoded pictures."""


class RowsAhead:
    """Encodes the samples of a batch in their order, a bounded number ahead of the one that is asked for.

    Used as a context manager; nothing is in work after it.
    """

    def __init__(self, samples: Sequence[Any], encode: Callable[[Any], dict[str, Any]], threads: int = 0) -> None:
        """Begins nothing yet.

        Args:
            samples: of the host, in the order in which they will be asked for.
            encode: what encodes one of them; called in threads.
            threads: at most; 0 for this process's share of the cores, at most 8.
        """
        share = len(os.sched_getaffinity(0)) // int(os.environ.get('LOCAL_WORLD_SIZE') or 1)
        n = threads or max(1, min(share, _MOST_THREADS))
        self._encode = encode
        self._pool = ThreadPoolExecutor(n, thread_name_prefix='thyme-rows')
        self._waiting = deque(samples)
        self._in_work: dict[int, Future[dict[str, Any]]] = {}
        self._window = n * _ROWS_A_THREAD

    def __enter__(self) -> RowsAhead:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def take(self, sample: Any) -> dict[str, Any]:
        """The encoded row of a sample; one that is not of this batch, or is asked for again, is encoded now.

        Raises:
            Exception: whatever encoding this row raises.
        """
        while self._waiting and len(self._in_work) < self._window:
            following = self._waiting.popleft()
            self._in_work[id(following)] = self._pool.submit(self._encode, following)
        row = self._in_work.pop(id(sample), None)
        return self._encode(sample) if row is None else row.result()
