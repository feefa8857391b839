"""Which policy answers, as reports and a server state it: model, all bytes of its weights, settings."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..config import PICTURE_BUDGET, SamplingSettings, SandboxSettings
from ..env import read_env
from ..trajectories.lines import replace_file
from .thinker import InferSettings

_FILES = (
    *('*.safetensors', '*.bin', 'config.json', 'adapter_config.json', 'generation_config.json'),
    *('preprocessor_config.json', 'video_preprocessor_config.json', 'processor_config.json'),
    *('tokenizer*', '*.tiktoken', 'vocab.*', 'merges.txt', 'added_tokens.json', 'special_tokens_map.json'),
    'chat_template*',
)
"""Weights, configuration, tokenizer and chat template."""
_SHA256 = re.compile('[0-9a-f]{64}')
_WHERE = ('backend', 'base_dir')
"""Settings of the sandbox that say where code runs, which decides nothing of an answer."""
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
    names = [name for pair in PICTURE_BUDGET.values() for upper in pair for name in (upper, upper.lower())]
    environment = {  # what variables decide of an answer: picture size, sampling of code, sandbox limits and repairs
        **{name: read_env(name, int, 0) or None for name in names},
        'code_sampling': asdict(SamplingSettings.from_env()),
        'sandbox': {name: value for name, value in asdict(SandboxSettings.from_env()).items() if name not in _WHERE},
    }
    shown = {'model': model, **more, 'settings': asdict(settings), 'environment': environment}
    parts = zip(('weights_sha256', 'adapters_sha256'), folders or (model, str(more.get('adapters', ''))), strict=False)
    return shown | {key: fingerprint(Path(name)) for key, name in parts if str(name) and Path(name).is_dir()}


def fingerprint(folder: Path) -> str:
    """SHA-256 over the names and the bytes of a checkpoint's files that decide an answer."""
    digest = hashlib.sha256()
    for path in sorted({p for pattern in _FILES for p in folder.glob(pattern) if p.is_file()}):
        digest.update(f'{path.name} {file_sha256(path)}\n'.encode())
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes. That of a large one is kept under its place, size and times, and read once."""
    state = path.stat()
    if state.st_size < _CACHED_FROM_BYTES:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    facts = (path.resolve(), state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)
    kept = Path(_CACHE).expanduser() / hashlib.sha256(repr(facts).encode()).hexdigest()
    with suppress(OSError, UnicodeError):
        if _SHA256.fullmatch(known := kept.read_text(encoding='ascii')):
            return known
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while piece := file.read(_READ_BYTES):
            digest.update(piece)
    with suppress(OSError):
        replace_file(kept, [digest.hexdigest().encode()], durable=False)
    return digest.hexdigest()
