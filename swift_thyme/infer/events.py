"""What happens while a question is answered, as it happens. Host-free."""

from __future__ import annotations

from dataclasses import dataclass

from .. import protocol
from ..types import SandboxResult, Segment, SegmentKind, StopReason


@dataclass(frozen=True)
class TextDelta:
    """Further text of the model; `kind` says whether it is words or code. Tags belong to what they enclose."""

    text: str
    kind: SegmentKind


@dataclass(frozen=True)
class CodeStarted:
    """A snippet is complete. What the sandbox made of it follows, unless a limit ends the trajectory here."""

    code: str


@dataclass(frozen=True)
class SandboxReplied:
    """The sandbox's result, and the output as it was appended to the turn ('' when the trajectory ends with it)."""

    result: SandboxResult
    output: str


@dataclass(frozen=True)
class AttemptStarted:
    """An attempt after the first begins; what was shown so far does not count."""

    number: int
    tools: bool
    """False for the fallback to the prompt without tools."""


@dataclass(frozen=True)
class Stopped:
    """The trajectory is over; always the last event."""

    reason: StopReason
    answer: str | None


Event = TextDelta | CodeStarted | SandboxReplied | AttemptStarted | Stopped


class TextSplitter:
    """Splits one generation's text into words and code while it comes."""

    def __init__(self) -> None:
        self._text = ''
        self._given = 0

    def feed(self, piece: str) -> list[Segment]:
        """Takes further text; what may be the beginning of a tag is held back."""
        self._text += piece
        return self._give(len(self._text) - _possible_tag(self._text))

    def end(self) -> list[Segment]:
        """Gives what was held back."""
        return self._give(len(self._text))

    def _give(self, until: int) -> list[Segment]:
        out, at = [], 0
        for part in protocol.segments(self._text[:until]):
            start, at = max(at, self._given), at + len(part.text)
            if at > start:
                out.append(Segment(part.kind, self._text[start:at]))
        self._given = max(until, self._given)
        return out


def _possible_tag(text: str) -> int:
    """Length of the longest end of `text` that may turn out to be an opening tag."""
    tags = (protocol.CODE_OPEN, protocol.SANDBOX_OPEN)
    longest = min(max(map(len, tags)) - 1, len(text))
    return next((n for n in range(longest, 0, -1) if any(tag.startswith(text[-n:]) for tag in tags)), 0)
