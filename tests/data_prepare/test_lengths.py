"""Tokens of a row are those that the host makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift_thyme.data.lengths import LengthBudget, LengthChecker
from swift_thyme.data.paths import resolve
from swift_thyme.data.rows import Reason, RowRejected
from swift_thyme.errors import ConfigError
from swift_thyme.qwen import resized

from . import public
from .conftest import PreparedSet, rows_of, run

MAX_PIXELS = 50176
"""As the tests' own MAX_PIXELS."""


def test_the_count_is_what_the_template_makes_of_a_row(sft_set: PreparedSet, tiny: Path, o3_template: Any) -> None:
    from PIL import Image

    checker, template = LengthChecker(LengthBudget(str(tiny), max_pixels=MAX_PIXELS)), o3_template()
    rows = rows_of(sft_set.out, 'stage?/*')
    assert len(rows) > 40
    for row in (resolve(row, sft_set.out) for row in rows[::4]):
        sizes = [Image.open(path).size for path in row['images']]
        encoded = template.encode({'messages': row['messages'], 'images': row['images']})
        assert checker.count(row['messages'], sizes) == len(encoded['input_ids'])


@given(st.integers(28, 4000), st.integers(28, 4000), st.sampled_from([50176, 1003520, 3211264]))
def test_pictures_are_resized_as_the_model_family_does(width: int, height: int, max_pixels: int) -> None:
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

    if max(width, height) / min(width, height) <= 200:
        expected = smart_resize(height, width, 28, min_pixels=3136, max_pixels=max_pixels)
        assert resized(height, width, 28, 3136, max_pixels) == expected


def test_over_long_rows_are_rejected_and_the_others_kept(tmp_path: Path, tiny: Path) -> None:
    long = public.computation().replace('Compute.', 'Compute. ' + 'word ' * 300)
    rows = [
        {'image': [], 'question': 'What is 6*7?', 'response': public.computation()},
        {'image': [], 'question': 'What is 6*7, in words?', 'response': long},
        {
            'image': [public.encode(public.picture(1, size=(800, 800)))],
            'question': public.question('x_1.jpg'),
            'response': public.computation(),
        },
    ]
    public.write_parquet(tmp_path / 'in.parquet', rows)
    done, _ = run(tmp_path / 'in.parquet', tmp_path / 'out', lengths=LengthBudget(str(tiny), 500, 3_211_264))
    assert done.tally.rejected == {Reason.OVER_LONG.value: 2}
    done, _ = run(tmp_path / 'in.parquet', tmp_path / 'roomy', lengths=LengthBudget(str(tiny), 1200, MAX_PIXELS))
    assert done.tally.rejected == {}


def test_the_limit_itself_is_allowed(tiny: Path) -> None:
    messages = [{'role': 'user', 'content': 'word ' * 50}]
    exact = LengthChecker(LengthBudget(str(tiny))).count(messages, [])
    LengthChecker(LengthBudget(str(tiny), exact)).check(messages, [])
    with pytest.raises(RowRejected) as refused:
        LengthChecker(LengthBudget(str(tiny), exact - 1)).check(messages, [])
    assert refused.value.reason is Reason.OVER_LONG


def test_a_folder_without_a_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'tokenizer\.json'):
        LengthChecker(LengthBudget(str(tmp_path)))


@pytest.mark.parametrize('budget', [{'max_length_tokens': 0}, {'max_pixels': 10}])
def test_a_budget_that_cannot_work_is_refused(budget: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match='length budget'):
        LengthBudget('model', **budget)
