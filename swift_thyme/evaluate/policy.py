"""What an evaluation needs of a model: one call that answers one question. `infer.Thinker` has it.

Owns the shape of that call. Tests and audits put scripted policies behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from ..sandbox.base import InputImage
from ..types import SandboxResult, Trajectory

Intervene = Callable[[SandboxResult], SandboxResult]
"""Called between the sandbox and the model; the model sees, and the trajectory holds, what it returns."""


class Policy(Protocol):
    """A model with a loop around it."""

    async def answer(
        self,
        question: str,
        images: Sequence[InputImage],
        *,
        tools: bool = True,
        intervene: Intervene | None = None,
        seed: int | None = None,
        temperature: float | None = None,
        output_dir: Path | None = None,
    ) -> Trajectory:
        """Answers one question.

        Args:
            question: the user's words.
            images: its pictures, in order.
            tools: whether code may be written and is run; without, one generation with the same token budget.
            intervene: may replace what the sandbox returned before the model sees it.
            seed: of sampling.
            temperature: of text; None for the policy's own.
            output_dir: where returned pictures are kept.

        Raises:
            Exception: anything; whatever is raised is a failure of the machinery and never a wrong answer.
        """
        ...
