"""`--callbacks thyme_rewards`: the rewards' own figures in the trainer's log, and from there in every reporter.

Owns the one use of the trainer's metrics store, which the host has no public way to write to; a test pins it.
"""

from __future__ import annotations

from typing import Any

from swift.callbacks.base import TrainerCallback

from .orm import shared_desk

PREFIX = 'thyme/'


class RewardFigures(TrainerCallback):  # type: ignore[misc]
    """Adds the figures of the last step's rewards, of this rank, before the host logs it."""

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Hands the figures over; the host averages them until it logs."""
        desk = shared_desk()
        figures, desk.latest = desk.latest, {}
        for name, value in figures.items():
            if name != 'step':
                self.trainer._metrics['train'][PREFIX + name].append(value)
