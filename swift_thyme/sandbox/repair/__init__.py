"""Repairs: small, named corrections of model-written code, each of which can be switched off or only reported.

Runs inside the session's process. `modes` owns names, defaults and what a snippet met, `layer` puts
the parts together, `source` mends text that does not parse, `transform` rewrites the syntax tree, `runtime` does what
only values can tell.

Paper: §2 (sandbox). Differs from the release: clamping works on values, not on literals through `ast.Index`; code
that needs no repair is not reformatted; every repair is reported.
"""

from .modes import DEFAULT_MODES, Mode, Repair, resolve

__all__ = ['DEFAULT_MODES', 'Mode', 'Repair', 'resolve']
