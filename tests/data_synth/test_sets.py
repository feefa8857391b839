"""Whole sets on disk: same bytes for the same order, complete rows, files that other programs read."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from swift_thyme import cli
from swift_thyme.data.synth import Form, Kind, SetSpec, Split, generate, relocate
from swift_thyme.data.synth.difficulty import Legibility
from swift_thyme.data.synth.exports import NAME
from swift_thyme.data.synth.generate import _Tally
from swift_thyme.data.synth.readable import readable_shares
from swift_thyme.data.synth.seeds import split_of_text
from swift_thyme.data.synth.writers import read_canonical
from swift_thyme.errors import ConfigError, DataError

SPEC = SetSpec(n=10, kind=Kind.RL, canvas='1k', difficulty=(0.0, 1.0), seed=7)


@pytest.fixture(scope='module')
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp('set')
    generate(SPEC, out)
    return out


def rows_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding='utf-8').splitlines()]


def test_another_process_in_another_directory_makes_the_same_bytes(made: Path, tmp_path: Path) -> None:
    package_root = Path(cli.__file__).parent.parent
    program = (
        f'import sys; sys.path.insert(0, {str(package_root)!r})\n'
        'from swift_thyme.data.synth import Kind, SetSpec, generate\n'
        'spec = SetSpec(n=10, kind=Kind.RL, canvas="1k", difficulty=(0.0, 1.0), seed=7)\n'
        'print(generate(spec, "elsewhere").sha256)\n'
    )
    run = subprocess.run([sys.executable, '-c', program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == json.loads((made / 'manifest.json').read_text())['sha256']
    assert (tmp_path / 'elsewhere' / 'SHA256SUMS').read_bytes() == (made / 'SHA256SUMS').read_bytes()
    assert (tmp_path / 'elsewhere' / 'canonical.jsonl').read_bytes() == (made / 'canonical.jsonl').read_bytes()


def test_the_number_of_processes_changes_no_byte(made: Path, tmp_path: Path) -> None:
    generate(SPEC, tmp_path, workers=2)
    assert (tmp_path / 'SHA256SUMS').read_bytes() == (made / 'SHA256SUMS').read_bytes()


def test_check_sums_are_those_of_the_files(made: Path) -> None:
    for line in (made / 'SHA256SUMS').read_text().splitlines():
        digest, name = line.split('  ')
        assert hashlib.sha256((made / name).read_bytes()).hexdigest() == digest


def test_canonical_rows_name_no_place_of_this_machine(made: Path) -> None:
    assert str(made) not in (made / 'canonical.jsonl').read_text(encoding='utf-8')


def test_rl_rows_have_what_training_needs(made: Path) -> None:
    for row in rows_of(made / 'rows.jsonl'):
        system, user = row['messages']  # type: ignore[misc]
        assert system['role'] == 'system' and user['role'] == 'user'
        assert len(row['images']) == user['content'].count('<image>') == 1  # type: ignore[arg-type]
        assert Path(row['images'][0]).is_file()  # type: ignore[index]
        assert row['solution'] and row['question'] in user['content'] and row['split'] == 'train'


def test_rows_without_a_picture_are_kept_apart(tmp_path: Path) -> None:
    generate(SetSpec(task='compute', n=3, kind=Kind.RL, canvas='1k'), tmp_path)
    assert not (tmp_path / 'rows.jsonl').exists()
    for row in rows_of(tmp_path / 'rows-text.jsonl'):
        assert row['images'] == [] and '<image>' not in row['messages'][1]['content']  # type: ignore[index]


def test_equal_seeds_of_different_splits_give_different_pictures(tmp_path: Path) -> None:
    seen = set()
    for split in Split:
        generate(SetSpec(task='find_read', n=1, canvas='1k', split=split), tmp_path / split.value)
        seen.add(rows_of(tmp_path / split.value / 'canonical.jsonl')[0]['id'])
    assert len(seen) == len(Split)


def test_a_moved_set_gets_its_paths_back(tmp_path: Path) -> None:
    generate(SetSpec(task='grid', n=2, canvas='1k', form=Form.CHOICE), tmp_path / 'before')
    shutil.move(tmp_path / 'before', tmp_path / 'after')
    assert relocate(tmp_path / 'after') == 2
    assert all(Path(r['images'][0]).is_file() for r in rows_of(tmp_path / 'after' / 'rows.jsonl'))  # type: ignore[index]
    with (tmp_path / 'after' / 'vlmevalkit' / f'{NAME}_choice.tsv').open(encoding='utf-8') as file:
        assert all(Path(entry['image_path']).is_file() for entry in csv.DictReader(file, delimiter='\t'))


def test_evaluation_sets_are_exported_row_for_row(tmp_path: Path) -> None:
    report = generate(SetSpec(task='find_read', n=8, canvas='1k', form=Form.BOTH), tmp_path)
    rows = rows_of(tmp_path / 'rows.jsonl')
    choice = [r for r in rows if r['options']]
    assert (
        report.files[f'vlmevalkit/{NAME}_choice.tsv']
        == report.files['evalscope/choice/default_val.jsonl']
        == len(choice)
    )
    with (tmp_path / 'vlmevalkit' / f'{NAME}_choice.tsv').open(encoding='utf-8') as file:
        entries = list(csv.DictReader(file, delimiter='\t'))
    for row, entry in zip(choice, entries, strict=True):
        assert [entry[letter] for letter in 'ABCD'] == row['options']
        assert entry[entry['answer']] == row['answer'] and entry['question'] == row['stem']


def test_a_set_explains_itself(made: Path) -> None:
    card = (made / 'README.md').read_text(encoding='utf-8')
    assert json.loads((made / 'manifest.json').read_text())['sha256'] in card
    blind = json.loads((made / 'manifest.json').read_text())['blind']
    assert blind['choices'] == sum(bool(row['options']) for row in rows_of(made / 'canonical.jsonl'))
    assert f'{blind["right"]:.1%} of the {blind["choices"]} choices' in card and '| pointing, reading |' in card
    assert set(blind['classifiers']) == {'most often right in training', 'words'}
    assert f'"words" {blind["classifiers"]["words"]:.1%}' in card and 'Overlap with other splits: 0 rows' in card
    sheet = (made / 'contact_sheet.html').read_text(encoding='utf-8')
    assert sheet.count('<article>') == SPEC.n and 'src="data:image/jpeg;base64,' in sheet


def test_the_readable_share_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ['synth', '--task', 'table', '--n', '2', '--canvas', '1k', '--workers', '1', '--out', str(tmp_path / 'set')]
    assert cli.main(args) == 0
    printed = capsys.readouterr().out
    assert 'readable without a tool at 2408448 pixels: 100.0%' in printed and 'sha256 ' in printed


def test_bad_orders_are_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='no task'):
        SetSpec(task='unknown')
    with pytest.raises(ConfigError, match='n must be'):
        SetSpec(n=0)
    with pytest.raises(ConfigError, match='canvas must be one of'):
        SetSpec(canvas='3k')
    with pytest.raises(ConfigError, match='workers must be'):
        generate(SPEC, tmp_path, workers=0)
    with pytest.raises(DataError, match='no set in'):
        relocate(tmp_path)


def test_a_finished_set_is_recounted_under_another_budget(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(read_canonical(made))
    as_made = readable_shares(rows, Legibility())
    assert as_made['all'][1] == pytest.approx(sum(bool(r['readable_without_tool']) for r in rows) / len(rows))
    assert readable_shares(rows, Legibility(max_pixels=50176))['all'][1] < as_made['all'][1]
    assert cli.main(['synth', '--readable', '--max-pixels', '50176', '--out', str(made)]) == 0
    assert 'readable without a tool at 50176 pixels' in capsys.readouterr().out


def test_a_longer_set_begins_with_the_rows_of_a_shorter_one(made: Path, tmp_path: Path) -> None:
    generate(replace(SPEC, n=3), tmp_path)
    assert (made / 'canonical.jsonl').read_bytes().startswith((tmp_path / 'canonical.jsonl').read_bytes())


def test_a_folder_with_another_set_is_left_alone(made: Path) -> None:
    before = (made / 'canonical.jsonl').read_bytes()
    with pytest.raises(ConfigError, match='hold a set of this order'):
        generate(replace(SPEC, seed=8), made)
    assert (made / 'canonical.jsonl').read_bytes() == before


def test_sets_of_different_kinds_share_no_picture(tmp_path: Path) -> None:
    for kind in (Kind.RL, Kind.EVAL):
        generate(replace(SPEC, n=4, kind=kind, split=Split.TRAIN), tmp_path / kind.value)
    names = [{p.name for p in (tmp_path / kind / 'images').iterdir()} for kind in ('rl', 'eval')]
    assert not names[0] & names[1]


def test_an_interrupted_set_is_not_mixed_with_another_order(tmp_path: Path) -> None:
    def stop(done: int, wanted: int) -> None:
        raise KeyboardInterrupt

    spec = SetSpec(task='compute', n=3, kind=Kind.RL, canvas='1k')
    with pytest.raises(KeyboardInterrupt):
        generate(spec, tmp_path, progress=stop)
    with pytest.raises(ConfigError, match='this order'):
        generate(replace(spec, seed=8), tmp_path)
    assert generate(spec, tmp_path).files


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'rows.jsonl').write_text('mine')
    with pytest.raises(ConfigError, match='must be empty'):
        generate(SetSpec(task='compute', n=1, kind=Kind.RL, canvas='1k'), tmp_path)
    assert (tmp_path / 'rows.jsonl').read_text() == 'mine'


def test_the_card_counts_rows_that_belong_to_another_split(made: Path) -> None:
    row = rows_of(made / 'canonical.jsonl')[0]
    strangers = [{**row, 'split': Split.TEST.value}, {**row, 'images': [], 'stem': 'x', 'split': Split.TRAIN.value}]
    tally = _Tally(3, None)
    list(tally.watch(iter([row, *strangers])))
    assert tally.elsewhere == 1 + (split_of_text('x') is not Split.TRAIN)
