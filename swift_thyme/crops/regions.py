"""Which regions a snippet cuts out of a picture, read from its source without running it.

Owns a small evaluator over constants: numbers, tuples, arithmetic, `img.size`, `img.shape`, `min`, `max`, `int`,
`round`. It follows `x1, y1, x2, y2 = …`, `image[y1:y2, x1:x2]` and `image.crop(box)` over the rounds of a trajectory.
What it cannot work out, it leaves out; `locate` checks what it finds against the pixels.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Region = tuple[float, float, float, float]
"""Left, top, right, bottom as the code states them; they may lie outside of the picture."""

_MAX_CODE_CHARS = 20_000
_MAX_NUMBER = 1e7
_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    'int': int, 'round': round, 'min': min, 'max': max, 'float': float, 'abs': abs,
}  # fmt: skip


class _Unknown(Exception):
    """An expression whose value cannot be worked out."""


@dataclass
class RegionReader:
    """Reads the snippets of one trajectory in order; names set in one are known in the next, as in the sandbox.

    Every picture in the code is taken for the question's, whose size is given in pixels.
    """

    width_px: int
    height_px: int
    _names: dict[str, Any] = field(default_factory=dict)

    def regions(self, code: str) -> list[Region]:
        """The regions that a snippet cuts, in the order of its lines; empty where none can be worked out."""
        if len(code) > _MAX_CODE_CHARS:
            return []
        try:
            tree = ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return []
        found: list[Region] = []
        try:
            for node in _in_order(tree):
                if isinstance(node, ast.Assign):
                    self._assign(node)
                region = self._region(node)
                found += [] if region is None else [region]
        except RecursionError:
            return []
        return found

    def _assign(self, node: ast.Assign) -> None:
        try:
            value = self._value(node.value)
        except _Unknown:
            return
        for target in node.targets:
            self._bind(target, value)

    def _bind(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Name):
            self._names[target.id] = value
        elif isinstance(target, (ast.Tuple, ast.List)) and isinstance(value, tuple):
            for name, item in zip(target.elts, value, strict=False):
                self._bind(name, item)

    def _region(self, node: ast.AST) -> Region | None:
        try:
            if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
                rows, columns = (*node.slice.elts[:2], None, None)[:2]
                if isinstance(rows, ast.Slice) and isinstance(columns, ast.Slice):
                    (top, bottom), (left, right) = (
                        self._edges(rows, self.height_px),
                        self._edges(columns, self.width_px),
                    )
                    return _as_region((left, top, right, bottom))
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == 'crop':
                return _as_region(self._value(node.args[0])) if node.args else None
        except _Unknown:
            pass
        return None

    def _edges(self, edge: ast.Slice, size: int) -> tuple[Any, Any]:
        """Begin and end; negative ones count from the end where that leaves something."""
        begin = self._number(edge.lower) if edge.lower is not None else 0
        end = self._number(edge.upper) if edge.upper is not None else size
        from_end = (begin + size if begin < 0 else begin), (end + size if end < 0 else end)
        return from_end if from_end[0] < from_end[1] else (begin, end)

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
            return self._size_of(node.attr)
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

    def _size_of(self, attribute: str) -> Any:
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
            lower = self._index(node.slice.lower) if node.slice.lower else None
            upper = self._index(node.slice.upper) if node.slice.upper else None
            return values[lower:upper]
        index = self._index(node.slice)
        if not -len(values) <= index < len(values):
            raise _Unknown
        return values[index]

    def _index(self, node: ast.expr) -> int:
        value = self._number(node)
        if not abs(value) < _MAX_NUMBER:
            raise _Unknown
        return int(value)

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


def _as_region(value: Any) -> Region | None:
    if not (isinstance(value, tuple) and len(value) == 4):
        return None
    if not all(isinstance(edge, (int, float)) and abs(edge) < _MAX_NUMBER for edge in value):
        return None
    left, top, right, bottom = value
    return (left, top, right, bottom) if left < right and top < bottom else None
