"""Which policy answers, as reports and a server state it: model, all bytes of its weights, settings."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..config import SamplingSettings, SandboxSettings
from ..env import read_env
from .thinker import InferSettings

_WEIGHTS = ('*.safetensors', '*.bin', 'config.json', 'adapter_config.json')
_READ_BYTES = 1 << 24
_CACHED_FROM_BYTES = 1 << 24
_CACHE = '~/.cache/swift-thyme/sha256'


def describe_policy(
    model: str, settings: InferSettings, *, folders: Sequence[str | Path] = (), **more: Any
) -> dict[str, Any]:
    """What a report says of a policy.

    Args:
        model: folder, hub id or address.
        settings: of its thinker.
        folders: of its weights, and of the adapter on top of them; by default `model`, where it is a folder. Without
            any on this machine nothing is said of weights.
        more: backend, template and the like; plain values.
    """
    environment = {  # what variables decide of an answer: picture size, sampling of code, sandbox limits and repairs
        'MIN_PIXELS': read_env('MIN_PIXELS', int, 0) or None,
        'MAX_PIXELS': read_env('MAX_PIXELS', int, 0) or None,
        'code_sampling': asdict(SamplingSettings.from_env()),
        'sandbox': {name: value for name, value in asdict(SandboxSettings.from_env()).items() if name != 'base_dir'},
    }
    shown = {'model': model, **more, 'settings': asdict(settings), 'environment': environment}
    names = zip(('weights_sha256', 'adapters_sha256'), folders or (model, str(more.get('adapters', ''))), strict=False)
    return shown | {key: fingerprint(Path(name)) for key, name in names if str(name) and Path(name).is_dir()}


def fingerprint(folder: Path) -> str:
    """SHA-256 over the names and the bytes of a checkpoint's files."""
    digest = hashlib.sha256()
    for path in sorted({p for pattern in _WEIGHTS for p in folder.glob(pattern)}):
        digest.update(f'{path.name} {file_sha256(path)}\n'.encode())
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes. That of a large one is kept under its place, size and times, and read once."""
    state = path.stat()
    if state.st_size < _CACHED_FROM_BYTES:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    facts = (path.resolve(), state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)
    kept = Path(_CACHE).expanduser() / hashlib.sha256(repr(facts).encode()).hexdigest()
    with suppress(OSError):
        return kept.read_text(encoding='ascii')
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while piece := file.read(_READ_BYTES):
            digest.update(piece)
    with suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(f'.{os.getpid()}.part')
        partial.write_text(digest.hexdigest(), encoding='ascii')
        partial.replace(kept)
    return digest.hexdigest()
