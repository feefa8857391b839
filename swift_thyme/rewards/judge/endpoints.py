"""The judges' addresses: which is healthy, which is least loaded, and how long an outage has lasted.

Owns state per address, all of it used from the client's one event loop. Sends nothing itself.
"""

from __future__ import annotations

import logging
import random
import statistics
import time
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from ...config import shown_address

logger = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.2
WORDLESS = 4
"""Replies in a row without a verdict from which an address counts as ill: more than one odd question can cause."""
LONGEST_PAUSE_S = 10.0
"""Pauses of an address grow from the first to the longest, doubling with every failed probe, but to no more than a
quarter of the time since its last verdict."""
FIRST_NOTICE_S = 5.0
LONGEST_NOTICE_S = 300.0
"""Messages during an outage come at growing intervals within these bounds."""


@dataclass(eq=False)
class Endpoint:
    """One address."""

    url: str
    model: str = ''
    """The name its server lists first; empty while unknown."""
    in_flight: int = 0
    failures: int = 0
    """Failed probes in a row; 0 is healthy."""
    wordless: int = 0
    """Replies in a row that held no verdict."""
    last_verdict: float = 0.0
    """When it gave one."""
    paused_until: float = 0.0
    latency_s: float = 0.0
    """Moving average of its replies; 0 while unknown."""
    takes_schema: bool = True
    """Whether it accepts `response_format`; learnt from its first refusal."""
    cause: str = ''
    """Why its last request failed."""

    def began(self) -> None:
        """Counts a request that goes out."""
        if self.in_flight == 0:
            self._busy_since = time.monotonic()
        self.in_flight += 1

    def ended(self) -> None:
        """Counts a request that is over, however it ended."""
        self.in_flight -= 1

    @property
    def silent_s(self) -> float:
        """How long it has owed a reply without giving any, seconds."""
        return time.monotonic() - max(self._busy_since, self._last_reply) if self.in_flight else 0.0

    def judged(self) -> None:
        """Counts a verdict: the address is healthy."""
        self.failures, self.wordless, self.paused_until, self.cause = 0, 0, 0.0, ''
        self.last_verdict = time.monotonic()

    def gave_no_verdict(self, cause: str, started: float) -> None:
        """Counts a reply without a verdict; several in a row are a failure of the address."""
        self.wordless += 1
        if self.wordless >= WORDLESS:
            self.failed(cause, started)

    def replied(self, latency_s: float) -> None:
        """Counts a reply, whatever it says."""
        self._last_reply = time.monotonic()
        self.latency_s = 0.8 * self.latency_s + 0.2 * latency_s if self.latency_s else latency_s

    def failed(self, cause: str, started: float, pause_s: float | None = None) -> None:
        """Counts a failure and pauses the address; requests that were under way together count once."""
        now = time.monotonic()
        self.cause = cause
        if self.failures and started < self._last_failure:
            return
        self.failures += 1
        self._last_failure = now
        lately = max(FIRST_PAUSE_S, (now - self.last_verdict) / 4)
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (self.failures - 1), lately) if pause_s is None else pause_s
        self.paused_until = now + pause * random.uniform(0.75, 1.25)

    def overtaken(self, started: float) -> None:
        """A request that began then is sent elsewhere too: it is slow here, or ill if no reply came at all since."""
        waited_s = time.monotonic() - started
        if self._last_reply < started:
            self.failed(f'no reply within {waited_s:.2g} s', started)
        else:
            self.latency_s = max(self.latency_s, waited_s)

    _busy_since: float = field(default=0.0, repr=False)
    _last_reply: float = field(default=0.0, repr=False)
    _last_failure: float = field(default=0.0, repr=False)


class Endpoints:
    """All addresses of one client."""

    def __init__(self, urls: Sequence[str]) -> None:
        self.all = [Endpoint(url) for url in urls]
        self._latencies: deque[float] = deque(maxlen=200)

    def choose(self, besides: Collection[Endpoint] = ()) -> Endpoint | None:
        """The address that is expected to answer first, or None while all (of the others) are paused.

        An address that failed gets one request at a time until one succeeds.
        """
        now = time.monotonic()
        ready = [
            e for e in self.all if e not in besides and e.paused_until <= now and (e.failures == 0 or e.in_flight == 0)
        ]
        usual = self.usual_latency_s or 1.0

        def wait_s(endpoint: Endpoint) -> float:
            return (endpoint.in_flight + 1) * max(endpoint.latency_s or usual, endpoint.silent_s)

        return min(ready, key=lambda e: (wait_s(e), random.random()), default=None)

    def answered(self, endpoint: Endpoint, latency_s: float) -> None:
        """Counts a reply."""
        endpoint.replied(latency_s)
        self._latencies.append(latency_s)

    @property
    def usual_latency_s(self) -> float:
        """Median of the last replies, seconds; 0 while there are fewer than five."""
        return statistics.median(self._latencies) if len(self._latencies) >= 5 else 0.0

    def next_try_s(self) -> float:
        """How long to wait before asking again, seconds."""
        soonest = min(e.paused_until for e in self.all) - time.monotonic()
        return min(max(soonest, 0.02), 0.25) * random.uniform(0.75, 1.25)

    def causes(self) -> str:
        """Every address with the last cause, for messages."""
        return '; '.join(f'{shown_address(e.url)}: {e.cause or "no reply yet"}' for e in self.all)


class Outage:
    """The time in which no address gives a verdict on anything, with messages at growing intervals."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._next_notice_s = FIRST_NOTICE_S

    def failed(self, causes: str, limit_s: float) -> None:
        """Counts a failed request; says so when it is time."""
        now = time.monotonic()
        if self._since is None:
            self._since, self._next_notice_s = now, FIRST_NOTICE_S
        elapsed = now - self._since
        if elapsed >= self._next_notice_s:
            self._next_notice_s = elapsed + min(LONGEST_NOTICE_S, elapsed)
            logger.warning(
                f'no judge has answered for {elapsed:.0f} s, the step waits (limit {limit_s:g} s, '
                f'THYME_JUDGE_OUTAGE_LIMIT_S): {causes}'
            )

    def ended(self) -> None:
        """A judge answered."""
        if self._since is not None and time.monotonic() - self._since >= FIRST_NOTICE_S:
            logger.warning(f'a judge answers again after {time.monotonic() - self._since:.0f} s')
        self._since = None

    @property
    def elapsed_s(self) -> float:
        """How long it has lasted; 0 when there is none."""
        return 0.0 if self._since is None else time.monotonic() - self._since
