"""`thyme validate` finds in a set what `thyme prepare` would have refused, and what happened to it since."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from swift_thyme.cli import main
from swift_thyme.data.prepare.writer import read_rows, rewrite
from swift_thyme.data.rows import Kind, Reason
from swift_thyme.data.validate.run import validate

from . import public
from .conftest import PreparedSet


@pytest.fixture
def copy(sft_set: PreparedSet, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sft_set.out, tmp_path / 'moved'))


def test_a_prepared_set_passes_also_where_it_was_moved_to(sft_set: PreparedSet, copy: Path) -> None:
    found = validate(copy)
    assert found.rows == sft_set.done.tally.rows_kept
    assert not found.problems


def test_a_part_of_a_set_and_an_rl_set_pass(sft_set: PreparedSet, rl_set: PreparedSet) -> None:
    assert not validate(sft_set.out / 'stage1' / 'two_rounds').problems
    assert not validate(rl_set.out).problems


def test_source_rows_fail_for_the_reasons_prepare_gives(sft_set: PreparedSet) -> None:
    found = validate(sft_set.source)
    expected = sum((planted.rejected for planted in sft_set.planted[:2]), public.Planted().rejected)
    third = sft_set.planted[2]
    expected += third.rejected
    expected[Reason.DUPLICATE.value] += sum(third.kept.values())
    assert {reason.value: count for reason, count in found.problems.items()} == dict(expected)


def _victim(copy: Path) -> tuple[Path, Path, dict[str, Any]]:
    path = sorted(copy.glob('stage1/single_round/*'))[0]
    row = next(read_rows(path))
    return path, copy / row['images'][0], row


def test_a_changed_a_cut_and_a_missing_picture_are_found(copy: Path) -> None:
    for change, reason in (
        (lambda p: p.write_bytes(public.picture(12345)), Reason.CHANGED_IMAGE),
        (lambda p: p.write_bytes(p.read_bytes()[:200]), Reason.CHANGED_IMAGE),
        (lambda p: p.unlink(), Reason.UNREADABLE_IMAGE),
    ):
        change(_victim(copy)[1])
        found = validate(copy)
        assert dict(found.problems) == {reason: 1}


def test_a_row_edited_by_hand_is_checked(copy: Path) -> None:
    path, _, row = _victim(copy)
    edited = {**row, 'messages': [*row['messages'][:2], {'role': 'assistant', 'content': 'no tags $IMAGE_7'}]}
    rows = [edited if other['id'] == row['id'] else other for other in read_rows(path)]
    lines = path.with_suffix('.jsonl')
    lines.write_text(''.join(json.dumps(row) + '\n' for row in rows))
    path.unlink()
    assert validate(copy).problems == {Reason.IMAGE_COUNT: 1}


def test_a_handle_without_a_picture_is_found(copy: Path) -> None:
    path, _, row = _victim(copy)
    edited = path.with_name('edited.parquet')

    def change(other: dict[str, Any]) -> bool:
        if other['id'] == row['id']:
            other['messages'][2]['content'] += ' $IMAGE_7'
        return True

    rewrite(path, edited, Kind.SFT, change)
    edited.replace(path)
    assert validate(copy).problems == {Reason.PATH_WITHOUT_PICTURE: 1}


def test_a_part_that_is_missing_is_found_in_the_set_and_in_its_folder(copy: Path, capsys: Any) -> None:
    part = sorted(copy.glob('stage1/single_round/*'))[0]
    part.unlink()
    for path in (copy, part.parent):
        assert main(['validate', str(path)]) == 1
        assert f'{part.parent} holds' in capsys.readouterr().out
    assert not validate(copy / 'stage1' / 'two_rounds').miscounted


def test_a_row_of_a_set_that_lost_its_messages_or_names_a_foreign_picture_is_found(
    rl_set: PreparedSet, tmp_path: Path
) -> None:
    for change, reason in (
        (lambda row: row.pop('messages'), Reason.MALFORMED_ROW),
        (lambda row: row['messages'][-1].update(content=_foreign(row)), Reason.PATH_WITHOUT_PICTURE),
    ):
        copy = Path(shutil.copytree(rl_set.out, tmp_path / reason.value))
        (path,) = copy.glob('rl/*')
        rows = list(read_rows(path))
        change(next(row for row in rows if '$IMAGE_0' in row['messages'][-1]['content']))
        path.with_suffix('.jsonl').write_text(''.join(json.dumps(row) + '\n' for row in rows))
        path.unlink()
        found = validate(copy)
        assert (dict(found.problems), found.miscounted) == ({reason: 1}, [])


def _foreign(row: dict[str, Any]) -> str:
    return str(row['messages'][-1]['content']).replace('$IMAGE_0', '/somebody/elses/disk/a.jpg')


def test_the_command_lists_problems_and_says_so_by_its_exit_code(copy: Path, tmp_path: Path, capsys: Any) -> None:
    assert main(['validate', str(copy)]) == 0
    assert 'pass, 0 do not' in capsys.readouterr().out
    _victim(copy)[1].unlink()
    assert main(['validate', str(copy), '--problems', str(tmp_path / 'p.jsonl')]) == 1
    assert 'unreadable_image' in capsys.readouterr().out
    (line,) = map(json.loads, (tmp_path / 'p.jsonl').read_text().splitlines())
    assert line['reason'] == 'unreadable_image'


def test_an_unfinished_set_is_refused(copy: Path, capsys: Any) -> None:
    manifest = copy / 'prepared.json'
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), 'complete': False}))
    assert main(['validate', str(copy)]) == 2
    assert 'not finished' in capsys.readouterr().err
