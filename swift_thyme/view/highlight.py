"""Python code as runs of (class, text) for the page, by Pygments. Owns the mapping to the page's few colours."""

from __future__ import annotations

from functools import lru_cache

from pygments.lexers.python import PythonLexer
from pygments.token import Token, _TokenType

MAX_CHARS = 20_000
"""Longer code is shown without colours."""
_CLASSES = (
    (Token.Comment, 'c'),
    (Token.Keyword, 'k'),
    (Token.Operator.Word, 'k'),
    (Token.Literal.String, 's'),
    (Token.Literal.Number, 'n'),
    (Token.Name.Builtin, 'b'),
    (Token.Name.Function, 'f'),
    (Token.Name.Class, 'f'),
    (Token.Name.Decorator, 'f'),
    (Token.Name.Namespace, 'm'),
)
_LEXER = PythonLexer(stripnl=False, ensurenl=False)


@lru_cache(maxsize=4096)
def highlight(code: str) -> tuple[str, ...]:
    """Colours code.

    Returns:
        Class and text in turn, `(class, text, class, text, …)`; the class is empty for plain text, and the texts join
        to `code`.
    """
    if len(code) > MAX_CHARS:
        return ('', code)
    runs: list[str] = []
    for kind, text in _LEXER.get_tokens(code):
        name = _class_of(kind)
        if runs and (runs[-2] == name or not text.strip()):
            runs[-1] += text
        elif text:
            runs += [name, text]
    return tuple(runs)


@lru_cache(maxsize=256)
def _class_of(kind: _TokenType) -> str:
    return next((name for parent, name in _CLASSES if kind in parent), '')
