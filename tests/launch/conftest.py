"""What the tests of the launcher share: small folders and a way to assemble a job without the process's variables."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from swift_thyme.launch.host import Method
from swift_thyme.launch.job import Job, assemble


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder that looks like a Qwen2.5-VL checkpoint."""
    folder = tmp_path / 'model'
    folder.mkdir()
    (folder / 'config.json').write_text('{"model_type": "qwen2_5_vl"}')
    return folder


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Two rows, one with a picture."""
    path = tmp_path / 'rows.jsonl'
    path.write_text(json.dumps({'messages': [], 'images': ['a.png']}) + '\n' + json.dumps({'messages': []}) + '\n')
    return path


@pytest.fixture
def job(model: Path, rows: Path, tmp_path: Path) -> Callable[..., Job]:
    """Assembles a training of `model` on `rows` with more flags."""

    def make(*words: str, method: Method = Method.SFT, env: Mapping[str, str] | None = None) -> Job:
        given: Sequence[str] = ['--model', str(model), '--dataset', str(rows), '--output_dir', str(tmp_path / 'out')]
        return assemble(method, [*given, *words], env or {})

    return make
