"""What an evaluation needs of a model: one call that answers one question. `infer.Thinker` has it.

Owns the shape of that call and the budget of the baseline. Tests put scripted engines behind a real `Thinker`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from ..engines import Sampling
from ..infer import InferSettings, Question, Reply
from ..types import SandboxResult

Intervene = Callable[[SandboxResult], SandboxResult]
"""Called between the sandbox and the model; the model sees, and the trajectory holds, what it returns."""


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


def budget(settings: InferSettings, *, tools: bool) -> Sampling:
    """The sampling of one generation, such that both ways of asking may generate the same number of tokens.

    With tools a trajectory has `max_rounds` generations of `max_tokens`; without, one generation gets all of them.
    """
    sampling = settings.sampling
    return sampling if tools else replace(sampling, max_tokens=sampling.max_tokens * settings.agent.max_rounds)
