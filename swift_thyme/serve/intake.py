"""Processes that read requests: bodies and pictures never hold up the event loop, nor one request another.

Two lanes: what is small does not wait behind what is large. A process that dies over a request is replaced.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from PIL import Image

from .errors import ApiError

T = TypeVar('T')
HEAVY_BYTES = 4 << 20
"""Bodies from this size on are read in the slow lane."""
HEAVY_PIXELS = 8_000_000
"""Pictures from this size on are decoded there, px."""
_MEMORY_BYTES = 4 << 30
_CPU_S = 60.0
"""Processor time of one call. The kernel ends a process that needs more, whatever C code it is in."""
_NICE = {'light': 0, 'heavy': 10}
_READERS = {'light': 2, 'heavy': 1}


class Intake:
    """The processes of one server. They start with `start`, or when they are needed."""

    def __init__(self) -> None:
        self._pools: dict[str, ProcessPoolExecutor] = {}
        self._alone = asyncio.Lock()
        """Of the process for what broke one that it shared."""

    async def start(self) -> None:
        """Starts one process of each lane, so that no request waits for it."""
        await asyncio.gather(self.run(os.getpid), self.run(os.getpid, heavy=True))

    async def run(self, function: Callable[..., T], *args: Any, heavy: bool = False, **options: Any) -> T:
        """Calls a function of a module in a process of a lane.

        Raises:
            ApiError: the process did not survive the call, twice (400).
        """
        lane = 'heavy' if heavy else 'light'
        loop = asyncio.get_running_loop()
        pool = self._pools.get(lane) or self._pools.setdefault(lane, _pool(lane))
        try:
            return await loop.run_in_executor(pool, _call, function, args, options)
        except BrokenProcessPool:  # by this call, or by another of the same process
            if self._pools.get(lane) is pool:
                del self._pools[lane]
        async with self._alone:
            pool = self._pools['alone'] = _pool(lane, 1)
            try:
                return await loop.run_in_executor(pool, _call, function, args, options)
            except BrokenProcessPool as error:
                raise ApiError(
                    400,
                    'the request cannot be read: it takes more memory or time than this server gives',
                    code='too_large',
                ) from error
            finally:
                self._pools.pop('alone', None)
                pool.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """Ends the processes; what they are at is not waited for."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            processes = list((pool._processes or {}).values())
            pool.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                process.kill()


def _pool(lane: str, processes: int = 0) -> ProcessPoolExecutor:
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['swift_thyme.serve.wire'])
    return ProcessPoolExecutor(processes or _READERS[lane], context, _prepare, (_NICE[lane],))


def _prepare(nice: int) -> None:
    """Sets a new process up: its bounds, and that it ends with the server."""
    os.nice(nice)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    Image.init()  # a format is known only once its reader is loaded
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


def _call(function: Callable[..., T], args: tuple[Any, ...], options: dict[str, Any]) -> T:
    signal.setitimer(signal.ITIMER_PROF, _CPU_S)
    try:
        return function(*args, **options)
    except MemoryError as error:
        raise ApiError(
            400, 'the request cannot be read: it takes more memory than this server gives', code='too_large'
        ) from error
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
