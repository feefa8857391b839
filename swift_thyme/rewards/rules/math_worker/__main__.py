"""Compares LaTeX expressions, one request a line: `[relation, a, b]` in; `true`, `false`, `null` (cannot tell) out.

A process of its own because math-verify limits its time with SIGALRM, which works in main threads only, and because
an expression such as a tower of powers can take all memory: here it takes the worker, and the parent says undecided.
Imports nothing of this package, so that it starts from a path.
"""

from __future__ import annotations

import json
import logging
import random
import resource
import sys
from typing import Any

MEMORY_BYTES = 3 << 30
"""Address space of this process."""


def equal(left: str, right: str) -> bool | None:
    """Whether two expressions are the same mathematical object; None where that cannot be told."""
    from math_verify import verify

    a, b = _parsed(left), _parsed(right)
    if a is None or b is None:
        return None
    if verify([a], [b], float_rounding=9, timeout_seconds=4):
        return True
    return None if not _differ(a, b) else False


def proportional(left: str, right: str) -> bool | None:
    """Whether two expressions differ by a constant factor; False only where both are linear, else None."""
    import sympy

    a, b = _parsed(left), _parsed(right)
    if not isinstance(a, sympy.Expr) or not isinstance(b, sympy.Expr) or not a.free_symbols or b == 0:
        return None
    if not sympy.simplify(a / b).free_symbols:
        return True
    symbols = sorted(a.free_symbols | b.free_symbols, key=str)
    linear = all(e.is_polynomial(*symbols) and sympy.Poly(e, *symbols).total_degree() == 1 for e in (a, b))
    return False if linear else None


def _parsed(text: str) -> Any:
    """The sympy object of a LaTeX expression; None where it cannot be read."""
    from math_verify import LatexExtractionConfig, parse

    found = parse(f'${text}$', extraction_config=[LatexExtractionConfig()], parsing_timeout=4)
    return found[0] if found and not isinstance(found[0], str) else None


def _differ(a: Any, b: Any) -> bool:
    """Whether two objects that were not shown equal are certainly different."""
    import sympy

    if isinstance(a, sympy.MatrixBase) and isinstance(b, sympy.MatrixBase):
        return a.shape != b.shape or any(_differ(x, y) for x, y in zip(a, b, strict=True))
    if not isinstance(a, sympy.Expr) or not isinstance(b, sympy.Expr):
        return False
    symbols = sorted(a.free_symbols | b.free_symbols, key=str)
    if a.free_symbols != b.free_symbols and not (a.free_symbols and b.free_symbols):
        return False
    generator = random.Random(0)
    for _ in range(3):
        point = {s: sympy.Rational(generator.randint(11, 97), 13) for s in symbols}
        x, y = complex(a.subs(point).evalf(20)), complex(b.subs(point).evalf(20))
        if x != x or y != y:
            return False
        if abs(x - y) > 1e-9 * max(1.0, abs(x), abs(y)):
            return True
    return False


def main() -> None:
    """Answers requests until the parent closes the pipe."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    logging.disable(logging.CRITICAL)
    equal('1', '1')
    sys.stdout.write('ready\n')
    sys.stdout.flush()
    for line in sys.stdin:
        relation, left, right = json.loads(line)
        try:
            answer = {'equal': equal, 'proportional': proportional}[relation](left, right)
        except (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError):
            answer = None
        sys.stdout.write(json.dumps(answer) + '\n')
        sys.stdout.flush()


if __name__ == '__main__':
    main()
