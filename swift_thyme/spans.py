"""Which tokens of a sequence are code: the protocol's tags followed through sampled tokens, however they are cut.

Owns the tracker and the text of a tokenizer's ids. Needs neither torch nor an engine: training records, the verifier
and every engine's adapter read the same spans. What is done inside code is the adapters'.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from . import protocol
from .types import SegmentKind

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TAGS = {
    SegmentKind.TEXT: ((protocol.CODE_OPEN, SegmentKind.CODE), (protocol.SANDBOX_OPEN, SegmentKind.SANDBOX)),
    SegmentKind.CODE: ((protocol.CODE_CLOSE, SegmentKind.TEXT),),
    SegmentKind.SANDBOX: ((protocol.SANDBOX_CLOSE, SegmentKind.TEXT),),
}
"""Within which stretch which tag begins which other one."""
_LONGEST_TAG = max(len(tag) for tags in TAGS.values() for tag, _ in tags)
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
            hits = [(text.find(tag), tag, kind) for tag, kind in TAGS[self.kind]]
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
