"""The repair layer of one session: from source text to a code object, and the helpers it calls."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from contextlib import suppress
from types import CodeType
from typing import Any

from .log import Log
from .modes import Repair
from .paths import Paths
from .runtime import Crops, wrap_readers
from .source import reindent
from .transform import BOX_VARIABLE, CUT_ARRAY, CUT_PICTURE, Transformer

_MAYBE = re.compile(r'/|\.crop\b|\bcv[34]?\b|box|coord|path|file|\df\}', re.IGNORECASE)
"""Code without any of this needs no look at its syntax tree."""
_CV = re.compile(r'\bcv[34]?\b')
"""Without it, which names a snippet binds does not matter."""


class Layer:
    """Repairs the snippets of one session, one after another. Does nothing until `begin`."""

    def __init__(self) -> None:
        self.log = Log()
        self._paths = Paths(self.log)
        self._crops = Crops(self.log)
        self._size: tuple[int, int] | None = None

    def begin(self, modes: Mapping[str, str], inputs: list[dict[str, Any]], work: str) -> None:
        """Makes it one session's.

        Args:
            modes: repair → mode, complete.
            inputs: the input pictures: `path`, `prompt_path`, `size` (width, height in px).
            work: the session's directory.
        """
        self.log.choose(modes)
        self._paths.begin(inputs, work)
        if inputs and inputs[0].get('size'):
            width, height = inputs[0]['size']
            self._size = (width, height)

    def install(self, namespace: dict[str, Any]) -> None:
        """Puts the helpers into a namespace and around the functions that read pictures."""
        namespace[CUT_ARRAY] = self._crops.cut_array
        namespace[CUT_PICTURE] = self._crops.cut_picture
        namespace[BOX_VARIABLE] = lambda value: self._crops.box_variable(value, self._size)
        wrap_readers(self._paths)

    def compile(self, code: str, file_name: str, namespace: Mapping[str, Any]) -> CodeType:
        """Repairs and compiles one snippet.

        Raises:
            SyntaxError: it does not parse, and no repair helps.
            ValueError: it holds a NUL.
        """
        self.log.begin()
        slices = '[' in code and ':' in code and ',' in code
        if not slices and not _MAYBE.search(code):
            with suppress(IndentationError):
                return compile(code, file_name, 'exec', dont_inherit=True)
        tree = self._parse(code, file_name)
        names = _bound(tree) if _CV.search(code) else frozenset()
        tree = Transformer(self.log, self._paths, names, namespace, resizes='resize' in code).visit(tree)
        return compile(tree, file_name, 'exec', dont_inherit=True)

    def _parse(self, code: str, file_name: str) -> ast.Module:
        try:
            return ast.parse(code, file_name)
        except IndentationError:
            mended = reindent(code) if self.log.enabled(Repair.INDENTATION) else None
            if mended is None or not self.log.wants(Repair.INDENTATION):
                raise
            return ast.parse(mended, file_name)


def _bound(tree: ast.Module) -> frozenset[str]:
    """Names that a snippet assigns or imports."""
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    imported = {a.asname or a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    return frozenset(names | imported)
