"""Wrong pictures: seeded, of the right size, and never of the target."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from PIL import Image

from swift_thyme.audit.swap import Swaps, elsewhere, overlaps
from swift_thyme.evaluate.conditions import Condition
from swift_thyme.evaluate.items import Item, ItemImage
from swift_thyme.evaluate.runner import Attempt
from swift_thyme.types import Outcome, SandboxImage, SandboxResult


@pytest.fixture
def items(tmp_path: Path) -> list[Item]:
    for name, color in (('a', 'red'), ('b', 'blue')):
        Image.new('RGB', (400, 300), color).save(tmp_path / f'{name}.png')
    return [Item(n, 'q', 'x', images=(ItemImage(tmp_path / f'{n}.png'),)) for n in 'ab']


def swapped(items: list[Item], condition: Condition, tmp_path: Path, seed: int = 0) -> SandboxResult:
    Image.new('RGB', (200, 100), 'green').save(tmp_path / 'out.png')
    image = SandboxImage(str(tmp_path / 'out.png'), 200, 100, '0', 'out.png')
    intervene = Swaps(items, seed)(Attempt(items[0], condition, 0))
    assert intervene is not None
    return intervene(SandboxResult(Outcome.OK, 'said', (image,)))


@pytest.mark.parametrize('condition', [Condition.TOOLS, Condition.NO_TOOLS])
def test_other_conditions_are_left_alone(items: list[Item], condition: Condition) -> None:
    assert Swaps(items, 0)(Attempt(items[0], condition, 0)) is None


def test_a_blanked_picture_is_plain_and_the_text_stays(items: list[Item], tmp_path: Path) -> None:
    result = swapped(items, Condition.BLANK, tmp_path)
    with Image.open(result.images[0].path) as image:
        assert image.size == (200, 100) and len(image.getcolors() or []) == 1
    assert result.text == 'said' and (tmp_path / 'out.png').is_file()


def test_without_a_box_the_wrong_picture_is_of_another_item(items: list[Item], tmp_path: Path) -> None:
    result = swapped(items, Condition.WRONG, tmp_path)
    with Image.open(result.images[0].path) as image:
        assert image.size == (200, 100) and image.convert('RGB').getpixel((5, 5)) == (0, 0, 255)


def test_without_any_other_picture_it_is_grey_and_says_so(items: list[Item], tmp_path: Path) -> None:
    assert 'no other picture' in swapped(items[:1], Condition.WRONG, tmp_path).images[0].source


def test_equal_seeds_show_the_same_wrong_picture(items: list[Item], tmp_path: Path) -> None:
    sources = [swapped(items, Condition.WRONG, tmp_path, seed).images[0].source for seed in (1, 1, 2)]
    assert sources[0] == sources[1] != sources[2]


@pytest.mark.parametrize('size', [(64, 64), (300, 100), (800, 600), (2000, 90)])
def test_a_region_elsewhere_never_touches_the_target(size: tuple[int, int]) -> None:
    avoid = (150, 100, 250, 200)
    for seed in range(200):
        region = elsewhere((400, 300), size, avoid, random.Random(seed))
        assert region is None or not overlaps(region, avoid)
        assert region is None or (region[0] >= 0 and region[2] <= 400 and region[1] >= 0 and region[3] <= 300)


def test_where_the_target_fills_the_picture_there_is_no_region() -> None:
    assert elsewhere((400, 300), (200, 100), (0, 0, 400, 300), random.Random(0)) is None
