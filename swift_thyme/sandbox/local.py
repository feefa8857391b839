"""The sandbox of this process: one for all trainers' parts that run snippets here, made when first asked for."""

from __future__ import annotations

import threading

from .zygote_backend import ZygoteSandbox

_lock = threading.Lock()
_made: list[ZygoteSandbox] = []


def local_sandbox() -> ZygoteSandbox:
    """The sandbox every part of this process shares, with settings from `THYME_*` variables. Thread-safe.

    Raises:
        ConfigError: a variable cannot be read.
    """
    with _lock:
        if not _made:
            _made.append(ZygoteSandbox())
        return _made[0]
