"""The example data set is what its card says: every form is read, every row is kept, all give the same rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from swift_thyme.data.rows import Kind

from .conftest import rows_of, run

EXAMPLES = Path(__file__).parents[2] / 'examples' / 'dataset'
SFT = ('sft_question_response.jsonl', 'sft_messages.jsonl', 'sft_base64-00000-of-00001.parquet')


def test_every_sft_form_gives_the_same_rows(tmp_path: Path) -> None:
    ids = []
    for name in SFT:
        done, _ = run(EXAMPLES / name, tmp_path / name)
        assert (done.tally.rows_kept, done.tally.rows_rejected) == (7, 0)
        ids.append({row['id'] for row in rows_of(tmp_path / name, 'stage?/*')})
    assert ids[0] == ids[1] == ids[2]


@pytest.mark.parametrize(('name', 'rows'), [('rl_messages.jsonl', 7), ('rl_bytes.jsonl', 2)])
def test_every_rl_form_is_kept(tmp_path: Path, name: str, rows: int) -> None:
    done, _ = run(EXAMPLES / name, tmp_path / 'out', Kind.RL)
    assert (done.tally.rows_kept, done.tally.rows_rejected) == (rows, 0)


def test_nothing_foreign_is_left(tmp_path: Path) -> None:
    run(EXAMPLES / SFT[0], tmp_path / 'out')
    assert 'somebody' not in str(rows_of(tmp_path / 'out', 'stage?/*'))
