"""Text that comes in pieces is split as the whole would be."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from swift_thyme import protocol
from swift_thyme.infer.events import TextSplitter

PIECES = st.lists(
    st.sampled_from(
        ['a', ' <', 'b<', '<code>', '</code>', '<sandbox_output>', '</sandbox_output>', '<answer>', '\n', 'x']
    )
)


@settings(deadline=None)
@given(PIECES, st.lists(st.integers(0, 60)))
def test_any_cut_gives_the_parts_of_the_whole(words: list[str], cuts: list[int]) -> None:
    text = ''.join(words)
    borders = sorted({0, len(text), *(c for c in cuts if c < len(text))})
    splitter = TextSplitter()
    parts = [part for a, b in pairwise(borders) for part in splitter.feed(text[a:b])]
    parts += splitter.end()
    assert ''.join(part.text for part in parts) == text
    kinds = [kind for part in parts for kind in [part.kind] * len(part.text)]
    assert kinds == [part.kind for part in protocol.segments(text) for _ in part.text]
