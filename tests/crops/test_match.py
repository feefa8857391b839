"""Where crops come from: boxes read from code, checked against pictures, and crops found in pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageEnhance

from swift_thyme.crops.match import How, locate, pixels

from ..view.make import draw_picture

BOX = (310, 205, 470, 325)


@pytest.fixture(scope='module')
def picture(tmp_path_factory: pytest.TempPathFactory) -> Image.Image:
    path = draw_picture(tmp_path_factory.mktemp('picture') / 'x.jpg', 7, width=1000, height=800)
    return Image.open(path).convert('RGB')


def near(box: tuple[int, ...], by_px: int = 6) -> bool:
    return all(abs(a - b) <= by_px for a, b in zip(box, BOX, strict=True))


def test_a_stated_box_is_believed_when_the_picture_agrees(picture: Image.Image) -> None:
    crop = picture.crop(BOX).resize((640, 480))
    place = locate(pixels(picture), pixels(crop), [(0, 0, 160, 120), BOX])
    assert place is not None
    assert (place.box, place.how) == (BOX, How.CODE)


def test_contrast_and_gray_do_not_hide_the_place(picture: Image.Image) -> None:
    crop = ImageEnhance.Contrast(picture.crop(BOX).convert('L')).enhance(2.5)
    place = locate(pixels(picture), pixels(crop), [BOX])
    assert place is not None
    assert place.how is How.CODE


@pytest.mark.parametrize('zoom', [1, 2, 3, 4])
def test_a_crop_is_found_without_its_box(picture: Image.Image, zoom: int) -> None:
    crop = picture.crop(BOX).resize((160 * zoom, 120 * zoom), Image.Resampling.BICUBIC)
    place = locate(pixels(picture), pixels(crop), [])
    assert place is not None
    assert place.how is How.MATCH
    assert near(place.box)


def test_a_wrong_box_in_the_code_does_not_win_over_the_picture(picture: Image.Image) -> None:
    place = locate(pixels(picture), pixels(picture.crop(BOX)), [(600, 500, 760, 620)])
    assert place is not None
    assert place.how is How.MATCH
    assert near(place.box)


def test_the_whole_picture_is_told_from_a_crop(picture: Image.Image) -> None:
    place = locate(pixels(picture), pixels(picture.resize((500, 400))), [])
    assert place is not None
    assert place.how is How.WHOLE


def test_a_picture_from_elsewhere_has_no_place(picture: Image.Image, tmp_path: Path) -> None:
    other = Image.open(draw_picture(tmp_path / 'y.jpg', 8, width=400, height=300)).convert('RGB')
    assert locate(pixels(picture), pixels(other), []) is None


def test_a_plain_picture_has_no_place(picture: Image.Image) -> None:
    assert locate(pixels(picture), pixels(Image.new('RGB', (160, 120), 'white')), []) is None
