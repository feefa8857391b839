from __future__ import annotations

import json
from pathlib import Path

import pytest

from swift_thyme.data.manifest import MANIFEST
from swift_thyme.errors import ConfigError, DataError
from swift_thyme.launch.fill import Stage
from swift_thyme.launch.host import Method
from swift_thyme.launch.rows import expand, mixed


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    stage1, stage2 = ('single_round', 'two_rounds'), ('computation_images', 'computation_text')
    for part in (*(f'stage1/{s}' for s in stage1), *(f'stage2/{s}' for s in stage2), 'rl'):
        (tmp_path / part).mkdir(parents=True)
    return tmp_path


def test_a_prepared_folder_gives_each_stage_its_own_sets(prepared: Path) -> None:
    def sets(method: Method, stage: Stage | None = None) -> list[str]:
        return [str(Path(p).relative_to(prepared)) for p in expand(method, [str(prepared)], stage)]

    assert sets(Method.SFT) == sets(Method.SFT, Stage.ONE) == ['stage1/single_round', 'stage1/two_rounds']
    assert sets(Method.SFT, Stage.TWO) == ['stage2/computation_images', 'stage2/computation_text']
    assert sets(Method.RLHF) == ['rl']


@pytest.mark.parametrize(
    ('method', 'there', 'asks'), [(Method.SFT, 'rl', 'prepare sft'), (Method.RLHF, 'stage1/x', 'prepare rl')]
)
def test_a_folder_prepared_for_another_training_is_refused(
    tmp_path: Path, method: Method, there: str, asks: str
) -> None:
    (tmp_path / there).mkdir(parents=True)
    (tmp_path / MANIFEST).write_text('{}')
    with pytest.raises(ConfigError, match=asks):
        expand(method, [str(tmp_path)], None)


def test_other_data_sets_stay_as_they_are(tmp_path: Path) -> None:
    others = ['AI-ModelScope/x#100', str(tmp_path)]
    assert expand(Method.SFT, others, Stage.TWO) == others


def test_mixed_rows_are_separated_without_loss_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / 'rows.jsonl'
    rows = [{'id': i, 'images': ['x'] * (i % 3)} for i in range(7)]
    path.write_text('\n'.join(map(json.dumps, rows)))
    (separation,) = mixed([str(path)], tmp_path / 'out')
    assert separation.write() == (4, 3)
    ids = [[json.loads(line)['id'] for line in part.read_text().splitlines()] for part in separation.parts]
    assert ids == [[1, 2, 4, 5], [0, 3, 6]]


def test_files_of_one_kind_are_not_touched(tmp_path: Path) -> None:
    path = tmp_path / 'rows.jsonl'
    path.write_text('{"images": []}\n\n{"messages": []}\n')
    assert mixed([str(path), 'hub/name', str(tmp_path)], tmp_path / 'out') == []


def test_a_line_that_is_no_object_is_named(tmp_path: Path) -> None:
    path = tmp_path / 'rows.jsonl'
    path.write_text('{"images": []}\n[1]\n')
    with pytest.raises(DataError, match='line 2'):
        mixed([str(path)], tmp_path / 'out')
