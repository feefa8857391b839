"""What all rewards of a process share: the settings, the judge, and the assessments of the current step.

Owns the memory of one step, so that each trajectory is assessed once, whichever rewards are named and in whatever
order. Host-free.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence

from ..config import JudgeSettings, RewardSettings
from ..errors import JudgeError
from ..loop import LoopThread
from ..trajectories import Record
from .judge import JudgeClient
from .metrics import Metrics
from .scorer import Assessment, Part, Scorer

logger = logging.getLogger(__name__)


class SharedScorer:
    """What all rewards of a process share: settings, the judge, and the assessments of the current step."""

    def __init__(self, settings: RewardSettings, judge: JudgeSettings) -> None:
        self.settings, self.judge_settings = settings, judge
        self.metrics = Metrics()
        self.latest: dict[str, float] = {}
        """Figures of the last step."""
        self._loop = LoopThread('thyme-judge')
        self._lock = threading.Lock()
        self._parts: set[Part] = set()
        self._scorer: Scorer | None = None
        self._client: JudgeClient | None = None
        self._owner = 0
        self._batch: tuple[Record, ...] = ()
        self._served: set[str] = set()
        self._found: list[Assessment] | JudgeError = []

    def register(self, parts: Sequence[Part]) -> None:
        """Adds what one reward needs."""
        with self._lock:
            if not self._parts.issuperset(parts):
                self._batch = ()
            self._parts.update(parts)

    def assess(self, reward: str, records: list[Record], step: int = 0) -> list[Assessment]:
        """The assessments of a batch; computed when the first reward asks, and again when the same one asks twice.

        Raises:
            JudgeError: the judge gave no ruling and the policy is to stop.
        """
        with self._lock:
            if tuple(records) != self._batch or reward in self._served:
                self._batch, self._served = tuple(records), set()
                try:
                    self._found = self._loop.run(self._assess(records))
                except JudgeError as error:
                    self._found = error
                self._report(step)
            self._served.add(reward)
            if isinstance(self._found, JudgeError):
                raise self._found
            return self._found

    def close(self) -> None:
        """Closes connections and the loop."""
        if self._client is not None and self._owner == os.getpid():
            self._loop.run(self._client.aclose())
        self._loop.close()

    async def _assess(self, records: list[Record]) -> list[Assessment]:
        if self._scorer is None or self._owner != os.getpid():
            self._owner = os.getpid()
            self._client = JudgeClient(self.judge_settings, self.metrics)
            self._scorer = Scorer(self._client, self.settings.convention, self.metrics)
        return await self._scorer.assess(records, self._parts, self.judge_settings.outage)

    def _report(self, step: int) -> None:
        self.latest = {'step': float(step), **self.metrics.take()}
        aside = {k: v for k, v in self.latest.items() if k.startswith('set_aside/')}
        if aside:
            causes = {a.cause for a in self._found if a.cause} if isinstance(self._found, list) else set()
            logger.warning('step %d: trajectories without advantage: %s %s', step, aside, '; '.join(sorted(causes)[:3]))
