"""What stands beside the GPUs at a scale: CPU cores for the sandbox, judges, disk. Calculated, not measured."""

from __future__ import annotations

from dataclasses import dataclass

from .time import Rollouts, Step

SNIPPET_CPU_S = 0.065
"""Processor time of one snippet that crops, enlarges and saves: 18 of `benchmarks/sandbox.py` on a loaded machine."""
CODE_SHARE = 0.5
"""Share of a step's generation in which snippets arrive; the rest is the tail of the longest trajectories."""
JUDGED_PER_TRAJECTORY = 1.4
"""Judge requests of one trajectory: correctness where rules do not decide, consistency of right answers."""
JUDGE_REQUESTS_PER_S = 8.0
"""Of one judge on two 80 GB GPUs, 1,000 tokens in and 30 out. An assumption: measure yours with `thyme judge check`."""
TEXT_BYTES = 24_000
"""Of one trajectory's JSON: text, sampled ids, outcomes."""
PICTURE_BYTES = 250_000
"""Of one returned picture."""
QUESTIONS = 55_173
"""Rows of the public RL set."""


@dataclass(frozen=True)
class Beside:
    """What a job needs beside its GPUs."""

    sandbox_cores: float
    """Cores that snippets keep busy while trajectories are generated, all nodes together."""
    judge_requests: int
    """Of one step."""
    judges: float
    """Judge servers that answer them in a tenth of the step."""
    epoch_hours: float
    trajectories_gb: float
    """Of one epoch, were all kept; `THYME_TRAJECTORY_MB` bounds what is."""


def beside(step: Step, rollouts: Rollouts, *, trajectories: int, group: int) -> Beside:
    """What one step of `trajectories`, in groups of `group`, needs beside the GPUs."""
    window_s = max(step.generate * CODE_SHARE, 1e-9)
    requests = round(trajectories * JUDGED_PER_TRAJECTORY)
    steps = QUESTIONS * group / trajectories
    returned = max(rollouts.images - 1, 0)
    return Beside(
        sandbox_cores=trajectories * rollouts.code_blocks * SNIPPET_CPU_S / window_s,
        judge_requests=requests,
        judges=requests / JUDGE_REQUESTS_PER_S / (0.1 * step.total),
        epoch_hours=steps * step.total / 3600,
        trajectories_gb=steps * trajectories * (TEXT_BYTES + returned * PICTURE_BYTES) / 1e9,
    )
