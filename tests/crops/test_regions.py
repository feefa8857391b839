"""Regions read from code: as the code states them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift_thyme.crops.regions import RegionReader

BOX = (310, 205, 470, 325)


@pytest.mark.parametrize(
    'code',
    [
        'crop = image[205:325, 310:470]',
        'img.crop((310, 205, 470, 325)).save(p)',
        'x1, y1, x2, y2 = 310, 205, 470, 325\ncrop = image[y1:y2, x1:x2]',
        'box = (310, 205, 470, 325)\nimg.crop(box)',
        'b = [310, 205, 470, 325]\ncrop = image[b[1]:b[3], b[0]:b[2]]',
        'cx, cy = 390, 265\nimg.crop((cx - 80, cy - 60, cx + 80, cy + 60))',
        'w, h = img.size\nimg.crop((int(w * 0.31), 205, w - 530, h - 475))',
        'h, w = image.shape[:2]\ncrop = image[205:min(325, h), 310:max(0, w - 530)]',
        'h = image.shape[0]\ncrop = image[205:h - 475, 310:470].copy()',
    ],
)
def test_boxes_are_read_from_the_ways_code_states_them(code: str) -> None:
    assert RegionReader(1000, 800).regions(code) == [BOX]


def test_names_of_an_earlier_snippet_are_known_in_the_next() -> None:
    reader = RegionReader(1000, 800)
    assert reader.regions('box = (310, 205, 470, 325)') == []
    assert reader.regions('img.crop(box)') == [BOX]


@pytest.mark.parametrize(
    'code',
    ['image[a:b, c:d]', 'img.crop(find())', 'x = (', 'img.crop((5, 5, 5, 9))', 'image[1e99:2, 3:4]', 'image[0:9]'],
)
def test_what_cannot_be_worked_out_gives_no_box(code: str) -> None:
    assert RegionReader(1000, 800).regions(code) == []


@given(st.text(max_size=300))
def test_reading_never_fails(code: str) -> None:
    RegionReader(100, 100).regions(code)


@pytest.mark.parametrize(
    'code',
    [
        'box = (10, 20, 110, 80)\npart = picture.crop(box)',
        'h, w = image.shape[:2]\nx = int(w * 0.01)\npart = image[20:80, x:x + 100]',
        'w, h = picture.size\npart = picture.crop((w // 100, h // 25, w // 100 + 100, min(h, 80)))',
        'x1, y1 = 10, 20\nif True:\n    part = image[y1:y1 + 60, x1:x1 + 100, :]',
        'left = 10; top = 20\nimage[max(0, top):round(80.2), left:left + 10 * 10]',
        'image[-480:80, -990:110]',
    ],
)
def test_a_region_is_read_however_it_is_written(code: str) -> None:
    assert RegionReader(1000, 500).regions(code) == [(10, 20, 110, 80)]


@pytest.mark.parametrize(
    'code',
    [
        'def (',
        'image[a:b, c:d]',
        'x.crop()',
        'image[1 // 0:3, 4:5]',
        'a = (1,)[3]',
        'a = (1,)[1e999]',
        'min()',
        '(' * 300,
    ],
)
def test_what_cannot_be_read_names_no_region(code: str) -> None:
    assert RegionReader(1000, 500).regions(code) == []


def test_variables_persist_over_rounds() -> None:
    reader = RegionReader(1000, 500)
    assert reader.regions('x, y = 10, 20') == []
    assert reader.regions('image[y:y + 60, x:x + 100]') == [(10, 20, 110, 80)]
