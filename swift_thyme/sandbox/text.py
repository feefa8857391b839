"""Cleans what a snippet printed before it may become part of a trajectory or reach a terminal. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ..protocol import neutralize

TRUNCATED = '… truncated'
"""Ends every text that was cut."""

_ESCAPES = re.compile(
    r'\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])|\x9b[0-?]*[ -/]*[@-~]'
)
_UNSEEN = re.compile(
    '[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]'
)
_ADDRESS = re.compile(r' at 0x[0-9a-fA-F]{6,16}(?=[>, ])')
_LINE_ENDS = re.compile(r'\r\n?')


def clean(text: str, cap_bytes: int, special_tokens: Iterable[str] = (), *, dropped: bool = False) -> str:
    """Makes printed text harmless and bounded.

    Args:
        text: anything.
        cap_bytes: most UTF-8 bytes to return, the note included.
        special_tokens: the tokenizer's own, besides `<|…|>`.
        dropped: the text was already cut by whoever collected it.

    Returns:
        The text without protocol tags, special tokens, terminal escapes, control and invisible characters, addresses
        of objects; ending in `… truncated` when something was cut.
    """
    dropped = dropped or len(text) > 4 * cap_bytes
    text = text[: 4 * cap_bytes]
    text = _UNSEEN.sub('', _ESCAPES.sub('', _LINE_ENDS.sub('\n', text)))
    text = neutralize(_ADDRESS.sub('', text), special_tokens)
    raw = text.encode('utf-8', 'replace')
    if not dropped and len(raw) <= cap_bytes:
        return text
    note = ('\n' + TRUNCATED).encode()
    room = max(cap_bytes - len(note), 0)
    return raw[:room].decode('utf-8', 'ignore') + note.decode()


def with_error(printed: str, error: str, cap_bytes: int, *, cut: bool) -> str:
    """What a snippet printed before an error, then the error, which is never what is cut.

    Args:
        printed: what it printed.
        error: the error's text.
        cap_bytes: most UTF-8 bytes to return.
        cut: something of what it printed was already dropped.
    """
    if not printed:
        return error
    room = max(cap_bytes - len(error.encode('utf-8', 'replace')) - len(TRUNCATED.encode()) - 2, 0)
    raw = printed.encode('utf-8', 'replace')
    kept = raw[:room].decode('utf-8', 'ignore')
    cut = cut or len(raw) > room
    return f'{kept.rstrip()}\n{TRUNCATED}\n{error}' if cut else kept.removesuffix('\n') + '\n' + error


def hide_paths(text: str, replacements: Mapping[str, str]) -> str:
    """Replaces paths of this machine, longest first, so that error text says nothing of the host."""
    for path in sorted((p for p in replacements if len(p) > 1), key=len, reverse=True):
        text = text.replace(path, replacements[path])
    return text
