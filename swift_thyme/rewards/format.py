"""The format reward's check: one thinking part, one answer, nothing else.

Owns both readings, the paper's and the release's. Says nothing of what the answer is worth.
"""

from __future__ import annotations

import re

from .. import protocol
from ..config import Convention
from ..types import SegmentKind

_TOOL = '\0'
"""Stands for one closed code block or sandbox output."""
_TAGS = (protocol.THINK_OPEN, protocol.THINK_CLOSE, protocol.ANSWER_OPEN, protocol.ANSWER_CLOSE)
_END = re.compile(r'(?:<\|(?:im_end|endoftext|end_of_text|eot_id)\|>\s*)+\Z')
_TURN_TOKEN = re.compile(r'<\|(?:im_start|im_end|endoftext|end_of_text|eot_id)\|>')
_PAPER = re.compile(
    rf'\s*{protocol.THINK_OPEN}.*{protocol.THINK_CLOSE}\s*{protocol.ANSWER_OPEN}[^{_TOOL}]*{protocol.ANSWER_CLOSE}\s*',
    re.DOTALL,
)
_RELEASE = re.compile(rf'.*{protocol.THINK_CLOSE}\s{protocol.ANSWER_OPEN}.*{protocol.ANSWER_CLOSE}', re.DOTALL)


def is_well_formed(text: str, convention: Convention = Convention.PAPER) -> bool:
    """Whether an assistant turn is one `<think>…</think>` followed by one `<answer>…</answer>` and nothing after.

    Args:
        text: the whole turn, sandbox outputs included.
        convention: whose reading applies.

    Paper: §4.2; tags inside code and sandbox output are not the model's structure, white space between and around
    the parts is free, and the end-of-turn token may stand at the end. Differs from the release: it counts every tag
    wherever it stands, asks for exactly one white-space character between the parts and none after them, and lets
    anything stand before the thinking.
    """
    if convention is Convention.RELEASE:
        return _RELEASE.fullmatch(text) is not None and all(text.count(tag) == 1 for tag in _TAGS)
    words = _END.sub('', _words(text))
    if _TURN_TOKEN.search(words) or any(words.count(tag) != 1 for tag in _TAGS):
        return False
    return _PAPER.fullmatch(words) is not None


def _words(text: str) -> str:
    """The turn with every closed code block and sandbox output replaced by a mark; unclosed ones are plain text."""
    closings = {SegmentKind.CODE: protocol.CODE_CLOSE, SegmentKind.SANDBOX: protocol.SANDBOX_CLOSE}
    parts = []
    for segment in protocol.segments(text.replace(_TOOL, '')):
        closing = closings.get(segment.kind)
        parts.append(_TOOL if closing and segment.text.endswith(closing) else segment.text)
    return ''.join(parts)
