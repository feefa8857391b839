"""Adaptive temperature sampling (GRPO-ATS): which tokens are code, and how engines are told.

`SpanTracker` follows the protocol's tags through sampled tokens, whatever way the tokenizer cuts them; the engine
adapters read its state before each token and sharpen the distribution inside code. No extra request, no extra
prefill. Differs from the release, which stops at `<code>` and sends the whole context again at temperature 0.

Paper: §4 (τ = 0 from `<code>` until the code ends, τ = 1 elsewhere).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from transformers import LogitsProcessor

from . import protocol
from .types import SegmentKind

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_TAGS = {
    SegmentKind.TEXT: ((protocol.CODE_OPEN, SegmentKind.CODE), (protocol.SANDBOX_OPEN, SegmentKind.SANDBOX)),
    SegmentKind.CODE: ((protocol.CODE_CLOSE, SegmentKind.TEXT),),
    SegmentKind.SANDBOX: ((protocol.SANDBOX_CLOSE, SegmentKind.TEXT),),
}
_LONGEST_TAG = max(len(tag) for tags in _TAGS.values() for tag, _ in tags)
_TURN_START = '<|im_start|>'


class SpanTracker:
    """Whether the next token of one sequence belongs to text, code or sandbox output.

    The states and rules are those of `protocol.segments`, fed a token at a time. A tag counts once its last character
    has been seen, so the token that completes `<code>` is still text.
    """

    __slots__ = ('_tail', 'kind')

    def __init__(self, kind: SegmentKind = SegmentKind.TEXT) -> None:
        self.kind = kind
        self._tail = ''

    @property
    def mid_tag(self) -> bool:
        """Whether the text so far may end inside a tag, so that the next token can complete it."""
        return bool(self._tail)

    def feed(self, piece: str) -> None:
        """Takes the text of one token (or of many)."""
        text = self._tail + piece
        if '<' not in text:
            self._tail = ''
            return
        while True:
            hits = [(text.find(tag), tag, kind) for tag, kind in _TAGS[self.kind]]
            hits = [hit for hit in hits if hit[0] >= 0]
            if not hits:
                break
            at, tag, self.kind = min(hits)
            text = text[at + len(tag) :]
        self._tail = text[text.rfind('<') :][:_LONGEST_TAG] if '<' in text[1 - _LONGEST_TAG :] else ''


class TokenPieces:
    """The visible text of every token id of a tokenizer, as far as tags are concerned.

    Tags are ASCII without spaces, so the byte-level spelling of the vocabulary, in which such characters stand for
    themselves, is enough: no decoding, one list look-up a token.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._pieces = ['' if piece is None else str(piece) for piece in _vocabulary(tokenizer)]
        self._has_bracket = bytes('<' in piece for piece in self._pieces)
        self._turn_start_id = tokenizer.convert_tokens_to_ids(_TURN_START)

    def __getitem__(self, token_id: int) -> str:
        return self._pieces[token_id] if 0 <= token_id < len(self._pieces) else ''

    def feed(self, tracker: SpanTracker, token_ids: Sequence[int]) -> None:
        """Feeds tokens to a tracker; those that can neither begin nor end a tag cost one look-up."""
        for token_id in token_ids:
            if tracker.mid_tag or not 0 <= token_id < len(self._has_bracket) or self._has_bracket[token_id]:
                tracker.feed(self[token_id])

    def tracker(self, prompt_ids: Sequence[int]) -> SpanTracker:
        """A tracker for a sequence whose prompt may already hold the beginning of the assistant turn.

        Only what follows the last start-of-turn token is looked at: tags in system and user messages do not count,
        and sandbox output inside the turn is passed over as such.
        """
        ids = list(prompt_ids)
        start = len(ids) - 1 - ids[::-1].index(self._turn_start_id) if self._turn_start_id in ids else -1
        tracker = SpanTracker()
        tracker.feed(''.join(map(self.__getitem__, ids[start + 1 :])))
        return tracker


def _vocabulary(tokenizer: PreTrainedTokenizerBase) -> Iterable[str | None]:
    return tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))


@lru_cache(maxsize=4)
def token_pieces(tokenizer: PreTrainedTokenizerBase) -> TokenPieces:
    """The pieces of a tokenizer, built once (about 0.1 s for 150,000 tokens)."""
    return TokenPieces(tokenizer)


def sharpen(logits_BV: torch.Tensor, rows: Sequence[int], scale: float) -> None:
    """Changes rows of logits to the code temperature, in place.

    Args:
        logits_BV: float, shape (batch, vocabulary).
        rows: the sequences that are inside code.
        scale: text temperature ÷ code temperature; infinity keeps only the most likely token.
    """
    if not rows:
        return
    if scale != float('inf'):
        logits_BV[list(rows)] *= scale
        return
    index_N = torch.tensor(rows).to(logits_BV.device, non_blocking=True)
    kept_N, best_N = logits_BV[index_N].max(dim=-1)
    logits_BV.index_fill_(0, index_N, float('-inf'))
    logits_BV[index_N, best_N] = kept_N


class CodeTemperature(LogitsProcessor):
    """Adaptive temperature for the transformers engine: one instance per `generate` call.

    Runs before the engine divides by the text temperature, so it scales by text ÷ code.
    """

    def __init__(self, pieces: TokenPieces, scale: float) -> None:
        self._pieces = pieces
        self._scale = scale
        self._trackers: list[SpanTracker] = []

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> Any:
        """Sharpens the rows that are inside code.

        Args:
            input_ids: shape (batch, length), prompt included, padded on the left.
            scores: shape (batch, vocabulary).
        """
        if not self._trackers:
            self._trackers = [self._pieces.tracker(row) for row in input_ids.tolist()]
        else:
            for tracker, token_id in zip(self._trackers, input_ids[:, -1].tolist(), strict=True):
                tracker.feed(self._pieces[token_id])
        rows = [i for i, tracker in enumerate(self._trackers) if tracker.kind is SegmentKind.CODE]
        sharpen(scores, rows, self._scale)
        return scores
