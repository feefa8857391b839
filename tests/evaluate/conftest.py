"""A small procedural set with known truth, made once a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from swift_thyme.data.synth import SetSpec, generate


@pytest.fixture(scope='session')
def synth_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve multiple-choice items with pictures and target boxes."""
    out = tmp_path_factory.mktemp('synth') / 'set'
    generate(SetSpec(task='find_read', n=12, canvas='1k', difficulty=(0.2, 0.4)), out)
    return out
