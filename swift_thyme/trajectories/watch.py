"""Notices in a run's figures what makes training go wrong in silence, and says what to try.

Owns the limits and the words. Looks at the last three steps, so that one odd batch says nothing.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

logger = logging.getLogger(__name__)

STEPS = 3
"""The mean over so many steps is looked at."""


@dataclass(frozen=True)
class Alarm:
    """One way in which a run goes wrong."""

    figure: str
    """A name of `figures`, or of the host's log."""
    limit: float
    what: str
    advice: str
    falls: bool = False
    """Whether it sounds below `limit` of the best mean so far, and not above `limit` itself."""

    def sounds(self, mean: float, best: float) -> bool:
        """Whether it sounds for the mean of the last steps, given the best one before."""
        return mean < self.limit * best if self.falls else mean > self.limit


ALARMS = (
    Alarm(
        'tool_use_rate',
        0.5,
        'the policy gives up its tools',
        'look at trajectories without code: does the sandbox fail, or a reward pay for answers without it?',
        falls=True,
    ),
    Alarm(
        'code_ok_rate',
        0.5,
        'code stops running',
        'look at the errors in the trajectories; lower --learning_rate, or go back to the checkpoint before',
        falls=True,
    ),
    Alarm(
        'frac_reward_zero_std',
        0.9,
        'hardly a group has a right and a wrong answer, so there is nothing to learn',
        'questions of another difficulty, more --num_generations, or --dynamic_sample true',
    ),
    Alarm(
        'set_aside_share',
        0.1,
        'the machinery fails and trajectories are set aside',
        'read quarantine_reason in OUTPUT_DIR/trajectories, and run `thyme doctor`',
    ),
    Alarm(
        'same_code_share',
        0.3,
        'in many groups all members write the same code, so a mistake in it is everybody’s and cannot be unlearnt',
        'THYME_TRAIN_CODE=mask, or THYME_CODE_TEMPERATURE above 0 with THYME_TRAIN_CODE=exact',
    ),
    Alarm(
        'kl',
        0.5,
        'the policy is far from the reference model',
        'a higher --beta or a lower --learning_rate',
    ),
)


class Watch:
    """Follows a run; one warning a fault, and another only after recovery."""

    def __init__(self) -> None:
        self._last: dict[str, deque[float]] = {}
        self._best: dict[str, float] = {}
        self._sounding: set[str] = set()

    def observe(self, found: Mapping[str, float], step: int) -> list[str]:
        """Takes one step's figures; returns the warnings, which are also logged.

        Args:
            found: figures by name; one that a step does not have is left out.
            step: the trainer's.
        """
        warnings = [
            f'step {step}: {alarm.what}: {alarm.figure} is {mean:.2f} over {STEPS} steps'
            + (f', was {best:.2f}' if alarm.falls else f', more than {alarm.limit:g}')
            + f'; try: {alarm.advice}'
            for alarm in ALARMS
            if alarm.figure in found
            for mean, best in [self._means(alarm.figure, found[alarm.figure])]
            if self._starts(alarm, mean, best)
        ]
        for warning in warnings:
            logger.warning(warning)
        return warnings

    def _means(self, figure: str, value: float) -> tuple[float, float]:
        """The mean of the last steps, and the best one so far."""
        last = self._last.setdefault(figure, deque(maxlen=STEPS))
        last.append(value)
        mean = sum(last) / len(last)
        if len(last) == STEPS:
            self._best[figure] = max(self._best.get(figure, 0.0), mean)
        return mean, self._best.get(figure, 0.0)

    def _starts(self, alarm: Alarm, mean: float, best: float) -> bool:
        """Whether an alarm sounds that did not before; never before there are enough steps."""
        enough = len(self._last[alarm.figure]) == STEPS
        sounds = enough and alarm.sounds(mean, best)
        starts = sounds and alarm.figure not in self._sounding
        (self._sounding.add if sounds else self._sounding.discard)(alarm.figure)
        return starts
