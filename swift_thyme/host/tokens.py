"""The token ids of one rollout as training will see them: what was sampled, what the sandbox said, what is trained.

Owns the ids, their loss mask, the log-probs that belong to trained tokens, and the temperature of every sampled token.
Text is the agent's, the host's loops are `scheduler`'s, and whether the record is sound is said by `verify`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from .. import protocol
from ..config import SamplingSettings
from ..spans import SpanTracker, TokenPieces
from ..trajectories import Stretch
from ..types import SegmentKind, TrainCode

IMAGE_KIND = 'image'
"""Visual tokens of returned pictures, counted beside the segment kinds."""


@dataclass(frozen=True)
class Sampled:
    """One generation, ready for the host."""

    ids: list[int]
    mask: list[int]
    """1 where trained; as long as `ids`."""
    logprobs: list[float]
    """One for every trained token; empty when the engine gave none."""


@dataclass
class TokenRecord:
    """The assistant turn of one trajectory, generation by generation."""

    pieces: TokenPieces
    settings: SamplingSettings
    ids: list[int] = field(default_factory=list)
    """The whole turn so far; one pad for each returned picture."""
    mask: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    sampled_ids: list[int] = field(default_factory=list)
    """Every id the engine sampled, in order."""
    sampled_mask: list[int] = field(default_factory=list)
    """Of `sampled_ids`: 1 where trained."""
    sampled_logprobs: list[float] = field(default_factory=list)
    """Of `sampled_ids`, to four decimals; shorter when an engine gave none for a generation."""
    parts: list[tuple[SegmentKind, list[int]]] = field(default_factory=list)
    """Generations (`TEXT`) and sandbox outputs (`SANDBOX`), in order."""
    outputs: list[list[int]] = field(default_factory=list)
    """Ids of each sandbox output."""
    last: Sampled = field(default_factory=lambda: Sampled([], [], []))
    counts: Counter[str] = field(default_factory=Counter)
    """Tokens by kind: `text`, `code`, `sandbox`, `image`."""
    segments: list[Stretch] = field(default_factory=list)
    """Runs of sampled tokens of one kind and temperature, since `take_segments`."""
    _tracker: SpanTracker = field(default_factory=SpanTracker)

    def sampled(self, ids: Sequence[int], logprobs: Sequence[float], text_temperature: float) -> Sampled:
        """Takes one generation.

        Args:
            ids: what the engine sampled, end-of-turn token included.
            logprobs: one for each, or none at all.
            text_temperature: the request's.
        """
        mask = []
        for token_id in ids:
            kind = SegmentKind.CODE if self._tracker.kind is SegmentKind.CODE else SegmentKind.TEXT
            self._count(kind, self.settings.temperature(kind, text_temperature))
            mask.append(int(kind is SegmentKind.TEXT or self.settings.train_code is not TrainCode.MASK))
            self._tracker.feed(self.pieces[token_id])
        kept = [p for p, trained in zip(logprobs, mask, strict=True) if trained] if logprobs else []
        self.last = Sampled(list(ids), mask, kept)
        self.ids += ids
        self.mask += mask
        self.logprobs += kept
        self.sampled_ids += ids
        self.sampled_mask += mask
        self.sampled_logprobs += (round(p, 4) for p in logprobs)
        self.parts.append((SegmentKind.TEXT, list(ids)))
        return self.last

    def output(self, ids: Sequence[int], image_tokens: int) -> None:
        """Takes one sandbox output.

        Args:
            ids: as appended to the turn, one pad a picture.
            image_tokens: visual tokens of its pictures, all together.
        """
        self.ids += ids
        self.mask += [0] * len(ids)
        self.outputs.append(list(ids))
        self.parts.append((SegmentKind.SANDBOX, list(ids)))
        self.counts[SegmentKind.SANDBOX.value] += len(ids)
        self.counts[IMAGE_KIND] += image_tokens
        self._tracker = SpanTracker()

    @property
    def kind(self) -> SegmentKind:
        """What the next sampled token will belong to."""
        return self._tracker.kind

    def take_segments(self) -> list[Stretch]:
        """The runs since the last call."""
        taken, self.segments = self.segments, []
        return taken

    @property
    def expanded_length(self) -> int:
        """Tokens of the turn when every pad has become its picture's visual tokens."""
        return len(self.ids) + self.counts[IMAGE_KIND]

    def _count(self, kind: SegmentKind, temperature: float) -> None:
        self.counts[kind.value] += 1
        n_before = 0
        if self.segments and self.segments[-1].kind is kind:
            last = self.segments.pop()
            n_before, temperature = last.n_tokens, last.temperature or 0.0
        self.segments.append(Stretch(kind, n_before + 1, temperature))


def kept_after_stop(ids: Sequence[int], pieces: TokenPieces, opened: SegmentKind = SegmentKind.TEXT) -> int:
    """How many tokens of a generation belong to it: all up to the one that completes its first stop string.

    Engines that sample several tokens a step, or look for stop strings late, may return more.

    Args:
        ids: one generation.
        pieces: of the tokenizer.
        opened: what the sequence was inside when the generation began.
    """
    tracker = SpanTracker(opened)
    tail = ''
    for n, token_id in enumerate(ids, 1):
        before, piece = tracker.kind, pieces[token_id]
        tracker.feed(piece)
        tail = (tail + piece)[-2 * _LONGEST :]
        closed_code = before is SegmentKind.CODE and tracker.kind is not SegmentKind.CODE
        stopped_text = before is SegmentKind.TEXT and any(stop in tail for stop in protocol.STOP_STRINGS)
        if closed_code or stopped_text:
            return n
    return len(ids)


_LONGEST = max(map(len, protocol.STOP_STRINGS))
