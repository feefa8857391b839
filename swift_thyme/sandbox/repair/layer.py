"""The repair layer of one session: from source text to a code object, and the helpers it calls."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from types import CodeType
from typing import Any

from . import hooks
from .modes import Log, Repair
from .paths import Paths
from .runtime import Crops
from .source import foreign_line, reindent
from .transform import BOX_VARIABLE, CUT_ARRAY, CUT_PICTURE, SHOW_VALUE, Transformer, show_last_value

_CV = re.compile(r'\bcv[34]?\b')
"""Without it, which names a snippet binds does not matter."""


class Layer:
    """Repairs the snippets of one session, one after another. Does nothing until `begin`."""

    def __init__(self) -> None:
        self.log = Log()
        self.paths = Paths(self.log)
        self._crops = Crops(self.log)
        self._size: tuple[int, int] | None = None

    def begin(self, request: dict[str, Any], namespace: Mapping[str, Any]) -> None:
        """Makes it one session's.

        Args:
            request: `repairs` (repair → mode, complete), `inputs` (`path`, `prompt_path`, `size` in px), `work`,
                `limits`.
            namespace: of its snippets.
        """
        inputs = request['inputs']
        self.log.choose(request['repairs'])
        self.paths.begin(inputs, request['work'], namespace)
        self._crops.begin(request['limits']['image_min_side_px'])
        if inputs and inputs[0].get('size'):
            width, height = inputs[0]['size']
            self._size = (width, height)

    def install(self, namespace: dict[str, Any]) -> None:
        """Puts the helpers into a namespace and around the functions that take paths."""
        namespace[CUT_ARRAY] = self._crops.cut_array
        namespace[CUT_PICTURE] = self._crops.cut_picture
        namespace[BOX_VARIABLE] = lambda value: self._crops.box_variable(value, self._size)
        hooks.install(self.paths)
        self._crops.watch_saves()

    def compile(self, code: str, file_name: str, namespace: Mapping[str, Any]) -> CodeType:
        """Repairs and compiles one snippet.

        Raises:
            SyntaxError: it does not parse, and no repair helps.
            ValueError: it holds a NUL.
        """
        self.log.begin()
        self.paths.begin_snippet()
        self._crops.begin_snippet()
        tree = self._parse(code, file_name)
        names = _bound(tree) if _CV.search(code) else frozenset()
        tree = Transformer(self.log, names, namespace, resizes='resize' in code).visit(tree)
        if SHOW_VALUE in namespace and not code.rstrip().endswith(';'):
            show_last_value(tree)
        return compile(tree, file_name, 'exec', dont_inherit=True)

    def returned(self, text: str, paths: Iterable[str]) -> None:
        """Called with what a snippet printed and the pictures that it names otherwise."""
        self._crops.returned(text, paths)

    def _parse(self, code: str, file_name: str) -> ast.Module:
        try:
            return _tree(code, file_name)
        except IndentationError:
            mended = reindent(code) if self.log.enabled(Repair.INDENTATION) else None
            if mended is None or not self.log.wants(Repair.INDENTATION):
                raise
            return _tree(mended, file_name)
        except SyntaxError as error:
            line, why = foreign_line(code)
            if not line:
                raise
            raise SyntaxError(why, (file_name, line, 1, '')) from error


def _tree(code: str, file_name: str) -> ast.Module:
    try:
        tree: ast.Module = compile(code, file_name, 'exec', ast.PyCF_ONLY_AST, dont_inherit=True)  # type: ignore[assignment]
    except MemoryError as error:  # the parser's word for its own limit
        raise SyntaxError('the code is nested too deeply') from error
    return tree


def _bound(tree: ast.Module) -> frozenset[str]:
    """Names that a snippet assigns or imports."""
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    imported = {a.asname or a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    return frozenset(names | imported)
