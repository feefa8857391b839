"""Places of returned pictures: found by what the code names and the pixels show, and not invented."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageEnhance

from swift_thyme.crops.locate import CropPlace, FoundBy, Locator, Pixels, pixels, read_pixels

from ..view.make import draw_picture

LEFT, TOP, RIGHT, BOTTOM = 300, 250, 460, 370


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    (tmp_path / 'scene').mkdir()
    return draw_picture(tmp_path / 'scene' / 'x.jpg', 7, width=1024, height=768)


def snip(scene: Path, name: str, change: object = None) -> Path:
    crop = cv2.imread(str(scene))[TOP:BOTTOM, LEFT:RIGHT]
    target = scene.parent.parent / f'{name}.png'
    cv2.imwrite(str(target), change(crop) if callable(change) else crop)
    return target


def zoom(crop: np.ndarray) -> np.ndarray:
    return cv2.resize(crop, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)


def turn(crop: np.ndarray) -> np.ndarray:
    height, width = crop.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 20, 1.0)
    return zoom(cv2.warpAffine(crop, matrix, (width, height)))


def stretch(crop: np.ndarray) -> np.ndarray:
    return cv2.convertScaleAbs(zoom(crop), alpha=1.8, beta=-40)


def locate(scene: Path, code: str, *returned: Path) -> list[CropPlace | None]:
    return Locator(read_pixels(scene)).locate(code, [read_pixels(path) for path in returned])


NAMED = 'x1, y1, x2, y2 = 300, 250, 460, 370\ncrop = image[y1:y2, x1:x2]'


@pytest.mark.parametrize('change', [None, zoom, lambda c: cv2.rotate(c, cv2.ROTATE_90_CLOCKWISE)])
def test_a_region_that_the_code_names_is_found(scene: Path, change: object) -> None:
    (place,) = locate(scene, NAMED, snip(scene, 'a', change))
    assert place is not None and place.region == (LEFT, TOP, RIGHT, BOTTOM) and place.by is FoundBy.CODE


@pytest.mark.parametrize('change', [turn, stretch])
def test_a_turned_or_stretched_picture_is_found_in_the_named_region(scene: Path, change: object) -> None:
    (place,) = locate(scene, NAMED, snip(scene, 'changed', change))
    assert (
        place is not None
        and place.region == (LEFT, TOP, RIGHT, BOTTOM)
        and place.by in (FoundBy.CODE, FoundBy.FEATURES_NEAR)
    )


def test_a_picture_whose_code_names_nothing_is_found_by_its_features(scene: Path) -> None:
    (place,) = locate(scene, 'crop = cut(image, where(image))', snip(scene, 'b', zoom))
    assert place is not None and place.by in (FoundBy.MATCH, FoundBy.FEATURES)
    assert np.abs(np.subtract(place.region, (LEFT, TOP, RIGHT, BOTTOM))).max() < 8


def test_a_crop_of_a_returned_picture_is_found_on_the_question_picture(scene: Path) -> None:
    locator = Locator(read_pixels(scene))
    locator.locate(NAMED, [read_pixels(snip(scene, 'first', zoom))])
    closer = cv2.imread(str(snip(scene, 'again', zoom)))[90:270, 120:360]
    path = scene.parent.parent / 'closer.png'
    cv2.imwrite(str(path), closer)
    (place,) = locator.locate('closer = first.crop((120, 90, 360, 270))', [read_pixels(path)])
    assert place is not None and place.region == pytest.approx((340, 280, 420, 340))


def test_a_later_round_may_show_an_earlier_rounds_region(scene: Path) -> None:
    locator = Locator(read_pixels(scene))
    locator.locate(NAMED, [])
    (place,) = locator.locate('out = cv2.resize(crop, None, fx=3, fy=3)', [read_pixels(snip(scene, 'late', zoom))])
    assert place is not None and place.region == (LEFT, TOP, RIGHT, BOTTOM) and place.by is FoundBy.CODE


def test_a_crop_that_the_sandbox_widened_is_found_where_it_was_cut(scene: Path) -> None:
    picture = cv2.imread(str(scene))[TOP : TOP + 64, LEFT : LEFT + 64]
    path = scene.parent.parent / 'wide.png'
    cv2.imwrite(str(path), picture)
    code = f'crop = image[{TOP + 20}:{TOP + 44}, {LEFT + 12}:{LEFT + 52}]'
    (place,) = locate(scene, code, path)
    assert place is not None and place.region == (LEFT, TOP, LEFT + 64, TOP + 64)


@pytest.mark.parametrize('kind', ['grey', 'noise', 'missing'])
def test_a_picture_that_shows_something_else_has_no_place(scene: Path, kind: str) -> None:
    path = scene.parent.parent / f'{kind}.png'
    noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
    if kind != 'missing':
        cv2.imwrite(str(path), np.full((120, 160, 3), 127, np.uint8) if kind == 'grey' else noise)
    (place,) = locate(scene, NAMED, path)
    assert place is None or place.by is FoundBy.STATED


BOX = (310, 205, 470, 325)
STATES_IT = f'crop = image.crop({BOX})'


@pytest.fixture(scope='module')
def picture(tmp_path_factory: pytest.TempPathFactory) -> Image.Image:
    path = draw_picture(tmp_path_factory.mktemp('picture') / 'x.jpg', 7, width=1000, height=800)
    return Image.open(path).convert('RGB')


def on(picture: Image.Image, crop: Image.Image, code: str = '') -> CropPlace | None:
    (place,) = Locator(pixels(picture)).locate(code, [pixels(crop)])
    return place


def near(place: CropPlace, by_px: int = 6) -> bool:
    return all(abs(a - b) <= by_px for a, b in zip(place.box, BOX, strict=True))


def test_a_stated_box_is_believed_when_the_small_copies_agree(picture: Image.Image) -> None:
    place = on(picture, picture.crop(BOX).resize((640, 480)), f'{STATES_IT}\nother = crop.crop((0, 0, 160, 120))')
    assert place is not None and (place.box, place.by) == (BOX, FoundBy.CODE)


def test_contrast_gray_and_inversion_do_not_hide_the_place(picture: Image.Image) -> None:
    gray = picture.crop(BOX).convert('L')
    for crop in (ImageEnhance.Contrast(gray).enhance(1.6), gray.point(lambda level: 255 - level)):
        place = on(picture, crop, STATES_IT)
        assert place is not None and place.box == BOX and place.by in (FoundBy.CODE, FoundBy.FEATURES_NEAR)


@pytest.mark.parametrize('zoom', [1, 2, 3, 4])
def test_a_crop_is_found_without_its_box(picture: Image.Image, zoom: int) -> None:
    place = on(picture, picture.crop(BOX).resize((160 * zoom, 120 * zoom), Image.Resampling.BICUBIC))
    assert place is not None and place.by in (FoundBy.MATCH, FoundBy.FEATURES) and near(place)


def test_a_wrong_box_in_the_code_does_not_win_over_the_picture(picture: Image.Image) -> None:
    place = on(picture, picture.crop(BOX), 'crop = image.crop((600, 500, 760, 620))')
    assert place is not None and place.by is FoundBy.MATCH and near(place)


def test_the_whole_picture_is_told_from_a_crop(picture: Image.Image) -> None:
    place = on(picture, picture.resize((500, 400)))
    assert place is not None and place.by is FoundBy.WHOLE


def test_a_picture_from_elsewhere_has_no_place(picture: Image.Image, tmp_path: Path) -> None:
    other = Image.open(draw_picture(tmp_path / 'y.jpg', 8, width=400, height=300)).convert('RGB')
    assert on(picture, other) is None


def test_a_plain_picture_has_the_place_that_the_code_states_and_none_without(picture: Image.Image) -> None:
    plain = Image.new('RGB', (160, 120), 'white')
    stated = on(picture, plain, STATES_IT)
    assert on(picture, plain) is None and stated is not None and (stated.box, stated.by) == (BOX, FoundBy.STATED)


@pytest.mark.parametrize('turn', [90, 17])
def test_small_and_large_copies_agree_on_turned_crops(picture: Image.Image, turn: int) -> None:
    crop = picture.crop(BOX).resize((480, 360)).rotate(turn, expand=True)
    large = Pixels(np.asarray(picture.convert('L')), *picture.size)
    (fine,) = Locator(large).locate(STATES_IT, [pixels(crop)])
    coarse = on(picture, crop, STATES_IT)
    assert fine is not None and fine.box == BOX and (coarse is None or coarse.box == BOX)
