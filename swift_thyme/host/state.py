"""The state of a run in this process, in one place: what the host's objects of this package share.

The host makes schedulers, rewards and callbacks by itself and hands them nothing of ours, so they take the process's
`RunState` where none is given. Owns making its parts when they are first asked for: a process that only teaches by SFT
needs neither judge nor sandbox, and their settings may be missing there.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ..config import JudgeSettings, RewardSettings, RolloutSettings, SandboxSettings
from ..rewards.shared import SharedScorer
from ..sandbox import PatientSandbox, shared_sandbox
from .scoring import Scoring


@dataclass(frozen=True)
class HostRun:
    """Facts of the run of this process."""

    text_temperature: float = 1.0
    """`--temperature`."""
    max_context_tokens: int | None = None
    """What prompt, pictures and completion may have together; None: not known."""
    rolls_out: bool = False
    """Whether a scheduler of this package is at work in this process."""


@dataclass
class RunState:
    """Of one run. Rewards and scoring of several live side by side; template and patches use the process's."""

    facts: HostRun = field(default_factory=HostRun)
    """What the host's arguments say."""
    scoring: Scoring = field(default_factory=Scoring)

    def learn(self, **facts: Any) -> None:
        """Replaces facts by name; those that are None stay what they were."""
        self.facts = replace(self.facts, **{name: value for name, value in facts.items() if value is not None})

    @cached_property
    def rollouts(self) -> RolloutSettings:
        """Settings of rollouts.

        Raises:
            ConfigError: a variable has a value that cannot be used; so for every part.
        """
        return RolloutSettings.from_env()

    @cached_property
    def scorer(self) -> SharedScorer:
        """What scores the trajectories of this rank for all rewards."""
        return SharedScorer(RewardSettings.from_env(), JudgeSettings.from_env())

    @cached_property
    def sandbox(self) -> PatientSandbox:
        """Where the policy's code runs."""
        return PatientSandbox(shared_sandbox(), SandboxSettings.from_env().outage_limit_s)

    def sandbox_figures(self) -> dict[str, float]:
        """What the sandbox's backend says of itself, once a sandbox is in use."""
        return self.sandbox.figures() if 'sandbox' in vars(self) else {}

    @cached_property
    def image_dir(self) -> Path:
        """Where returned pictures lie until they are trained; one of its own is removed with the state."""
        if self.rollouts.image_dir:
            return Path(self.rollouts.image_dir)
        folder = tempfile.mkdtemp(prefix='thyme-images-')
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)


_OF_THE_PROCESS: list[RunState] = []


def run_state() -> RunState:
    """The one of this process, made at registration."""
    if not _OF_THE_PROCESS:
        _OF_THE_PROCESS.append(RunState())
    return _OF_THE_PROCESS[0]
