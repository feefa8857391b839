"""What ended one turn, who of the session's processes is left then, and whose doing it was."""

from __future__ import annotations

import os
import signal
from collections.abc import Container

from ...types import Outcome, SandboxResult
from .. import wire
from .clock import Stopwatch
from .process import ENDED, LOST, OVER, Event, Process

SETTLE_TIMEOUT_S = 5.0
_EXIT_TIMEOUT_S = 5.0
_POLL_S = 0.05
_LOOK_S = 0.25
"""How often the time of a running process is asked for: its threads may use it faster than the wall clock goes."""
_FINAL = (wire.REPORT, ENDED, LOST, OVER)
"""Kinds of events that end a turn."""
_TIMEOUT, _STRAY = b'timeout', b'stray'


class Killed(Exception):
    """The session's process was ended by someone outside the sandbox, or may have been."""


async def wait_for(
    process: Process, kinds: Container[bytes], timeout_s: float, watch: Stopwatch | None = None
) -> Event | None:
    """The first event of one of these kinds; None when none comes in time.

    Args:
        process: whose events.
        kinds: as in `wire`, or of `process`.
        timeout_s: of the time that the running process gets.
        watch: when it began; now by default.
    """
    watch = watch or Stopwatch(process.pid)
    while True:
        left_s = timeout_s - watch.elapsed_s()
        event = await process.next_event(min(max(left_s, 0.001), _LOOK_S))
        if event is not None and event[0] in kinds:
            return event
        if event is None and left_s <= 0:
            return None


async def wait_for_outcome(process: Process, timeout_s: float) -> Event:
    """What ends the turn: a report, an end (with its wait status), or a limit.

    Raises:
        Killed: see `check_end`.
    """
    event = await wait_for(process, _FINAL, timeout_s, process.watch) or (_TIMEOUT, b'')
    if event[0] not in (ENDED, LOST):
        return event
    await check_end(process)
    return ENDED, str(process.ended).encode()


async def check_end(process: Process) -> None:
    """Lets pass the end of a process that it brought about itself.

    Raises:
        Killed: by somebody else (the filter lets no snippet send that signal), or nobody knows how it ended.
    """
    if process.ended is None:
        await wait_for(process, (ENDED,), _EXIT_TIMEOUT_S)
    if process.ended is None:
        raise Killed('how it ended is not known')
    if os.WIFSIGNALED(process.ended) and os.WTERMSIG(process.ended) == signal.SIGKILL:
        raise Killed('SIGKILL')


async def learn_of_snapshot(process: Process, kind: bytes) -> tuple[bytes, bool]:
    """Waits until it is known who is to be killed and who is to go on.

    An honest process has made its snapshot before it ran anything, or could not. One that lets us wait for a snapshot
    ran something else there.

    Args:
        process: the session's.
        kind: what ended its turn.

    Returns:
        What ended the turn, and whether there is a snapshot.
    """
    watch = Stopwatch(process.pid)
    while not (process.holder or process.lost) and watch.elapsed_s() < SETTLE_TIMEOUT_S:
        if kind == wire.REPORT and process.has_no_fork:
            return kind, False
        await process.next_event(_POLL_S)
    if kind == wire.REPORT and not (process.holder or process.lost):
        return _STRAY, False
    return kind, bool(process.holder)


def explain(kind: bytes, payload: bytes, timeout_s: float) -> SandboxResult:
    """The result of a turn that did not end with a report."""
    if kind == _STRAY:
        return SandboxResult(Outcome.DIED, 'ProcessDied: the Python process left another one running')
    if kind == _TIMEOUT:
        return SandboxResult(Outcome.TIMEOUT, f'TimeoutError: the code did not finish within {timeout_s:g} s')
    if kind == OVER:
        outcome = Outcome.OUT_OF_MEMORY if payload.startswith(b'memory') else Outcome.REFUSED
        return SandboxResult(outcome, f'LimitError: {payload.decode()}')
    status = int(payload)
    how = 'exited'
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        how = f'was ended by {signal.Signals(number).name if number in signal.valid_signals() else number}'
    return SandboxResult(Outcome.DIED, f'ProcessDied: the Python process {how}')
