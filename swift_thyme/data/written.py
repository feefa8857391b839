"""Which file names code writes, told from what it does with them: a literal, or a variable that holds one, is saved to.

Not here: names that are computed (`join`, `replace`, f-strings). They are made of parts that stay as they are.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

_SAVES = {'save': 0, 'imwrite': 0, 'savefig': 0, 'imsave': 0, 'copy': 1, 'copyfile': 1, 'copy2': 1, 'move': 1}
"""Functions that write a file, and which of their arguments names it."""
_NAMED = ('fp', 'filename', 'fname', 'dst')
"""The same argument given by name."""


def written_names(codes: Sequence[str]) -> dict[str, tuple[int, int]]:
    """File names that code blocks write.

    Args:
        codes: the blocks of one response, in order; they share their variables. One that does not parse tells nothing.

    Returns:
        Each name as it is written, and where it first stands to be written: the block, and the line in it, from 0.
    """
    finder = _Finder()
    for finder.block, code in enumerate(codes):
        try:
            tree = ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        finder.visit(tree)
    return finder.written


class _Finder(ast.NodeVisitor):
    def __init__(self) -> None:
        self.block = 0
        self.written: dict[str, tuple[int, int]] = {}
        self._held: dict[str, tuple[str, tuple[int, int]]] = {}

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            if isinstance(target, ast.Name):
                found = self._literal(node.value)
                self._held.pop(target.id, None)
                if found is not None:
                    self._held[target.id] = found

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, 'id', '')
        at = _SAVES.get(called)
        if called == 'open' and any(_is_writing_mode(one) for one in _modes(node)):
            at = 0
        if at is None:
            return
        named = [word.value for word in node.keywords if word.arg in _NAMED]
        for argument in (*node.args[at : at + 1], *named):
            found = self._literal(argument)
            if found is not None:
                self.written.setdefault(*found)

    def _literal(self, node: ast.expr) -> tuple[str, tuple[int, int]] | None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value, (self.block, node.lineno - 1)
        return self._held.get(node.id) if isinstance(node, ast.Name) else None


def _modes(node: ast.Call) -> list[ast.expr]:
    return [*node.args[1:2], *(word.value for word in node.keywords if word.arg == 'mode')]


def _is_writing_mode(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(set(node.value) & set('wax'))
