"""How much of a run the machinery may lose before the run stops.

A batch of which much is set aside trains on what is left, which is no fair sample of what the policy does. Owns the
bounds; who is set aside, and why, is said by `types.SetAside`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import MachineryDown
from ..types import SetAside

MOST_SHARE = 0.25
"""Of the trajectories of the last batches."""
LEAST_TRAJECTORIES = 16
"""The share is taken over so many trajectories, or more: over as few of the last batches as hold them."""
DEAD_BATCHES = 3
"""A run stops after so many batches in a row of which nothing is left."""
_CHOSEN = frozenset({SetAside.JUDGE_UNAVAILABLE})
"""Only set aside where the run's owner chose `THYME_JUDGE_OUTAGE=neutral`, to go on without them."""
_SHOWN = 5


@dataclass(frozen=True)
class Loss:
    """Why one trajectory was set aside."""

    reason: SetAside
    cause: str = ''
    """The error behind it, for people."""


class SetAsideBound:
    """Watches what is set aside, batch by batch."""

    def __init__(self) -> None:
        self._recent: deque[Sequence[Loss | None]] = deque()
        self._dead: list[Sequence[Loss | None]] = []

    def observe(self, batch: Sequence[Loss | None]) -> None:
        """Takes one batch: for each trajectory of all ranks why it was set aside, or None.

        Raises:
            MachineryDown: more than a quarter of at least 16 trajectories were set aside (those left out because a
                judge is down do not count), or all of three batches.
        """
        self._recent.append([None if loss and loss.reason in _CHOSEN else loss for loss in batch])
        while sum(map(len, self._recent)) - len(self._recent[0]) >= LEAST_TRAJECTORIES:
            self._recent.popleft()
        recent = [loss for one in self._recent for loss in one]
        if len(recent) >= LEAST_TRAJECTORIES and sum(map(bool, recent)) > MOST_SHARE * len(recent):
            raise _too_many(recent)
        self._dead = [*self._dead, batch] if batch and all(batch) else []
        if len(self._dead) == DEAD_BATCHES:
            raise _too_many([loss for one in self._dead for loss in one])


def _too_many(batch: Sequence[Loss | None]) -> MachineryDown:
    found = Counter((loss.reason.value, loss.cause) for loss in batch if loss)
    reasons = '; '.join(f'{n} {reason} ({cause})' for (reason, cause), n in found.most_common(_SHOWN))
    return MachineryDown(
        f'the machinery lost {found.total()} of the last {len(batch)} trajectories: {reasons}; expected at most '
        f'{MOST_SHARE:.0%}; training on what is left would teach the policy to avoid what fails: mend it, then go on '
        'with --resume_from_checkpoint'
    )
