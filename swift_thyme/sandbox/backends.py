"""Which sandbox a process uses: a name becomes a backend, and all parts of the process share one.

Owns the choice (`THYME_SANDBOX`). What a backend promises is in `base`; `conformance` tests it.
"""

from __future__ import annotations

import pkgutil
import threading
from collections.abc import Callable

from ..config import SandboxSettings
from ..errors import ConfigError, pip_line
from .base import Sandbox

GROUP = 'swift_thyme.sandboxes'
"""Entry points by which other packages name theirs; each is called with `SandboxSettings`."""
BUILT_IN = {
    'local': 'swift_thyme.sandbox.zygote_backend:ZygoteSandbox',
    'ray': 'swift_thyme.sandbox.ray_backend:RaySandbox',
}
"""Known without the metadata of an installed package, so that a clone on the path has them."""

_shared_lock = threading.Lock()
_shared: list[Sandbox] = []


def shared_sandbox() -> Sandbox:
    """The sandbox every part of this process shares, with settings from `THYME_*` variables. Thread-safe.

    Raises:
        ConfigError: a variable cannot be read, or names no backend.
    """
    with _shared_lock:
        if not _shared:
            _shared.append(make_sandbox())
        return _shared[0]


def make_sandbox(settings: SandboxSettings | None = None) -> Sandbox:
    """A sandbox of the backend that the settings name; nothing is started before the first session.

    Args:
        settings: by default those of the environment.

    Raises:
        ConfigError: a variable cannot be read, or there is no such backend, or a package that it needs is missing.
    """
    settings = settings or SandboxSettings.from_env()
    made = _load(settings.backend)(settings)
    if not isinstance(made, Sandbox):
        raise ConfigError(
            f'THYME_SANDBOX must name a backend, got {settings.backend!r}, which makes a {type(made).__name__}; '
            'expected a class derived from swift_thyme.sandbox.Sandbox'
        )
    return made


def _load(name: str) -> Callable[[SandboxSettings], object]:
    from importlib.metadata import entry_points  # slow, and the sandbox's own processes import this package

    known = {**{one.name: one.value for one in entry_points(group=GROUP)}, **BUILT_IN}
    if name not in known and ':' not in name:
        raise ConfigError(
            f'THYME_SANDBOX must name a backend, got {name!r}; expected one of {", ".join(sorted(known))}, or '
            'module:Class'
        )
    try:
        loaded: Callable[[SandboxSettings], object] = pkgutil.resolve_name(known.get(name, name))
    except (ImportError, AttributeError, ValueError) as error:
        cure = pip_line(name) if name in BUILT_IN else 'install what it needs, or correct THYME_SANDBOX'
        raise ConfigError(f'the sandbox backend {name!r} cannot be loaded: {error}; {cure}') from error
    return loaded
