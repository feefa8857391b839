"""The report says at once what a set holds and what is wrong with it, and shows hostile text as text."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

from swift_thyme.data.rows import Fix, Reason, Split, Verdict

from . import public
from .conftest import PreparedSet, run


def page(out: Path) -> str:
    return (out / 'report.html').read_text('utf-8')


def visible(text: str) -> str:
    return html.unescape(re.sub(r'\s+', ' ', re.sub(r'<[^>]+>', ' ', text)))


def test_the_first_sentence_gives_rows_losses_and_the_main_reason(sft_set: PreparedSet) -> None:
    tally = sft_set.done.tally
    first = visible(page(sft_set.out).partition('class="verdict"')[2].partition('</p>')[0])
    assert f'{tally.rows_kept} of {tally.rows} rows can be trained on' in first
    assert str(tally.rows_rejected) in first
    assert tally.rejected.most_common(1)[0][0] in first


def test_every_count_is_on_the_page_with_its_meaning(sft_set: PreparedSet) -> None:
    text = visible(page(sft_set.out))
    for counts, texts in (
        (sft_set.done.tally.rejected, Reason),
        (sft_set.done.tally.fixes, Fix),
    ):
        for name, count in counts.items():
            assert re.search(rf'{name} {count} [\d.]+ .*{re.escape(texts(name).text[:40])}', text)


def test_there_is_a_sample_with_its_picture_for_each_split_and_a_row_for_each_reason(sft_set: PreparedSet) -> None:
    source = page(sft_set.out)
    for split in sft_set.done.tally.kept:
        assert f'<b>{split}</b>' in source
    for reason in sft_set.done.tally.rejected:
        assert f'<b class="bad">{reason}</b>' in source
    assert source.count('<img src="data:image/jpeg;base64,') > 8
    assert 'cannot be shown' not in source


def test_the_page_needs_nothing_from_outside(sft_set: PreparedSet) -> None:
    assert not re.search(r'<script|<link|src="(?!data:)|url\(', page(sft_set.out))


def test_hostile_text_is_shown_as_text(tmp_path: Path) -> None:
    attack = '<script>alert(1)</script><img src=x onerror=alert(2)>'
    rows = [{'image': [], 'question': f'{attack} 6*7?', 'response': public.computation(attack)}]
    public.write_parquet(tmp_path / 'in.parquet', rows)
    run(tmp_path / 'in.parquet', tmp_path / 'out')
    assert '<script' not in page(tmp_path / 'out')
    assert 'onerror=alert(2)&gt;' in page(tmp_path / 'out')


def test_a_set_without_faults_and_one_without_rows_say_so(tmp_path: Path) -> None:
    public.write_parquet(tmp_path / 'a.parquet', [{'image': [], 'question': '6*7?', 'response': public.computation()}])
    run(tmp_path / 'a.parquet', tmp_path / 'a')
    assert 'none was rejected' in visible(page(tmp_path / 'a'))
    public.write_parquet(tmp_path / 'b.parquet', [{'image': [], 'question': '6*7?', 'response': 'x'}])
    run(tmp_path / 'b.parquet', tmp_path / 'b')
    assert 'Nothing to train on' in visible(page(tmp_path / 'b'))


def test_the_json_report_holds_the_same_numbers(sft_set: PreparedSet) -> None:
    facts = json.loads((sft_set.out / 'report.json').read_text())
    assert facts['kept'] == dict(sft_set.done.tally.kept)
    assert facts['pictures_stored'] == len([p for p in (sft_set.out / 'images').rglob('*') if p.is_file()])
    assert sum(facts['histograms']['rounds'].values()) == sft_set.done.tally.rows_kept


def test_everything_that_is_counted_is_explained() -> None:
    assert all(one.text for names in (Split, Reason, Fix, Verdict) for one in names)
