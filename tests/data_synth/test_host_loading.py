"""The host reads the sets as they are: columns survive and pictures stay in order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from swift_thyme.data.synth import Kind, SetSpec, generate


@pytest.mark.host
@pytest.mark.parametrize('kind', [Kind.SFT, Kind.RL])
def test_the_host_loads_a_set_with_all_its_rows_and_columns(kind: Kind, tmp_path: Path) -> None:
    from swift.dataset import load_dataset

    generate(SetSpec(n=8, kind=kind, canvas='1k', difficulty=(0.0, 1.0), seed=2), tmp_path)
    written = [json.loads(line) for line in (tmp_path / 'rows.jsonl').read_text(encoding='utf-8').splitlines()]
    loaded, _ = load_dataset(str(tmp_path / 'rows.jsonl'), remove_unused_columns=False, load_from_cache_file=False)
    assert len(loaded) == len(written)
    for row, expected in zip(loaded, written, strict=True):
        assert [m['content'] for m in row['messages']] == [m['content'] for m in expected['messages']]
        assert [image['path'] for image in row['images']] == expected['images']
        assert row['solution'] == expected['solution'] and row['box'] == expected['box']
