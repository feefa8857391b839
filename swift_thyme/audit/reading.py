"""Which regions a snippet cuts out, read from its source without running it.

A small evaluator of numbers and tuples: assignments, arithmetic, `min`, `max`, `int`, `round`, picture sizes. It
follows `x1, y1, x2, y2 = …`, `image[y1:y2, x1:x2]` and `image.crop(box)`, over the rounds of a trajectory. What it
cannot follow it leaves out; `locate` checks every region it returns against the pixels.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Union

Value = Union[float, tuple['Value', ...]]  # noqa: UP007 (recursive: a string is no operand of |)
Region = tuple[float, float, float, float]
"""Left, top, right, bottom."""

_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_FUNCTIONS: Mapping[str, Callable[..., float]] = {
    'int': int, 'float': float, 'round': round, 'abs': abs, 'min': min, 'max': max,
}  # fmt: skip


class _Unknown(Exception):
    """The evaluator cannot follow an expression."""


class CodeReader:
    """Reads the snippets of one trajectory, in order; variables persist over rounds as they do in the sandbox."""

    def __init__(self, width_px: int, height_px: int) -> None:
        """
        Args:
            width_px: of the question's picture; every picture in the code is taken for it.
            height_px: likewise.
        """
        self._size = (float(width_px), float(height_px))
        self._names: dict[str, Value] = {}

    def regions(self, code: str) -> list[Region]:
        """The regions that a snippet cuts out, in the order of its lines; empty where it cannot be read."""
        try:
            tree = ast.parse(code)
        except (SyntaxError, ValueError, RecursionError):
            return []
        found: list[Region] = []
        for node in _statements(tree.body):
            if isinstance(node, ast.Assign):
                self._assign(node)
            for part in ast.walk(node) if not _has_body(node) else ():
                region = self._region(part)
                if region is not None and region not in found:
                    found.append(region)
        return found

    def _assign(self, node: ast.Assign) -> None:
        try:
            value = self._value(node.value)
        except _Unknown:
            return
        for target in node.targets:
            self._bind(target, value)

    def _bind(self, target: ast.expr, value: Value) -> None:
        if isinstance(target, ast.Name):
            self._names[target.id] = value
        elif isinstance(target, (ast.Tuple, ast.List)) and isinstance(value, tuple):
            for part, one in zip(target.elts, value, strict=False):
                self._bind(part, one)

    def _region(self, node: ast.AST) -> Region | None:
        try:
            if isinstance(node, ast.Subscript):
                return self._slice(node.slice)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == 'crop':
                return _as_region(self._value(node.args[0])) if node.args else None
        except _Unknown:
            return None
        return None

    def _slice(self, node: ast.expr) -> Region | None:
        if not (isinstance(node, ast.Tuple) and len(node.elts) >= 2):
            return None
        rows, columns = node.elts[:2]
        if not (isinstance(rows, ast.Slice) and isinstance(columns, ast.Slice)):
            return None
        (top, bottom), (left, right) = self._bounds(rows, self._size[1]), self._bounds(columns, self._size[0])
        return _as_region((left, top, right, bottom))

    def _bounds(self, node: ast.Slice, size: float) -> tuple[float, float]:
        low = self._number(node.lower) if node.lower is not None else 0.0
        high = self._number(node.upper) if node.upper is not None else size
        return (low + size if low < 0 else low), (high + size if high < 0 else high)

    def _number(self, node: ast.expr) -> float:
        value = self._value(node)
        if isinstance(value, tuple):
            raise _Unknown
        return value

    def _value(self, node: ast.expr) -> Value:
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
            return float(node.value)
        if isinstance(node, ast.Name) and node.id in self._names:
            return self._names[node.id]
        if isinstance(node, (ast.Tuple, ast.List)):
            return tuple(self._value(part) for part in node.elts)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -self._number(node.operand)
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return self._operation(node)
        if isinstance(node, ast.Attribute):
            return self._attribute(node.attr)
        if isinstance(node, ast.Subscript):
            return self._element(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS:
            return float(_FUNCTIONS[node.func.id](*(self._number(argument) for argument in node.args[:8])))
        raise _Unknown

    def _operation(self, node: ast.BinOp) -> float:
        try:
            return _OPERATORS[type(node.op)](self._number(node.left), self._number(node.right))
        except (ZeroDivisionError, OverflowError) as error:
            raise _Unknown from error

    def _attribute(self, name: str) -> Value:
        width, height = self._size
        sizes: dict[str, Value] = {
            'width': width,
            'height': height,
            'size': (width, height),
            'shape': (height, width, 3),
        }
        if name not in sizes:
            raise _Unknown
        return sizes[name]

    def _element(self, node: ast.Subscript) -> Value:
        whole = self._value(node.value)
        if not isinstance(whole, tuple):
            raise _Unknown
        try:
            if isinstance(node.slice, ast.Slice):
                return whole[: int(self._number(node.slice.upper))] if node.slice.upper is not None else whole
            return whole[int(self._number(node.slice))]
        except IndexError as error:
            raise _Unknown from error


def _statements(body: list[ast.stmt]) -> list[ast.stmt]:
    """Statements in the order in which they stand, those of nested blocks included, functions left out."""
    found: list[ast.stmt] = []
    for node in body:
        found.append(node)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        for name in ('body', 'orelse', 'finalbody'):
            found += _statements(getattr(node, name, []))
    return found


def _has_body(node: ast.stmt) -> bool:
    return hasattr(node, 'body')


def _as_region(value: Value) -> Region | None:
    if isinstance(value, tuple) and len(value) == 4:
        numbers = [one for one in value if not isinstance(one, tuple)]
        if len(numbers) == 4 and numbers[0] < numbers[2] and numbers[1] < numbers[3]:
            return numbers[0], numbers[1], numbers[2], numbers[3]
    return None
