"""One prepared set for many questions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from swift_thyme.data.prepare.options import Options
from swift_thyme.data.prepare.run import Prepared, prepare
from swift_thyme.data.prepare.writer import read_rows
from swift_thyme.data.rows import Kind

from . import public


@dataclass
class PreparedSet:
    out: Path
    source: Path
    planted: list[public.Planted]
    done: Prepared
    options: Options


def run(source: Path, out: Path, kind: Kind = Kind.SFT, **settings: Any) -> tuple[Prepared, Options]:
    options = Options(kind=kind, sources=(str(source),), out=out, **{'workers': 2, **settings})
    return prepare(options), options


def rows_of(out: Path, folder: str = '**') -> list[dict[str, Any]]:
    return [row for path in sorted(out.glob(f'{folder}/part-*.parquet')) for row in read_rows(path)]


@pytest.fixture(scope='session')
def sft_set(tmp_path_factory: pytest.TempPathFactory) -> PreparedSet:
    """Three shards of the public SFT schema, the third a copy of the first."""
    root = tmp_path_factory.mktemp('sft set')
    planted = [public.sft_shard(0), public.sft_shard(1), public.sft_shard(0)]
    for i, shard in enumerate(planted):
        public.write_parquet(root / 'source' / 'data' / f'train-{i:05d}-of-00218.parquet', shard.rows, large=i > 0)
    done, options = run(root / 'source', root / 'out')
    return PreparedSet(root / 'out', root / 'source', planted, done, options)


@pytest.fixture(scope='session')
def rl_set(tmp_path_factory: pytest.TempPathFactory) -> PreparedSet:
    """One shard of the public RL schema."""
    root = tmp_path_factory.mktemp('rl set')
    planted = public.rl_shard(7)
    public.write_parquet(root / 'source' / 'train-00000-of-00098.parquet', planted.rows)
    done, options = run(root / 'source', root / 'out', Kind.RL)
    return PreparedSet(root / 'out', root / 'source', [planted], done, options)
