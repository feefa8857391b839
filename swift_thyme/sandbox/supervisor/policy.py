"""What a session is told when it is made or runs: where its files are, and what holds for every session."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Where a session's files are."""

    root: str
    """Holds everything of the session; removed with it."""
    output_dir: str | None
    """Where accepted pictures go when the caller wants them to outlive the session."""

    @property
    def work(self) -> str:
        """What the snippet may write."""
        return self.root + '/work'

    @property
    def kept(self) -> str:
        """Copies for rollback."""
        return self.root + '/kept'

    @property
    def pictures(self) -> str:
        """Accepted pictures."""
        return self.output_dir or self.root + '/out'


@dataclass(frozen=True)
class Policy:
    """What holds for every session of one supervisor."""

    rollback: bool
    hidden: dict[str, str]
    """Directories of the host → what error texts call them."""
    special_tokens: tuple[str, ...] = ()
