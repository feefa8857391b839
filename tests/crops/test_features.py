"""Places of returned pictures: found by what the code names and the pixels show, and not invented."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from swift_thyme.crops.features import FoundBy, Locator
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
