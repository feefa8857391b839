"""What a saved trajectory holds, as types. Owns the fields of schema 1; docs/trajectories.md explains each.

Every field has a default, so that a record of an older version, or of another program, is read with what it has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from ..types import Outcome, SegmentKind, StopReason

NEWEST_SCHEMA = 1
"""The highest `schema` this version reads."""


class Source(str, Enum):
    """Who wrote a record."""

    THYME = 'thyme'
    """This package: training, `thyme infer`, serving, evaluation."""
    HOST_COMPLETIONS = 'host completions'
    """The host's `completions.jsonl`: one line a step, columns."""
    HOST_RESULTS = 'host results'
    """The host's `--result_path` file: one line a response."""
    RELEASE_VIS = 'release vis.json'
    """The released code's `vis.json`: one file a question."""


@dataclass(frozen=True)
class Stretch:
    """A run of tokens of one turn that were sampled in one way."""

    kind: SegmentKind
    n_tokens: int
    temperature: float | None = None
    """Sampling temperature; 0 is greedy; None where it is not known."""


@dataclass(frozen=True)
class TokenColumns:
    """What is known of every token of one turn, in order; each column is empty or as long as `ids`."""

    ids: tuple[int, ...] = ()
    text: tuple[str, ...] = ()
    """Visible text of each token; joined, the turn's text."""
    mask: tuple[int, ...] = ()
    """1: the token is trained; 0: it is not."""
    temperature: tuple[float, ...] = ()
    logprob: tuple[float, ...] = ()
    """Natural logarithm of the probability with which the token was sampled."""


@dataclass(frozen=True)
class RecordedTurn:
    """One generation and what the sandbox made of the code at its end."""

    text: str
    """Exactly what was sampled, tags included."""
    code: str | None = None
    """Source of the snippet at the end, without tags and fence; None where there is none."""
    outcome: Outcome | None = None
    """None: no code, or code that was not run."""
    raw_outcome: Outcome | None = None
    """Outcome of the code as the model wrote it, where that is known to differ from `outcome` (a repair helped)."""
    told_raw: bool = False
    """Whether the writer would have said so; False for records that lack the field."""
    sandbox_text: str = ''
    images: tuple[str, ...] = ()
    """Pictures the snippet returned: paths, absolute or relative to `Record.folder`, or base64."""
    repairs: tuple[str, ...] = ()
    repairs_seen: tuple[str, ...] = ()
    elapsed_s: float | None = None
    """Wall-clock seconds in the sandbox."""
    segments: tuple[Stretch, ...] = ()
    tokens: TokenColumns = TokenColumns()

    @property
    def ran(self) -> bool:
        """Whether the code ran, repaired where it had to be."""
        return self.outcome is Outcome.OK

    @property
    def ran_as_written(self) -> bool | None:
        """Whether the code ran without the help of a repair; None where a repair acted and nobody noted its worth."""
        if self.ran and self.repairs and not self.told_raw:
            return None
        return self.ran and self.raw_outcome in (None, Outcome.OK)


@dataclass(frozen=True)
class Record:
    """One saved trajectory."""

    turns: tuple[RecordedTurn, ...]
    source: Source = Source.THYME
    origin: str = ''
    """File and line, for messages to people."""
    folder: Path = Path()
    """What relative picture paths are relative to."""
    question: str = ''
    solution: str | None = None
    """Reference answer."""
    answer: str | None = None
    """What stands between the answer tags, stripped; None where there is none."""
    messages: tuple[Mapping[str, Any], ...] = ()
    """The prompt: system and user messages."""
    images: tuple[str, ...] = ()
    """The question's pictures."""
    stop_reason: StopReason | str | None = None
    """A plain string is a reason that this version does not know."""
    error: str = ''
    quarantined: bool = False
    """Set aside: a failure of the machinery, no verdict on the policy."""
    quarantine_reason: str = ''
    rewards: Mapping[str, float | None] = field(default_factory=dict)
    """Reward → value after weighting; None where a reward gave none."""
    advantage: float | None = None
    correct: bool | None = None
    """Whether the answer is right; None: nobody said."""
    task: str = ''
    condition: str = ''
    """Evaluation: with tools, without, or with changed pictures."""
    item_id: str = ''
    box: tuple[float, float, float, float] | None = None
    """Evaluation: where the answer is in the first picture: left, top, right, bottom in pixels."""
    step: int | None = None
    """Of the optimizer; None outside training."""
    request_id: str = ''
    prompt_id: str = ''
    sampled_ids: tuple[int, ...] = ()
    """Every token id that was sampled, over all turns, in order."""
    sampled_mask: tuple[int, ...] = ()
    """Of `sampled_ids`: 1 where trained; empty where it is not known."""
    sampled_logprobs: tuple[float, ...] = ()
    """Of `sampled_ids`; empty where the engine gave none."""
    tokens: Mapping[str, int] = field(default_factory=dict)
    """Tokens by kind: `text` and `code` sampled, `sandbox` appended, `image` visual tokens of returned pictures."""
    failed_attempts: tuple[str, ...] = ()
    """Release only: what was tried and thrown away before the trajectory that is shown."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the record that no field above takes."""

    @property
    def code_blocks(self) -> int:
        """Snippets written, run or not."""
        return sum(turn.code is not None for turn in self.turns)

    @property
    def code_ok(self) -> int:
        """Snippets that ran, repaired where they had to be."""
        return sum(turn.ran for turn in self.turns)

    @property
    def code_failed(self) -> int:
        """Snippets that were run and failed."""
        return sum(turn.outcome is not None and not turn.ran for turn in self.turns)

    @property
    def sandbox_s(self) -> float:
        """Seconds in the sandbox, all rounds."""
        return sum(turn.elapsed_s or 0.0 for turn in self.turns)

    @property
    def stop(self) -> str:
        """The stop reason as text; empty where it is not known."""
        reason = self.stop_reason
        return reason.value if isinstance(reason, StopReason) else reason or ''

    def digest(self) -> str:
        """Twelve hexadecimal digits that name this trajectory by its content, for links that outlive a page."""
        names = [self.question, self.request_id, str(self.step), self.item_id, self.condition]
        parts = [*names, *(turn.text for turn in self.turns)]
        return hashlib.sha256('\x1f'.join(parts).encode('utf-8', 'surrogatepass')).hexdigest()[:12]
