"""Places of returned pictures: found by what the code names and the pixels show, and not invented."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from swift_thyme.audit.locate import FoundBy, Locator
from swift_thyme.audit.reading import CodeReader
from swift_thyme.evaluate.sources import load

LEFT, TOP, RIGHT, BOTTOM = 300, 250, 460, 370


@pytest.fixture
def scene(synth_set: Path, tmp_path: Path) -> Path:
    return load(synth_set, tmp_path)[0].images[0].path


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


NAMED = 'x1, y1, x2, y2 = 300, 250, 460, 370\ncrop = image[y1:y2, x1:x2]'


@pytest.mark.parametrize('change', [None, zoom, lambda c: cv2.rotate(c, cv2.ROTATE_90_CLOCKWISE)])
def test_a_region_that_the_code_names_is_found(scene: Path, change: object) -> None:
    (place,) = Locator(scene).locate(NAMED, [snip(scene, 'a', change)])
    assert place is not None and place.region == (LEFT, TOP, RIGHT, BOTTOM) and place.by is FoundBy.CODE


@pytest.mark.parametrize('change', [turn, stretch])
def test_a_turned_or_stretched_picture_is_found_by_features_of_the_named_region(scene: Path, change: object) -> None:
    (place,) = Locator(scene).locate(NAMED, [snip(scene, 'changed', change)])
    assert place is not None and place.region == (LEFT, TOP, RIGHT, BOTTOM) and place.by is FoundBy.FEATURES_NEAR


def test_a_picture_whose_code_names_nothing_is_found_by_its_features(scene: Path) -> None:
    (place,) = Locator(scene).locate('crop = cut(image, where(image))', [snip(scene, 'b', zoom)])
    assert place is not None and place.by is FoundBy.FEATURES
    assert np.abs(np.subtract(place.region, (LEFT, TOP, RIGHT, BOTTOM))).max() < 8


def test_a_crop_of_a_returned_picture_is_found_on_the_question_picture(scene: Path) -> None:
    locator = Locator(scene)
    locator.locate(NAMED, [snip(scene, 'first', zoom)])
    closer = cv2.imread(str(snip(scene, 'again', zoom)))[90:270, 120:360]
    path = scene.parent.parent / 'closer.png'
    cv2.imwrite(str(path), closer)
    (place,) = locator.locate('closer = first.crop((120, 90, 360, 270))', [path])
    assert place is not None and place.region == pytest.approx((340, 280, 420, 340))


def test_a_later_round_may_show_an_earlier_rounds_region(scene: Path) -> None:
    locator = Locator(scene)
    locator.locate(NAMED, [])
    (place,) = locator.locate('out = cv2.resize(crop, None, fx=3, fy=3)', [snip(scene, 'late', zoom)])
    assert place is not None and place.region == (LEFT, TOP, RIGHT, BOTTOM) and place.by is FoundBy.CODE


def test_a_crop_that_the_sandbox_widened_is_found_where_it_was_cut(scene: Path) -> None:
    picture = cv2.imread(str(scene))[TOP : TOP + 64, LEFT : LEFT + 64]
    path = scene.parent.parent / 'wide.png'
    cv2.imwrite(str(path), picture)
    code = f'crop = image[{TOP + 20}:{TOP + 44}, {LEFT + 12}:{LEFT + 52}]'
    (place,) = Locator(scene).locate(code, [path])
    assert place is not None and place.region == (LEFT, TOP, LEFT + 64, TOP + 64)


@pytest.mark.parametrize('kind', ['grey', 'noise', 'missing'])
def test_a_picture_that_shows_something_else_has_no_place(scene: Path, kind: str) -> None:
    path = scene.parent.parent / f'{kind}.png'
    noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
    if kind != 'missing':
        cv2.imwrite(str(path), np.full((120, 160, 3), 127, np.uint8) if kind == 'grey' else noise)
    assert Locator(scene).locate(NAMED, [path]) == [None]


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
    assert CodeReader(1000, 500).regions(code) == [(10, 20, 110, 80)]


@pytest.mark.parametrize(
    'code', ['def (', 'image[a:b, c:d]', 'x.crop()', 'image[1 // 0:3, 4:5]', 'a = (1,)[3]', '(' * 300]
)
def test_what_cannot_be_read_names_no_region(code: str) -> None:
    assert CodeReader(1000, 500).regions(code) == []


def test_variables_persist_over_rounds() -> None:
    reader = CodeReader(1000, 500)
    assert reader.regions('x, y = 10, 20') == []
    assert reader.regions('image[y:y + 60, x:x + 100]') == [(10, 20, 110, 80)]
