"""What certification says of a row is what the real sandbox did with its code."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageEnhance

from swift_thyme.data.certify import certify_row
from swift_thyme.data.likeness import MAX_DISTANCE, distance
from swift_thyme.data.prepare.options import ALL, Options
from swift_thyme.data.prepare.run import prepare
from swift_thyme.data.rows import Kind, Verdict
from swift_thyme.errors import ConfigError, SandboxError, SandboxUnavailable
from swift_thyme.sandbox import ZygoteSandbox
from swift_thyme.types import Outcome

from . import public
from .conftest import rows_of

SIZE = (256, 192)
BOX = (32, 24, 160, 120)
CROP = (
    'import cv2\nimage = cv2.imread("{path}")\ncrop = image[24:120, 32:160]\n'
    'cv2.imwrite("crop.png", crop)\nprint("crop.png")'
)


@pytest.fixture(scope='module')
def sandbox() -> Iterator[ZygoteSandbox]:
    backend = ZygoteSandbox()
    yield backend
    backend.close()


def block(code: str, output: str = '<image>') -> str:
    return f'<code>\n```python\n{code}\n```\n</code><sandbox_output>{output}</sandbox_output>'


def crop_of(data: bytes, box: tuple[int, int, int, int] = BOX, quality: int = 80) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(data)).crop(box).save(out, 'JPEG', quality=quality)
    return out.getvalue()


def source_row(number: int, code: str, crop: bytes | None, output: str = '<image>') -> dict[str, Any]:
    name = f'photo_{number}.jpg'
    data = public.picture(number, size=SIZE)
    turn = f'<think>Look. {block(code.format(path="/data/" + name), output)} So.</think><answer>A</answer>'
    pictures = [public.encode(data)] + ([public.encode(crop)] if crop else [])
    return {'image': pictures, 'question': public.question(name, size=SIZE), 'response': turn}


def source_rows() -> dict[str, tuple[dict[str, Any], Verdict]]:
    """One row per verdict, by name."""
    originals = {number: public.picture(number, size=SIZE) for number in range(9)}
    other = crop_of(originals[1], (100, 80, 228, 176))
    unclamped = CROP.replace('24:120, 32:160', '24:120, 32:1600')
    return {
        'as written': (source_row(0, CROP, crop_of(originals[0])), Verdict.AS_WRITTEN),
        'other picture': (source_row(1, CROP, other), Verdict.DIFFERENT),
        'no picture': (source_row(2, 'print("none")', crop_of(originals[2])), Verdict.DIFFERENT),
        'raises': (source_row(3, 'print(undefined)', crop_of(originals[3])), Verdict.FAILED),
        'syntax': (source_row(4, 'print((1', crop_of(originals[4])), Verdict.FAILED),
        'text as written': (source_row(5, 'print(6 * 7)', None, ' 42\n'), Verdict.AS_WRITTEN),
        'other text': (source_row(6, 'print(6 * 7)', None, '43'), Verdict.OTHER_TEXT),
        'repaired': (
            source_row(7, 'import cv3\n' + CROP.replace('cv2.', 'cv3.'), crop_of(originals[7])),
            Verdict.REPAIRED,
        ),
        'clamped by numpy': (source_row(8, unclamped, crop_of(originals[8], (32, 24, 256, 120))), Verdict.AS_WRITTEN),
    }


@pytest.fixture(scope='module')
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A set with one row per verdict, certified by the command's own path, nothing dropped."""
    root = tmp_path_factory.mktemp('certify')
    rows = [row for row, _ in source_rows().values()]
    public.write_parquet(root / 'in' / 'a.parquet', rows[:5])
    public.write_parquet(root / 'in' / 'b.parquet', [*rows[5:], public.sft_shard(0, good=1).rows[0]])
    return root / 'in', root / 'out'


def options(folders: tuple[Path, Path], **more: Any) -> Options:
    return Options(kind=Kind.SFT, sources=(str(folders[0]),), out=folders[1], **{'certify_rows': ALL, **more})


