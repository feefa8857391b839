"""How much memory and time a run needs, by arithmetic: `thyme plan`. Imports neither torch nor the host."""
