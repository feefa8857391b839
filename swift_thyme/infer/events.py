"""What happens while a question is answered, as it happens. Host-free."""

from __future__ import annotations

from dataclasses import dataclass

from ..spans import TAGS
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
    """Splits one generation's text into words and code while it comes, as `protocol.segments` does the whole."""

    def __init__(self) -> None:
        self._kind = SegmentKind.TEXT
        self._held = ''

    def feed(self, piece: str) -> list[Segment]:
        """Takes further text; what may be the beginning of a tag is held back."""
        self._held += piece
        return self._give(at_end=False)

    def end(self) -> list[Segment]:
        """Gives what was held back."""
        return self._give(at_end=True)

    def _give(self, *, at_end: bool) -> list[Segment]:
        out: list[Segment] = []
        text, start, at = self._held, 0, 0
        while hits := [(found, tag, kind) for tag, kind in TAGS[self._kind] if (found := text.find(tag, at)) >= 0]:
            found, tag, kind = min(hits)
            at = found + len(tag)
            border = found if self._kind is SegmentKind.TEXT else at
            out.append(Segment(self._kind, text[start:border]))
            start, self._kind = border, kind
        until = len(text) if at_end else max(at, len(text) - _possible_tag(text[at:], self._kind))
        out.append(Segment(self._kind, text[start:until]))
        self._held = text[until:]
        return [segment for segment in out if segment.text]


def _possible_tag(text: str, kind: SegmentKind) -> int:
    """Length of the longest end of `text` that may turn out to be a tag that ends such a stretch."""
    tags = [tag for tag, _ in TAGS[kind]]
    longest = min(max(map(len, tags)) - 1, len(text))
    return next((n for n in range(longest, 0, -1) if any(tag.startswith(text[-n:]) for tag in tags)), 0)
