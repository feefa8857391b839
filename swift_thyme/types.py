"""Small frozen types that cross module borders: outcomes, stop reasons, turns, trajectories.

Owns the vocabulary only. Behaviour lives elsewhere: `protocol` (text), `sandbox` (running code), `agent` (the loop).
Imports nothing heavier than the standard library.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Outcome(str, Enum):
    """What became of one snippet. The sandbox's own failure is an exception (`SandboxError`), never one of these."""

    OK = 'ok'
    CODE_ERROR = 'code_error'
    """The snippet raised, or does not parse."""
    TIMEOUT = 'timeout'
    OUT_OF_MEMORY = 'out_of_memory'
    BAD_IMAGE = 'bad_image'
    """The snippet ran, but a picture it returned was not accepted and no other was."""
    REFUSED = 'refused'
    """The snippet asked for something the sandbox does not give (network, other programs, GUI, quota)."""
    DIED = 'died'
    """The process that ran the snippet ended by itself (crash, `os._exit`, a signal to itself)."""


class StopReason(str, Enum):
    """Why a trajectory ended. Every trajectory has exactly one."""

    ANSWER = 'answer'
    """`</answer>` was generated."""
    END_OF_TURN = 'end_of_turn'
    """The end-of-turn token was generated without an answer."""
    LENGTH = 'length'
    """The token budget of the completion or of the engine's context is used up."""
    ROUND_LIMIT = 'round_limit'
    IMAGE_LIMIT = 'image_limit'
    REPETITION = 'repetition'
    MALFORMED_CODE = 'malformed_code'
    """`</code>` came without an open `<code>`: there is nothing to run and nothing to say."""
    PICTURE_TOKEN = 'picture_token'
    """The policy sampled a token that stands for a picture: there is none to show, and the text before it is all."""
    SANDBOX_FAILURE = 'sandbox_failure'
    """The sandbox itself failed (`errors.SandboxError`); the policy is not to blame."""
    ERROR = 'error'
    """An exception in the machinery (unreadable input picture, engine error); the policy is not to blame."""


WHY_NO_ANSWER = {
    StopReason.END_OF_TURN: 'the model ended its turn without one',
    StopReason.LENGTH: 'the limit of tokens was reached',
    StopReason.ROUND_LIMIT: 'the limit of rounds was reached',
    StopReason.IMAGE_LIMIT: 'the limit of returned pictures was reached',
    StopReason.REPETITION: 'the model repeated itself',
    StopReason.MALFORMED_CODE: 'the model closed code that it had not opened',
    StopReason.PICTURE_TOKEN: 'the model wrote a token that stands for a picture',
    StopReason.SANDBOX_FAILURE: 'the sandbox failed',
    StopReason.ERROR: 'something other than the model failed',
}
"""In words, for a person who waits for an answer."""


class SetAside(str, Enum):
    """Why a trajectory carries no advantage. Never because of what the policy did."""

    SANDBOX_FAILURE = 'sandbox_failure'
    ERROR = 'error'
    QUARANTINED = 'quarantined'
    JUDGE_UNAVAILABLE = 'judge_unavailable'
    QUESTION_REFUSED = 'question_refused'


class SegmentKind(str, Enum):
    """What a stretch of a trajectory is. Sampling temperature and loss masks follow it."""

    TEXT = 'text'
    CODE = 'code'
    SANDBOX = 'sandbox'


class TrainCode(str, Enum):
    """What training does with tokens that were sampled inside code."""

    PAPER = 'paper'
    """They are trained, with log-probs at the text temperature. Paper: §4 (τ = 1 everywhere in the loss)."""
    MASK = 'mask'
    """They carry no gradient: loss mask 0."""
    EXACT = 'exact'
    """They are trained, with the probabilities under which they were sampled; needs a code temperature above 0."""


class CodeSwitch(str, Enum):
    """How an engine gets from one temperature to the other."""

    PROCESSOR = 'processor'
    """A logits processor in the engine: no extra request."""
    STOP_WORDS = 'stop_words'
    """Generation stops at `<code>`; a second request runs at the code temperature until `</code>`. Release."""


class RepetitionRule(str, Enum):
    """When a generation counts as repetitive."""

    PAPER = 'paper'
    RELEASE = 'release'
    """The last 1,000 characters only, at a share of 0.3, and never when they hold a tag of the protocol."""
    OFF = 'off'


@dataclass(frozen=True)
class Segment:
    """A stretch of an assistant turn, tags included; the texts of all segments join to the whole turn."""

    kind: SegmentKind
    text: str


@dataclass(frozen=True)
class Usage:
    """Tokens. Of several rounds: the sum, so a prompt counts once for every round that read it."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    image_tokens: int | None = 0
    """Those of `prompt_tokens` that are pictures; None where the engine does not tell."""

    def __add__(self, other: Usage) -> Usage:
        known = self.image_tokens is not None and other.image_tokens is not None
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            (self.image_tokens or 0) + (other.image_tokens or 0) if known else None,
        )


@dataclass(frozen=True)
class SandboxImage:
    """A picture that a snippet returned, decoded, checked and copied out of the snippet's reach."""

    path: str
    """Absolute path of the copy. Nothing the model writes can change this file."""
    width_px: int
    height_px: int
    sha256: str
    """Of the file's bytes, hexadecimal."""
    source: str = ''
    """The name under which the snippet returned it, relative to the session's directory where it is inside."""


@dataclass(frozen=True)
class SandboxResult:
    """What one snippet gave."""

    outcome: Outcome
    text: str
    """Printed text, or `Type: message (line N)` for an error; cleaned of protocol tags and capped."""
    images: tuple[SandboxImage, ...] = ()
    elapsed_s: float = 0.0
    """Wall-clock seconds from request to reply."""
    repairs: tuple[str, ...] = ()
    """Names of the repairs that changed the snippet or a value at run time, in order, each once."""
    repairs_seen: tuple[str, ...] = ()
    """Names of the repairs in mode `report` that would have applied."""
    raw_outcome: Outcome | None = None
    """Outcome as the model wrote it, where it is known to differ because a repair helped; None otherwise."""
    note: str = ''
    """The end of `text` that the sandbox added (what was undone or repaired); empty where it added nothing."""

    @property
    def own_text(self) -> str:
        """`text` without the note."""
        return self.text[: len(self.text) - len(self.note)]


@dataclass(frozen=True)
class Turn:
    """One generation and what the sandbox made of the code at its end, if any."""

    text: str
    """Exactly what was sampled, tags included."""
    code: str | None = None
    result: SandboxResult | None = None


@dataclass(frozen=True)
class Trajectory:
    """A finished trajectory as people and files see it (token ids are checked elsewhere and not kept here)."""

    turns: tuple[Turn, ...]
    stop_reason: StopReason
    answer: str | None
    """Text between `<answer>` and `</answer>`, stripped; None where there is none."""