def verdicts(out: Path) -> dict[str, str]:
    lines = [line for path in sorted(out.glob('certified/*.jsonl')) for line in path.read_text().splitlines()]
    return {entry['source']: entry['verdict'] for entry in map(json.loads, lines)}


def test_every_verdict_is_told(certified: tuple[Path, Path]) -> None:
    done = prepare(options(certified))
    expected = [verdict.value for _, verdict in source_rows().values()]
    told = verdicts(certified[1])
    assert [told[f'a.parquet#{i}'] for i in range(5)] + [told[f'b.parquet#{i}'] for i in range(4)] == expected
    assert done.tally.verdicts.total() == len(told)
    assert done.tally.failures["code_error: NameError: name 'undefined' is not defined"] == 1
    assert 'Does the code run?' in (certified[1] / 'report.html').read_text()
    assert json.loads((certified[1] / 'report.json').read_text())['verdicts']['failed'] == 2


def test_a_certified_set_is_not_run_again(certified: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from swift_thyme.data.prepare import certification

    prepare(options(certified))

    async def never(*_: Any) -> Any:
        raise AssertionError('ran again')

    monkeypatch.setattr(certification, 'certify_row', never)
    done = prepare(options(certified))
    assert done.tally.verdicts[Verdict.FAILED.value] == 2


def test_a_later_run_without_certification_still_tells_what_was_found(certified: tuple[Path, Path]) -> None:
    prepare(options(certified))
    done = prepare(options(certified, certify_rows=0))
    assert done.tally.verdicts[Verdict.FAILED.value] == 2
    assert 'Does the code run?' in (certified[1] / 'report.html').read_text()


def test_a_killed_certification_goes_on_behind_its_last_row(certified: tuple[Path, Path], tmp_path: Path) -> None:
    from swift_thyme.data.prepare import certification

    folders = (certified[0], tmp_path / 'out')
    prepare(options(folders, certify_rows=0))
    ran: list[str] = []
    real = certification.certify_row

    async def stop_after_three(row: Any, sandbox: Any) -> Any:
        if len(ran) == 3:
            raise KeyboardInterrupt
        ran.append(row['id'])
        return await real(row, sandbox)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certification, 'certify_row', stop_after_three)
        with pytest.raises(KeyboardInterrupt):
            prepare(options(folders, workers=1))
    notes = next((tmp_path / 'out' / '.thyme' / 'certified').glob('*.jsonl'))
    known = [json.loads(line)['id'] for line in notes.read_text().splitlines()]
    assert known
    with notes.open('a') as file:
        file.write('{"id": "half a li')
    again: list[str] = []

    async def remember(row: Any, sandbox: Any) -> Any:
        again.append(row['id'])
        return await real(row, sandbox)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certification, 'certify_row', remember)
        prepare(options(folders))
    assert not set(known) & set(again)
    prepare(options(certified))
    assert verdicts(tmp_path / 'out') == verdicts(certified[1])


def test_dropped_rows_move_to_the_rejected_file_once(certified: tuple[Path, Path], tmp_path: Path) -> None:
    folders = (certified[0], tmp_path / 'out')
    before = prepare(options(folders, certify_rows=0)).tally
    for _ in range(2):
        done = prepare(options(folders, drop=frozenset({Verdict.FAILED})))
        assert done.tally.rejected['certify_failed'] == 2
    done = prepare(options(folders, drop=frozenset({Verdict.FAILED, Verdict.DIFFERENT})))
    assert done.tally.rejected['certify_different'] >= 2
    assert done.tally.rows_kept + done.tally.rows_rejected == done.tally.rows == before.rows
    lines = [json.loads(line) for path in folders[1].glob('rejected/*') for line in path.read_text().splitlines()]
    assert len(lines) == done.tally.rows_rejected
    assert len(rows_of(folders[1], 'stage?/*')) == done.tally.rows_kept
    assert done.tally.histograms['rounds'].total() == done.tally.rows_kept
    assert prepare(options(folders)).tally.rows_kept == before.rows_kept, 'what is not dropped any more comes back'


