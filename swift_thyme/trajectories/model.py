"""The record of a trajectory, as types: what the scheduler fills, rewards score, files hold and pages show.

Owns every field and its name; `codec` is the only way to JSON and back, docs/trajectories.md explains each. A field
of a file may be missing, so that a record of an older version, or of another program, is read with what it has.
"""

from __future__ import annotations

import hashlib
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

from .. import picture, protocol
from ..types import Outcome, SegmentKind, SetAside, StopReason, Usage
from .question import question_of

SCHEMA = 1
"""The `schema` that is written, and the highest that is read."""
ACCURACY_REWARDS = ('vqa_orm', 'accuracy', 'vqa', 'correct')
"""Rewards that are above 0 exactly for a right answer, the first one present counts; in any case of letters."""
_NOT_SCORED = {StopReason.SANDBOX_FAILURE: SetAside.SANDBOX_FAILURE, StopReason.ERROR: SetAside.ERROR}


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


class Phase(str, Enum):
    """What a training run sampled a trajectory for."""

    TRAIN = 'train'
    EVALUATION = 'evaluation'
    """`--eval_strategy`: nothing is learnt from it."""


class Fate(str, Enum):
    """What became of a trajectory that was sampled to be trained."""

    TRAINED = 'trained'
    SET_ASIDE = 'set_aside'
    """The machinery failed: no advantage, and out of the loss where the trajectory itself is unsound."""
    LEFT_OUT = 'left_out'
    """Scored with its group, but not in the loss: `--overlong_filter`, or no token was sampled."""
    THROWN_AWAY = 'thrown_away'
    """Its whole group: `--dynamic_sample` drew others instead."""


class Stretch(msgspec.Struct, frozen=True):
    """A run of tokens of one turn that were sampled in one way."""

    kind: SegmentKind
    n_tokens: int = msgspec.field(default=0, name='tokens')
    temperature: float | None = None
    """Sampling temperature; 0 is greedy; None where it is not known."""


