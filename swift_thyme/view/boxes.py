"""Boxes that code cuts out of a picture, read from the code without running it.

Owns a small evaluator over constants: numbers, tuples, arithmetic, `img.size`, `img.shape`, `min`, `max`, `int`,
`round`. What it cannot work out, it leaves out: `locate` then looks for the crop in the picture itself.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the picture, right and bottom exclusive."""

_MAX_CODE_CHARS = 20_000
_MAX_NUMBER = 1e7
_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {'int': int, 'round': round, 'min': min, 'max': max, 'float': float}


class _Unknown(Exception):
    """An expression whose value cannot be worked out."""


@dataclass
class BoxReader:
    """Reads the snippets of one trajectory in order; names set in one are known in the next, as in the sandbox."""

    width_px: int
    height_px: int
    _names: dict[str, Any] = field(default_factory=dict)

    def read(self, code: str) -> list[Box]:
        """The boxes that a snippet cuts, in order, each within the picture; empty where none can be worked out."""
        if len(code) > _MAX_CODE_CHARS:
            return []
        try:
            tree = ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return []
        found: list[Box] = []
        try:
            for node in _in_order(tree):
                if isinstance(node, ast.Assign):
                    self._assign(node)
                found += self._boxes(node)
        except RecursionError:
            return []
        return found

    def _assign(self, node: ast.Assign) -> None:
        try:
            value = self._value(node.value)
        except _Unknown:
            return
        for target in node.targets:
            if isinstance(target, ast.Name):
                self._names[target.id] = value
            elif isinstance(target, (ast.Tuple, ast.List)) and isinstance(value, tuple):
                for name, item in zip(target.elts, value, strict=False):
                    if isinstance(name, ast.Name):
                        self._names[name.id] = item

    def _boxes(self, node: ast.AST) -> Iterator[Box]:
        try:
            if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
                rows, columns = node.slice.elts[:2]
                if isinstance(rows, ast.Slice) and isinstance(columns, ast.Slice):
                    top, bottom = self._edges(rows, self.height_px)
                    left, right = self._edges(columns, self.width_px)
                    yield from self._box(left, top, right, bottom)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == 'crop':
                values = self._value(node.args[0]) if node.args else ()
                if isinstance(values, tuple) and len(values) == 4:
                    yield from self._box(*values)
        except (_Unknown, ValueError):
            return

    def _edges(self, edge: ast.Slice, size: int) -> tuple[Any, Any]:
        return (
            self._value(edge.lower) if edge.lower is not None else 0,
            self._value(edge.upper) if edge.upper is not None else size,
        )

    def _box(self, left: Any, top: Any, right: Any, bottom: Any) -> Iterator[Box]:
        edges = (left, top, right, bottom)
        if not all(isinstance(e, (int, float)) and abs(e) < _MAX_NUMBER for e in edges):
            return
        x0, y0 = max(0, int(left)), max(0, int(top))
        x1, y1 = min(self.width_px, int(right)), min(self.height_px, int(bottom))
        if x0 < x1 and y0 < y1:
            yield x0, y0, x1, y1

    def _value(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
            return node.value
        if isinstance(node, ast.Name) and node.id in self._names:
            return self._names[node.id]
        if isinstance(node, (ast.Tuple, ast.List)):
            return tuple(self._value(item) for item in node.elts)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -self._number(node.operand)
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return self._arithmetic(node)
        if isinstance(node, ast.Attribute):
            return self._size(node.attr)
        if isinstance(node, ast.Subscript):
            return self._item(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS:
            return self._call(_FUNCTIONS[node.func.id], node.args)
        raise _Unknown

    def _arithmetic(self, node: ast.BinOp) -> Any:
        left, right = self._number(node.left), self._number(node.right)
        try:
            value = _OPERATORS[type(node.op)](left, right)
        except (ZeroDivisionError, OverflowError):
            raise _Unknown from None
        if abs(value) > _MAX_NUMBER:
            raise _Unknown
        return value

    def _number(self, node: ast.expr) -> Any:
        value = self._value(node)
        if not isinstance(value, (int, float)):
            raise _Unknown
        return value

    def _size(self, attribute: str) -> Any:
        sizes: dict[str, Any] = {
            'size': (self.width_px, self.height_px),
            'shape': (self.height_px, self.width_px, 3),
            'width': self.width_px,
            'height': self.height_px,
        }
        if attribute not in sizes:
            raise _Unknown
        return sizes[attribute]

    def _item(self, node: ast.Subscript) -> Any:
        values = self._value(node.value)
        if not isinstance(values, tuple):
            raise _Unknown
        if isinstance(node.slice, ast.Slice):
            lower = self._value(node.slice.lower) if node.slice.lower else None
            upper = self._value(node.slice.upper) if node.slice.upper else None
            return values[lower:upper]
        index = self._value(node.slice)
        if not isinstance(index, int) or not -len(values) <= index < len(values):
            raise _Unknown
        return values[index]

    def _call(self, function: Callable[..., Any], arguments: list[ast.expr]) -> Any:
        try:
            return function(*(self._number(a) for a in arguments))
        except (TypeError, ValueError, OverflowError):
            raise _Unknown from None


def _in_order(tree: ast.AST) -> Iterator[ast.AST]:
    """Nodes as they stand in the text: what a statement cuts comes before what it assigns."""
    for child in ast.iter_child_nodes(tree):
        yield from _in_order(child)
    yield tree
