"""The format reward's check: one thinking part, one answer, nothing else.

Owns both readings, the paper's and the release's. Says nothing of what the answer is worth.
"""

from __future__ import annotations

import re
from collections import deque

from .. import protocol
from ..config import Convention
from ..types import SegmentKind

_TOOL = '\0'
"""Stands for one code block or sandbox output."""
_TAGS = (protocol.THINK_OPEN, protocol.THINK_CLOSE, protocol.ANSWER_OPEN, protocol.ANSWER_CLOSE)
_TURN_ENDS = re.compile(r'(?:<\|(?:im_end|endoftext|end_of_text|eot_id)\|>\s*)+')
_TURN_TOKEN = re.compile(r'<\|(?:im_start|im_end|endoftext|end_of_text|eot_id)\|>')
_PAPER = re.compile(
    rf'\s*{protocol.THINK_OPEN}.*{protocol.THINK_CLOSE}\s*{protocol.ANSWER_OPEN}[^{_TOOL}]*{protocol.ANSWER_CLOSE}\s*',
    re.DOTALL,
)
_EMPTY = re.compile(r'\s*'.join(('', *_TAGS, '')))
_RELEASE = re.compile(rf'.*{protocol.THINK_CLOSE}\s{protocol.ANSWER_OPEN}.*{protocol.ANSWER_CLOSE}', re.DOTALL)


def is_well_formed(text: str, convention: Convention = Convention.PAPER) -> bool:
    """Whether an assistant turn is one `<think>…</think>` followed by one `<answer>…</answer>` and nothing after.

    Args:
        text: the whole turn, sandbox outputs included.
        convention: whose reading applies.

    Paper: §4.2; tags inside code and sandbox output are not the model's structure, white space between and around
    the parts is free, and the end-of-turn token may stand at the end. Not well-formed: both parts empty, a sandbox
    output that no code asked for, and code that is not closed, after which `protocol.answer_of` sees no answer either.
    Differs from the release: it counts every tag wherever it stands, asks for exactly one white-space character between
    the parts and none after them, and lets anything stand before the thinking.
    """
    if convention is Convention.RELEASE:
        return all(text.count(tag) == 1 for tag in _TAGS) and _RELEASE.fullmatch(text) is not None
    words = _without_end(_words(text))
    if _TURN_TOKEN.search(words) or any(words.count(tag) != 1 for tag in _TAGS) or protocol.has_made_up_output(text):
        return False
    return _PAPER.fullmatch(words) is not None and _EMPTY.fullmatch(words) is None


def _words(text: str) -> str:
    """The turn with a mark in place of every stretch of code and sandbox output."""
    parts = protocol.segments(text.replace(_TOOL, ''))
    return ''.join(p.text if p.kind is SegmentKind.TEXT else _TOOL for p in parts)


def _without_end(words: str) -> str:
    """The words without the end-of-turn tokens that they end with."""
    last = next(iter(deque(_TURN_ENDS.finditer(words), maxlen=1)), None)
    return words[: last.start()] if last is not None and last.end() == len(words) else words
