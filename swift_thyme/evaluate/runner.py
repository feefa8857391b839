"""Runs the attempts of an evaluation: every item, condition and repeat once, several at a time, each saved at once.

Owns the order of attempts, their seeds, the budget of the baseline and what a failure of the machinery means. How a
question is answered is the policy's, what an answer is worth `grading`'s.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from dataclasses import replace as with_changes
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from ..engines import Sampling
from ..errors import ConfigError, ThymeError
from ..infer import InferSettings, Question, Reply
from ..infer.thinker import NOT_THE_POLICY, Intervene
from ..trajectories import Record
from .conditions import Condition
from .grading import grade_by_rules
from .items import Item, Posed, derived, pose
from .store import Key, Store

logger = logging.getLogger(__name__)
MOST_FAILURES_IN_A_ROW = 20
"""After so many the run stops: the machinery is down, and going on would only list its failures."""


@dataclass(frozen=True)
class EvalSettings:
    """What decides an evaluation's questions; equal settings ask equal questions."""

    seed: int = 0
    repeats: int = 1
    """Attempts an item and condition, each with its own order of options and its own sampling seed."""
    shuffle: bool = True
    """Whether options change places."""
    conditions: tuple[Condition, ...] = (Condition.TOOLS,)

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise ConfigError(f'repeats must be >= 1, got {self.repeats}; 1 asks every item once')


@dataclass(frozen=True)
class Attempt:
    """One item under one condition, once."""

    item: Item
    condition: Condition
    repeat: int

    @property
    def key(self) -> Key:
        """What its line in the store is found by."""
        return self.item.id, self.condition.value, self.repeat


OnProgress = Callable[[int, int], None]
"""Called after every attempt: how many are finished, those of earlier sessions included, and failures of this one."""
Intervention = Callable[[Attempt], Intervene | None]
"""What happens to an attempt's returned pictures before the model sees them; None: nothing."""


def no_intervention(attempt: Attempt) -> Intervene | None:
    """Every returned picture is shown as it is."""
    return None


class Policy(Protocol):
    """A model with a loop around it."""

    settings: InferSettings
    """How it answers unless a call says otherwise."""

    async def answer(
        self,
        question: str | Question,
        *,
        output_dir: Path | None = None,
        tools: bool = True,
        sampling: Sampling | None = None,
        seed: int | None = None,
        intervene: Intervene | None = None,
    ) -> Reply:
        """Answers one question; the arguments are those of `Thinker.answer`.

        Raises:
            Exception: anything; whatever is raised is a failure of the machinery and never a wrong answer.
        """
        ...


@dataclass
class Runner:
    """One session of one evaluation."""

    items: Sequence[Item]
    settings: EvalSettings
    store: Store
    policy: Policy
    concurrency: int = 1
    """Attempts under way at a time."""
    intervention: Intervention = no_intervention
    on_progress: OnProgress = lambda done, failed: None
    _failed: int = 0
    _failed_in_a_row: int = 0
    _finished: int = 0

    async def run(self) -> None:
        """Makes every attempt that the store does not hold yet.

        Raises:
            ThymeError: the machinery failed many times in a row; what finished is kept.
        """
        done = self.store.done()
        waiting = iter([attempt for attempt in self.attempts() if attempt.key not in done])

        async def work() -> None:
            for attempt in waiting:
                await self._make(attempt)
                self.on_progress(len(done) + self._finished, self._failed)

        workers = [asyncio.ensure_future(work()) for _ in range(max(1, self.concurrency))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    def attempts(self) -> list[Attempt]:
        """Every attempt, in order: a run that ends early has asked whole items under all conditions."""
        return [
            Attempt(item, condition, repeat)
            for repeat in range(self.settings.repeats)
            for item in self.items
            for condition in self.settings.conditions
        ]

    async def _make(self, attempt: Attempt) -> None:
        started = time.monotonic()
        try:
            reply = await self._ask(attempt)
        except Exception as error:  # the trajectory boundary: what fails here is not the policy's answer
            if not isinstance(error, ThymeError):
                logger.warning('attempt %s failed', attempt.key, exc_info=True)
            self._note_failure(attempt, f'{type(error).__name__}: {error}')
            return
        if reply.stop_reason in NOT_THE_POLICY:
            self._note_failure(attempt, f'{reply.stop_reason.value}: {reply.error}')
            return
        elapsed_s = time.monotonic() - started
        self.store.add(await asyncio.to_thread(self._record, attempt, reply, elapsed_s))
        self._failed_in_a_row = 0
        self._finished += 1

    def _note_failure(self, attempt: Attempt, cause: str) -> None:
        self._failed += 1
        self._failed_in_a_row += 1
        self.store.add_failure(attempt.key, cause)
        if self._failed_in_a_row >= MOST_FAILURES_IN_A_ROW:
            raise ThymeError(
                f'{self._failed_in_a_row} attempts in a row failed, the last with {cause!r:.300}; expected answers; '
                f'mend the cause and run the same command again: what has finished is kept'
            )

    async def _ask(self, attempt: Attempt) -> Reply:
        pictures = self.store.pictures / f'{derived(*attempt.key):016x}'
        if pictures.exists():
            shutil.rmtree(pictures)
        tools, sampling = attempt.condition.runs_code, self.policy.settings.sampling
        if not tools:  # one generation may have the tokens of all that a trajectory with tools has
            rounds = self.policy.settings.agent.max_rounds
            sampling = with_changes(sampling, max_tokens=sampling.max_tokens * rounds)
        return await self.policy.answer(
            self._question(attempt),
            output_dir=pictures,
            tools=tools,
            sampling=sampling,
            seed=self._seed(attempt),
            intervene=self.intervention(attempt),
        )

    def _question(self, attempt: Attempt) -> Question:
        images = attempt.item.images
        names = tuple(image.name or None for image in images)
        return Question(self._posed(attempt).text, tuple(image.path for image in images), prompt_paths=names)

    def _posed(self, attempt: Attempt) -> Posed:
        return pose(attempt.item, seed=self.settings.seed, repeat=attempt.repeat, shuffle=self.settings.shuffle)

    def _seed(self, attempt: Attempt) -> int:
        """Of sampling; the same for all conditions of one item and repeat. 31 bits."""
        return derived(self.settings.seed, 'sampling', attempt.item.id, attempt.repeat) % (1 << 31)

    def _record(self, attempt: Attempt, reply: Reply, elapsed_s: float) -> Record:
        item, posed = attempt.item, self._posed(attempt)
        record = replace(reply.record(self._question(attempt)), solution=posed.solution)
        grade = grade_by_rules(record)
        relative = self.store.relative
        return replace(
            record,
            images=tuple(relative(image.path) for image in item.images),
            turns=tuple(replace(turn, images=tuple(map(relative, turn.images))) for turn in record.turns),
            item_id=item.id,
            task=item.task,
            condition=attempt.condition.value,
            repeat=attempt.repeat,
            seed=self._seed(attempt),
            order=tuple(posed.order),
            box=item.box,
            verdict=grade.mark.value,
            graded_by=grade.by,
            elapsed_s=round(elapsed_s, 3),
        )