def test_a_failure_of_the_sandbox_is_no_verdict_and_is_tried_again(
    certified: tuple[Path, Path], tmp_path: Path
) -> None:
    from swift_thyme.data.prepare import certification

    async def dead(*_: Any) -> Any:
        raise SandboxError('gone')

    folders = (certified[0], tmp_path / 'out')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certification, 'certify_row', dead)
        done = prepare(options(folders))
    assert done.tally.verdicts.total() == 0
    assert done.tally.sandbox_failures > 8
    done = prepare(options(folders))
    assert (done.tally.verdicts.total(), done.tally.sandbox_failures) == (len(verdicts(folders[1])), 0)


def test_rl_sets_and_drops_without_verdicts_are_refused(tmp_path: Path) -> None:
    public.write_parquet(tmp_path / 'in.parquet', public.rl_shard(0).rows)
    with pytest.raises(ConfigError, match='RL set'):
        prepare(Options(Kind.RL, (str(tmp_path / 'in.parquet'),), tmp_path / 'out', certify_rows=ALL))
    with pytest.raises(ConfigError, match='--certify'):
        Options(Kind.SFT, (), tmp_path, drop=frozenset({Verdict.FAILED}))


def test_rounds_share_state_and_stop_at_the_first_failure(sandbox: ZygoteSandbox) -> None:
    def report(*codes: str) -> Any:
        response = ''.join(block(code, '1') for code in codes) + '<answer>A</answer>'
        messages = [{'role': 'user', 'content': 'x'}, {'role': 'assistant', 'content': response}]
        return asyncio.run(certify_row({'messages': messages, 'images': []}, sandbox))

    assert report('a = 1', 'print(a)').blocks[1].outcome is Outcome.OK
    failed = report('print(b)', 'print(1)')
    assert (failed.verdict, len(failed.blocks)) == (Verdict.FAILED, 1)


def test_the_same_picture_saved_twice_is_alike_and_another_is_not(tmp_path: Path) -> None:
    image = Image.open(io.BytesIO(public.picture(1, 'PNG', size=SIZE)))
    image.save(tmp_path / 'a.png')
    image.save(tmp_path / 'low.jpg', quality=40)
    image.resize((128, 96)).save(tmp_path / 'small.png')
    ImageEnhance.Brightness(image).enhance(0.8).save(tmp_path / 'dark.png')
    image.rotate(90, expand=True).save(tmp_path / 'turned.png')
    Image.open(io.BytesIO(public.picture(2, 'PNG', size=SIZE))).save(tmp_path / 'other.png')
    Image.new('RGB', SIZE, (90, 90, 90)).save(tmp_path / 'flat.png')
    Image.new('RGB', SIZE, (92, 92, 92)).save(tmp_path / 'flat2.png')
    near = {name: distance(tmp_path / 'a.png', tmp_path / name) for name in ('low.jpg', 'small.png', 'dark.png')}
    assert max(near.values()) <= MAX_DISTANCE, near
    far = {name: distance(tmp_path / 'a.png', tmp_path / name) for name in ('turned.png', 'other.png', 'flat.png')}
    assert min(far.values()) > MAX_DISTANCE, far
    assert distance(tmp_path / 'flat.png', tmp_path / 'flat2.png') == 0


