"""Mends source text whose indentation does not parse, and says what of a notebook cannot run here.

Leaves everything that parses alone.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator

_FOREIGN = (
    (
        re.compile(r'^[ \t]*%', re.MULTILINE),
        'magic commands of a notebook (%…) do not exist here, this is plain Python; leave the line out',
    ),
    (
        re.compile(r'^[ \t]*!', re.MULTILINE),
        'shell commands (!…) are not available in the sandbox, nothing can be installed; leave the line out',
    ),
)
_OPENS_BLOCK = re.compile(r':\s*(?:#.*)?$')


def reindent(code: str) -> str | None:
    """The first re-indented form of the code that parses, or None.

    Tries, in order: removing common indentation; tabs as four spaces; a first line that lost its indentation;
    autopep8's indentation fixes (Paper: autopep8).
    """
    for candidate in _candidates(code):
        try:
            ast.parse(candidate)
        except (SyntaxError, ValueError):
            continue
        return candidate
    return None


def foreign_line(code: str) -> tuple[int, str]:
    """Number of the first line of a notebook that is not Python, and a sentence about it; 0 where there is none."""
    found = [(code.count('\n', 0, m.end()) + 1, why) for pattern, why in _FOREIGN if (m := pattern.search(code))]
    return min(found, default=(0, ''))


def _candidates(code: str) -> Iterator[str]:
    yield textwrap.dedent(code)
    spaces = code.expandtabs(4)
    yield textwrap.dedent(spaces)
    lines = spaces.split('\n')
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    rest = '\n'.join(lines[first + 1 :])
    if not _OPENS_BLOCK.search(lines[first]):
        yield '\n'.join([*lines[:first], lines[first].strip(), textwrap.dedent(rest)])
    yield _even(lines)
    try:
        import autopep8
    except ImportError:
        return
    yield autopep8.fix_code(textwrap.dedent(spaces), options={'select': ['E1', 'W1']})


def _even(lines: list[str]) -> str:
    """Gives every line the depth of the nearest block that can hold it: stray spaces disappear."""
    depths = [0]
    result = []
    opens = False
    for line in lines:
        text = line.strip()
        if not text:
            result.append('')
            continue
        width = len(line) - len(line.lstrip())
        if opens:
            depths.append(max(width, depths[-1] + 1))
        else:
            while len(depths) > 1 and width < depths[-1]:
                depths.pop()
        result.append('    ' * (len(depths) - 1) + text)
        opens = bool(_OPENS_BLOCK.search(text))
    return '\n'.join(result)
