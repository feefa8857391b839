"""Under which condition a question is answered. Owns the vocabulary; `swift_thyme.audit` owns the interventions."""

from __future__ import annotations

from enum import Enum


class Condition(str, Enum):
    """One way of asking the same items."""

    TOOLS = 'tools'
    """As in training: code runs, and what it returns is shown."""
    NO_TOOLS = 'no_tools'
    """Nothing is run and the prompt offers no tool; the same token budget in one generation."""
    BLANK = 'blank'
    """Code runs, but every returned picture is replaced by a grey one of its size."""
    WRONG = 'wrong'
    """Code runs, but every returned picture is replaced by one of its size that shows something else."""

    @property
    def runs_code(self) -> bool:
        """Whether the sandbox is used."""
        return self is not Condition.NO_TOOLS