@pytest.mark.parametrize(
    ('stored', 'verdict'),
    [
        ("NameError: name 'nothing' is not defined (line 1)", Verdict.AS_WRITTEN),
        ("NameError: name 'nothing' is not defined", Verdict.AS_WRITTEN),
        ("seen\nNameError: name 'nothing' is not defined", Verdict.AS_WRITTEN),
        ("Error: NameError: name 'nothing' is not defined", Verdict.AS_WRITTEN),
        (
            'Traceback (most recent call last):\n  File "x"\nNameError: name \'nothing\' is not defined',
            Verdict.AS_WRITTEN,
        ),
        ("NameError: name 'other' is not defined", Verdict.OTHER_TEXT),
        ('KeyError: 3', Verdict.FAILED),
        ('42', Verdict.FAILED),
        ('', Verdict.FAILED),
        ('I saw a NameError before', Verdict.FAILED),
    ],
)
def test_an_error_that_the_row_stores_is_expected_and_its_correction_runs(
    sandbox: ZygoteSandbox, stored: str, verdict: Verdict
) -> None:
    def report(correction: str) -> Any:
        response = block('nothing', stored) + block(correction, '1') + '<answer>A</answer>'
        messages = [{'role': 'user', 'content': 'x'}, {'role': 'assistant', 'content': response}]
        return asyncio.run(certify_row({'messages': messages, 'images': []}, sandbox))

    assert report('print(1)').verdict is verdict
    if verdict is not Verdict.FAILED:
        assert len(report('print(1)').blocks) == 2
        assert report('print(2)').verdict is Verdict.OTHER_TEXT
        assert report('nothing').verdict is Verdict.FAILED


def test_dropping_failed_rows_keeps_corrections(tmp_path: Path) -> None:
    stored = "NameError: name 'nothing' is not defined (line 1)"
    rows = [
        {'question': 'a?', 'response': block('nothing', stored) + block('print(1)', '1') + '<answer>A</answer>'},
        {'question': 'b?', 'response': block('nothing', '1') + '<answer>A</answer>'},
    ]
    public.write_jsonl(tmp_path / 'a.jsonl', rows)
    done = prepare(options((tmp_path / 'a.jsonl', tmp_path / 'out'), drop=frozenset({Verdict.FAILED})))
    assert (done.tally.rows_kept, done.tally.rejected) == (1, {'certify_failed': 1})
    assert done.tally.blocks == {'as_written': 2, 'failed': 1}


@pytest.mark.parametrize(
    ('stored', 'failed'),
    [('42', True), ('cv2.error: OpenCV(4.9) (-215) !_src.empty()', False), ('KeyError: 1', True)],
)
def test_an_error_of_a_library_is_told_from_text(sandbox: ZygoteSandbox, stored: str, failed: bool) -> None:
    code = 'import cv2, numpy\ncv2.cvtColor(numpy.zeros((0, 0, 3), "uint8"), cv2.COLOR_BGR2GRAY)'
    response = block(code, stored) + '<answer>A</answer>'
    messages = [{'role': 'user', 'content': 'x'}, {'role': 'assistant', 'content': response}]
    report = asyncio.run(certify_row({'messages': messages, 'images': []}, sandbox))
    assert (report.verdict is Verdict.FAILED) == failed


def test_a_sample_is_the_same_in_every_run_and_spread_over_the_shards(
    certified: tuple[Path, Path], tmp_path: Path
) -> None:
    folders = (certified[0], tmp_path / 'out')
    done = prepare(options(folders, certify_rows=4))
    told = verdicts(folders[1])
    assert {source[0] for source in told} == {'a', 'b'}
    assert done.tally.verdicts.total() == len(told) == 4
    prepare(options((certified[0], tmp_path / 'again'), certify_rows=4))
    assert verdicts(tmp_path / 'again') == told
    with pytest.raises(ConfigError, match='every row'):
        options(folders, certify_rows=4, drop=frozenset({Verdict.FAILED}))
    assert prepare(options(folders)).tally.verdicts.total() > 4


def test_a_machine_without_a_sandbox_prepares_and_says_that_no_code_was_run(
    certified: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from swift_thyme.data.prepare import certification

    async def missing(*_: Any) -> Any:
        raise SandboxUnavailable('no room for processes')

    monkeypatch.setattr(certification, 'certify_row', missing)
    done = prepare(options((certified[0], tmp_path / 'out'), certify_rows=4))
    assert (done.tally.verdicts, done.not_certified) == ({}, 'no room for processes')
    with pytest.raises(SandboxUnavailable):
        prepare(options((certified[0], tmp_path / 'all')))