class TokenColumns(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of every token of one turn, in order; each column is empty or as long as `ids`."""

    ids: tuple[int, ...] = ()
    text: tuple[str, ...] = ()
    """Visible text of each token; joined, the turn's text."""
    mask: tuple[int, ...] = ()
    """1: the token is trained; 0: it is not."""
    temperature: tuple[float, ...] = ()
    logprob: tuple[float, ...] = ()
    """Natural logarithm of the probability with which the token was sampled."""


class RecordedTurn(msgspec.Struct, frozen=True):
    """One generation and what the sandbox made of the code at its end."""

    text: str
    """Exactly what was sampled, tags included."""
    code: str | None = None
    """Source of the snippet at the end, without tags and fence; None where there is none."""
    outcome: Outcome | None = None
    """None: no code, or code that was not run."""
    raw_outcome: Outcome | msgspec.UnsetType | None = msgspec.UNSET
    """Outcome of the code as the model wrote it, where that is known to differ from `outcome` (a repair helped); None:
    it does not; unset: the writer does not tell."""
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
        if self.ran and self.repairs and self.raw_outcome is msgspec.UNSET:
            return None
        return self.ran and (not self.raw_outcome or self.raw_outcome is Outcome.OK)


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """One trajectory. What can be told from other fields (answer, question) is, where it is not given."""

    turns: tuple[RecordedTurn, ...] = ()
    source: Source = Source.THYME
    origin: str = ''
    """File and line, for messages to people."""
    folder: Path = Path()
    """What relative picture paths are relative to."""
    question: str = ''
    """The user's words alone."""
    solution: str | None = None
    """Reference answer; several accepted ones as a JSON list."""
    text: str = ''
    """The assistant turn as the model saw it: what was sampled, sandbox outputs between."""
    answer: str | None = None
    """What stands between the answer tags, stripped; None where there is none."""
    messages: tuple[dict[str, Any], ...] = ()
    """The prompt: system and user messages."""
    images: tuple[str, ...] = ()
    """The question's pictures."""
    stop_reason: str | None = None
    """A `StopReason`, or the text of one that this version does not know; None: nobody recorded the rounds."""
    error: str = ''
    quarantined: bool = False
    """Set aside: a failure of the machinery, no verdict on the policy."""
    quarantine_reason: str = ''
    failed_attempts: tuple[str, ...] = ()
    """Release only: what was tried and thrown away before the trajectory that is shown."""

    # Training.
    phase: Phase | None = None
    fate: Fate | None = None
    life: int | None = None
    """How often a start before this one had written into the folder: 0 for the first."""
    step: int | None = None
    """Optimizer steps done when it was sampled; None outside training."""
    logged_step: int | None = None
    """The step as the host counts and logs it: the first that learns from it; of an evaluation, the last before it."""
    request_id: str = ''
    prompt_id: str = ''
    """The group: trajectories of one `step` and `prompt_id` were compared with each other."""
    rewards: dict[str, float | None] = {}
    """Reward → value before `--reward_weights` that the advantage was computed from; None where it gave none."""
    rewards_given: dict[str, float | None] = {}
    """What the rewards themselves gave, where `rewards` has the group's mean in its place."""
    advantage: float | None = None
    sampled_ids: tuple[int, ...] = ()
    """Every token id that was sampled, over all turns, in order."""
    sampled_mask: tuple[int, ...] = ()
    """Of `sampled_ids`: 1 where trained; empty where it is not known."""
    sampled_logprobs: tuple[float, ...] = ()
    """Of `sampled_ids`; empty where the engine gave none."""
    tokens: dict[str, int] = {}
    """Tokens by kind: `text` and `code` sampled, `sandbox` appended, `image` visual tokens of returned pictures."""

    # Inference and serving.
    model: str = ''
    usage: Usage | None = None
    round_usage: tuple[Usage, ...] = ()
    sampling: dict[str, Any] = {}
    """The request's settings."""
    tools: bool | None = None
    attempts: int = 0
    """How often the question was asked until this answer came; 0 where it is not known."""
    earlier: tuple[dict[str, Any], ...] = ()
    """The attempts before: how each ended and was asked."""
    fell_back: bool = False
    """Whether the last attempt was without tools because those with tools had failed."""

    # Evaluation.
    told_correct: bool | None = msgspec.field(default=None, name='correct')
    verdict: str = ''
    """`evaluate.grading.Mark`; empty where nobody graded it."""
    graded_by: str = ''
    task: str = ''
    condition: str = ''
    """With tools, without, or with changed pictures."""
    item_id: str = ''
    repeat: int | None = None
    seed: int | None = None
    """Of sampling."""
    order: tuple[int, ...] = ()
    """Of the options, as they were put."""
    box: tuple[float, float, float, float] | None = None
    """Where the answer is in the first picture: left, top, right, bottom in pixels."""
    elapsed_s: float | None = None
    """Wall-clock seconds of the whole attempt."""
    extra: dict[str, Any] = {}
    """Fields of the file that no field above takes."""

    def __post_init__(self) -> None:
        known = {reason.value for reason in StopReason}
        if self.stop_reason in known:
            msgspec.structs.force_setattr(self, 'stop_reason', StopReason(self.stop_reason))
        if self.answer is None and self.text:
            msgspec.structs.force_setattr(self, 'answer', protocol.answer_of(self.text))
        if not self.question and self.messages:
            msgspec.structs.force_setattr(self, 'question', question_of(self.messages))
        if self.logged_step is None and self.step is not None:
            msgspec.structs.force_setattr(self, 'logged_step', self.step + (self.phase is not Phase.EVALUATION))

    @property
    def correct(self) -> bool | None:
        """Whether the answer is right: as told, by the verdict, or by what its reward gave; None: nobody said."""
        if self.told_correct is not None:
            return self.told_correct
        if self.verdict:
            return {'right': True, 'wrong': False}.get(self.verdict)
        by_name = {name.lower(): value for name, value in (self.rewards | self.rewards_given).items()}
        found = (by_name[name] for name in ACCURACY_REWARDS if by_name.get(name) is not None)
        return next((value > 0 for value in found if value is not None), None)

    @property
    def set_aside(self) -> SetAside | None:
        """Why it must not be scored, as far as the rollout itself tells."""
        known = _NOT_SCORED.get(self.stop_reason) if isinstance(self.stop_reason, StopReason) else None
        return known or (SetAside.QUARANTINED if self.quarantined else None)

    @property
    def codes(self) -> tuple[str, ...]:
        """Snippets written, run or not."""
        return tuple(turn.code for turn in self.turns if turn.code is not None)

    @property
    def code_blocks(self) -> int:
        """How many snippets were written, run or not."""
        return len(self.codes)

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

    def picture(self, reference: Any) -> Path | bytes:
        """Where the encoded bytes of one of its pictures are.

        Args:
            reference: as the record names it, or any other form that `picture.resolve` takes.

        Raises:
            DataError: there is no such picture.
        """
        return picture.resolve(reference, self.folder)

    def digest(self) -> str:
        """Twelve hexadecimal digits that name this trajectory by its content, for links that outlive a page."""
        names = [self.question, self.request_id, str(self.step), self.item_id, self.condition]
        parts = [*names, *(turn.text for turn in self.turns)]
        return hashlib.sha256('\x1f'.join(parts).encode('utf-8', 'surrogatepass')).hexdigest()[:12]
