"""Rewrites a snippet's syntax tree where a repair applies; line numbers stay."""

from __future__ import annotations

import ast
import re
from collections.abc import Container

from .modes import Log, Repair

CUT_ARRAY, CUT_PICTURE, BOX_VARIABLE = '__thyme_cut_array__', '__thyme_cut_picture__', '__thyme_box__'
"""Names of the run-time helpers in a snippet's namespace."""
SHOW_VALUE = '__thyme_show__'
"""Name of what is called with the value on a snippet's last line."""

_CV_NAMES = ('cv', 'cv3', 'cv4')
_CROP_NAME = re.compile(r'crop|roi|region|patch|zoom|cut', re.IGNORECASE)
_CROP_USERS = ('imwrite', 'resize', 'fromarray', 'rotate', 'cvtColor')
_BOX_NAME = re.compile(r'box|coord', re.IGNORECASE)
_FLOAT_SPEC = re.compile(r'^(.*)\.\d+f$')


class Transformer(ast.NodeTransformer):
    """One pass over one snippet."""

    visit = ast.NodeTransformer.visit  # a snippet may replace them where they come from
    generic_visit = ast.NodeTransformer.generic_visit

    def __init__(self, log: Log, bound: Container[str], namespace: Container[str], *, resizes: bool) -> None:
        """
        Args:
            log: where repairs are noted.
            bound: names that the snippet assigns or imports.
            namespace: names that its session has.
            resizes: the snippet changes sizes, so that boxes may refer to another size than the input's.
        """
        self._log, self._resizes = log, resizes
        self._bound, self._namespace = bound, namespace
        self._crops = log.enabled(Repair.CLAMP) or log.enabled(Repair.MIN_CROP)
        self._is_crop = False

    def visit_Import(self, node: ast.Import) -> ast.AST:
        """`import cv` and the like."""
        for alias in node.names:
            if alias.name in _CV_NAMES and self._log.wants(Repair.CV_ALIAS):
                alias.asname, alias.name = alias.asname or alias.name, 'cv2'
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """`cv.` and the like, where nothing has that name."""
        wrong = node.id in _CV_NAMES and isinstance(node.ctx, ast.Load)
        wrong = wrong and node.id not in self._bound and node.id not in self._namespace
        if wrong and self._log.wants(Repair.CV_ALIAS):
            return ast.copy_location(ast.Name('cv2', node.ctx), node)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        """Boxes and crops by the name they are given. Paper."""
        name = node.targets[0].id if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name) else ''
        outer, self._is_crop = self._is_crop, bool(_CROP_NAME.search(name))
        self.generic_visit(node)
        self._is_crop = outer
        value = node.value
        is_box = _BOX_NAME.search(name) and isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == 4
        if is_box and self._log.as_paper(Repair.CLAMP) and not self._resizes:
            node.value = _call(BOX_VARIABLE, [value], value)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """`picture.crop(box)`, and crops handed on directly."""
        outer, self._is_crop = self._is_crop, self._is_crop or _called(node) in _CROP_USERS
        self.generic_visit(node)
        self._is_crop = outer
        if self._crops and isinstance(node.func, ast.Attribute) and node.func.attr == 'crop':
            call = _call(CUT_PICTURE, [node.func.value, *node.args], node)
            call.keywords = node.keywords
            return call
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """`image[y1:y2, x1:x2]` being read."""
        self.generic_visit(node)
        index = node.slice
        if not self._crops or not isinstance(node.ctx, ast.Load) or not isinstance(index, ast.Tuple):
            return node
        if len(index.elts) not in (2, 3) or not all(_is_span(part) for part in index.elts[:2]):
            return node
        parts = [_as_value(part) for part in index.elts]
        whole = ast.copy_location(ast.Tuple(parts, ast.Load()), index)
        return _call(CUT_ARRAY, [node.value, whole, ast.copy_location(ast.Constant(self._is_crop), node)], node)

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.AST:
        """`{x:.2f}`."""
        self.generic_visit(node)
        spec = node.format_spec
        if self._log.enabled(Repair.FLOAT_FORMAT) and isinstance(spec, ast.JoinedStr):
            for part in spec.values:
                match = isinstance(part, ast.Constant) and _FLOAT_SPEC.match(str(part.value))
                if match and match.group() != f'{match.group(1)}.8f' and self._log.wants(Repair.FLOAT_FORMAT):
                    part.value = f'{match.group(1)}.8f'  # type: ignore[attr-defined]
        return node


def show_last_value(tree: ast.Module) -> None:
    """Has the value of an expression on the last line shown, as a notebook does; text on its own is a comment."""
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr) and not (isinstance(last.value, ast.Constant) and isinstance(last.value.value, str)):
        last.value = _call(SHOW_VALUE, [last.value], last.value)


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, 'id', '')


def _call(name: str, args: list[ast.expr], at: ast.expr) -> ast.Call:
    function = ast.copy_location(ast.Name(name, ast.Load()), at)
    return ast.copy_location(ast.Call(function, args, []), at)


def _is_span(node: ast.expr) -> bool:
    return isinstance(node, ast.Slice) and node.step is None and (node.lower is not None or node.upper is not None)


def _as_value(node: ast.expr) -> ast.expr:
    if not isinstance(node, ast.Slice):
        return node
    parts: list[ast.expr] = [
        part if part is not None else ast.Constant(None) for part in (node.lower, node.upper, node.step)
    ]
    call = _call('slice', parts, node)
    return ast.copy_location(ast.fix_missing_locations(call), node)
