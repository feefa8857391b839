"""The Python of a snippet, without what models put around it: the only place where fences and odd characters go.

Training, serving, the command line and the sandbox's session all use it. Whether the result parses is not its matter.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

_OPEN = re.compile(r'[ \t]*(`{3,}|~{3,})[ \t]*(?:(?:python3?|py|ipython)\b)?[ \t]*(.*)', re.IGNORECASE)
_END = re.compile(r'((?<!`)`{3,}|(?<!~)~{3,})[ \t]*\Z')
_INFO_STRING = re.compile(r'[\w+.#-]*|\{.*\}')
"""What may follow a fence and is no code."""
_LONG_QUOTE = re.compile('"""|\'\'\'')
_LONG_STRING = re.compile(r'(?P<long>"""|\'\'\')(?:\\.|[^\\])*?(?:(?P<close>(?P=long))|\\?\Z)', re.DOTALL)
_WORDS = re.compile(
    rf'{_LONG_STRING.pattern}|"(?:\\.|[^"\\\n])*(?:"|\\?\Z|(?=\n))|\'(?:\\.|[^\'\\\n])*(?:\'|\\?\Z|(?=\n))|'
    r'#[^\n]*|[^"\'#]+',
    re.DOTALL,
)
"""Strings, comments, and the Python between them. A string that is not closed ends with its line, or with the text."""
_BLANKS: dict[int, str | None] = dict.fromkeys((0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000), ' ')
_BLANKS |= dict.fromkeys((0xAD, *range(0x200B, 0x2010), 0x2060, 0xFEFF))
_MOST_NESTED = 50
"""Fences within fences that are taken away, in bounded time."""
_ODD = re.compile('[' + ''.join(map(chr, _BLANKS)) + ']')


def strip_fence(block: str) -> str:
    """Takes away what is not Python.

    Fences of backticks or tildes and the words outside of them go (of several fenced parts, all are kept); a byte-order
    mark at the start goes, and so do, between strings and comments, blanks that Python does not know (they become
    spaces) and invisible characters. A fence inside of a string is text. Python itself is not touched, so doing it
    twice changes nothing.
    """
    for _ in range(_MOST_NESTED):
        before = block
        block = block.removeprefix('\ufeff')
        if '```' in block or '~~~' in block:
            block = _inside_fences(block)
        if _ODD.search(block):
            words = (match.group() for match in _WORDS.finditer(block))
            block = ''.join(word if word[0] in '"\'#' else word.translate(_BLANKS) for word in words)
        block = block.strip('\r\n')
        if block == before:
            break
    return block


def _inside_fences(block: str) -> str:
    """The lines within fences, where there are any outside of strings; else all of them."""
    quoted = _Spans(_long_strings(block))
    inside: list[str] = []
    before: list[str] = []
    fence, marks, at = '', 0, 0
    for line in block.splitlines(keepends=True):
        begin, at = at, at + len(line)
        opened, ended = _OPEN.match(line.rstrip()), _END.search(line.rstrip())
        if begin in quoted:
            opened = None
        if ended and ('#' in line[: ended.start()] or begin + ended.start() in quoted):
            ended = None
        if opened and (not fence or opened[1][0] == fence):
            marks += 1
            fence = '' if fence and not line.strip().strip(fence) else opened[1][0]
            line = '' if _INFO_STRING.fullmatch(opened[2]) else opened[2] + '\n'
            ended = _END.search(line.rstrip())
        if fence and ended and ended[1][0] == fence:
            inside.append(line.rstrip()[: ended.start()].rstrip() + '\n')
            fence = ''
        elif fence:
            inside.append(line)
        elif not marks:
            before.append(line)
    code = ''.join(inside)
    return (code if code.strip() else ''.join(before)) if marks else block


class _Spans:
    """Stretches of a text, none within another."""

    def __init__(self, spans: Iterator[tuple[int, int]]) -> None:
        self._spans = list(spans)
        self._starts = [start for start, _ in self._spans]

    def __contains__(self, at: int) -> bool:
        """Whether a place is within one, its first character not counted."""
        before = bisect_left(self._starts, at) - 1
        return before >= 0 and at < self._spans[before][1]


def _long_strings(block: str) -> Iterator[tuple[int, int]]:
    """Where triple-quoted strings that are closed begin and end."""
    unclosed: set[str] = set()
    at = 0
    while opening := _LONG_QUOTE.search(block, at):
        at = opening.start() + 1
        string = None if opening[0] in unclosed else _LONG_STRING.match(block, opening.start())
        if string is not None and string['close']:
            yield string.span()
            at = string.end()
        else:
            unclosed.add(opening[0])
