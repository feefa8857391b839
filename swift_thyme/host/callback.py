"""`--callbacks thyme_rewards`: what rewards and rollouts did, in the trainer's log, and from there in every reporter.

Owns the one use of the trainer's metrics store, which the host has no public way to write to; a test pins it.
"""

from __future__ import annotations

from typing import Any

from accelerate.utils import gather_object
from swift.callbacks.base import TrainerCallback

from ..trajectories.figures import Tally, figures
from ..trajectories.watch import Watch
from .patch import watch_scoring
from .state import RunState, run_state

PREFIX = 'thyme/'
_WATCHED = ('frac_reward_zero_std', 'kl')


class RewardFigures(TrainerCallback):  # type: ignore[misc]
    """Adds the figures of the last step, before the host logs it: rewards and sandbox of this rank, rollouts of all."""

    def __init__(self, *args: Any, state: RunState | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._state = state or run_state()
        self._watch = Watch()
        watch_scoring()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Hands the figures over; the host averages them until it logs. Every rank takes part."""
        scorer = self._state.scorer
        found, scorer.latest = scorer.latest, {}
        total = sum(gather_object([self._state.scoring.take_tally()]), Tally())
        if total.trajectories:
            rollouts = figures(total)
            if state.is_world_process_zero:
                self._watch.observe(rollouts | self._host_figures(), state.global_step)
            found = {**found, **{f'rollout/{name}': value for name, value in rollouts.items()}}
        found |= {f'sandbox/{name}': value for name, value in self._state.sandbox_figures().items()}
        for name, value in found.items():
            if name != 'step':
                self.trainer._metrics['train'][PREFIX + name].append(value)

    def _host_figures(self) -> dict[str, float]:
        """What the host found in the last step of what is watched."""
        logged = self.trainer._metrics['train']
        return {name: float(logged[name][-1]) for name in _WATCHED if logged.get(name)}
