"""The page in a real browser: it opens from disk, filters, and shows hostile records as text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from swift_thyme.view import ViewOptions, build_page

from . import browser
from .make import HOSTILE_WORDS, hostile, write_run

pytestmark = pytest.mark.skipif(bool(browser.missing()), reason=browser.missing() or 'never')


@pytest.fixture(scope='module')
def chromium() -> Iterator[Any]:
    with browser.chromium() as found:
        yield found


@pytest.fixture(scope='module')
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('page')
    run = write_run(folder / 'run', 130, width=800, height=600)
    bad = folder / 'run' / 'zz-hostile'
    bad.mkdir()
    (bad / 'hostile.jsonl').write_text(''.join(json.dumps(r) + '\n' for r in hostile(bad)), encoding='utf-8')
    out = folder / 'page.html'
    build_page([run], out, ViewOptions(title='</title><b>bold</b>'))
    return out


@pytest.fixture
def page(chromium: Any, page_file: Path) -> Iterator[Any]:
    """The page, opened from disk without a network; fails on any error or request of its own."""
    context = chromium.new_context(viewport={'width': 1200, 'height': 800}, offline=True)
    opened = context.new_page()
    trouble: list[str] = []
    opened.on('pageerror', lambda error: trouble.append(str(error)))
    opened.on('console', lambda message: trouble.append(message.text) if message.type == 'error' else None)
    opened.on('request', lambda r: trouble.append(r.url[:200]) if not r.url.startswith(('file:', 'data:')) else None)
    opened.goto(page_file.as_uri())
    opened.wait_for_selector('body[data-ready=yes]')
    yield opened
    assert trouble == []
    context.close()


def found(page: Any) -> int:
    return int(page.evaluate('document.body.dataset.found'))


def wait_found(page: Any, number: int) -> None:
    page.wait_for_selector(f'body[data-found="{number}"]')


def test_the_first_trajectory_is_shown_with_its_pictures(page: Any) -> None:
    assert 'sign 0' in page.inner_text('#detail h2')
    loaded = '[...document.images].length >= 2 && [...document.images].every((i) => i.naturalWidth > 0)'
    while not page.evaluate(loaded):  # the page forbids eval, and with it wait_for_function; pytest's time limit holds
        page.wait_for_timeout(20)
    assert page.locator('.originals rect.box.on').count() == 1


def test_every_filter_counts_what_it_finds(page: Any) -> None:
    for name, number in (('failed', 26), ('aside', 13), ('repaired', 13 + 1), ('nocode', 13)):
        page.click(f'[data-filter={name}]')
        wait_found(page, number)
        assert str(number) in page.inner_text(f'[data-filter={name}] b')
        page.keyboard.press('x')
        wait_found(page, 133)


def test_filters_narrow_each_other_down(page: Any) -> None:
    page.click('[data-filter=failed]')
    page.click('[data-filter=wrong]')
    wait_found(page, sum(1 for i in range(130) if i % 10 in (4, 6) and not _right(i)))


def _right(i: int) -> bool:
    import random

    rng = random.Random(i)
    rng.randrange(800 - 320), rng.randrange(600 - 220)
    return rng.random() < 0.6


def test_answers_to_one_question_stand_together_with_their_standing(page: Any) -> None:
    right = sum(1 for i in range(8) if i % 10 not in (7, 8, 9) and _right(i))
    assert re.fullmatch(rf'question 1 · 8 answers(, {right} right)?', page.locator('.group').first.inner_text())
    assert re.match(r'step 2 · reward [\d.]+', page.locator('.item .r').first.inner_text())
    page.select_option('#sort', 'low')
    page.wait_for_selector('.group', state='detached')


def test_stop_reasons_are_a_filter(page: Any) -> None:
    page.select_option('#stop', label='repetition (13)')
    wait_found(page, 13)


def test_conditions_of_an_evaluation_are_a_filter_and_the_target_is_drawn(chromium: Any, tmp_path: Path) -> None:
    Image.new('RGB', (200, 100), 'teal').save(tmp_path / 'x.png')
    line = {'schema': 1, 'turns': [{'text': 'hm'}], 'images': ['x.png'], 'task': 'find_read', 'box': [20, 20, 60, 50]}
    lines = [{**line, 'item_id': str(i), 'condition': 'tools' if i < 3 else 'no_tools'} for i in range(5)]
    (tmp_path / 'trajectories.jsonl').write_text(''.join(json.dumps(x) + '\n' for x in lines), encoding='utf-8')
    build_page([tmp_path], tmp_path / 'page.html')
    opened = chromium.new_page()
    opened.goto((tmp_path / 'page.html').as_uri())
    opened.wait_for_selector('body[data-ready=yes]')
    assert opened.locator('rect.box.target').count() == 1
    opened.select_option('#kind', label='find_read · no_tools (2)')
    wait_found(opened, 2)
    assert 'kind=' in opened.url
    opened.close()


def test_search_looks_through_code_of_chunks_that_were_never_shown(page: Any) -> None:
    page.fill('#search', "'CROP_121.png'")
    wait_found(page, 1)
    assert page.locator('.item').count() == 1


def test_keys_move_through_trajectories_and_pages(page: Any) -> None:
    page.keyboard.press('j')
    page.wait_for_selector('.item[data-i="1"][aria-current=true]')
    page.keyboard.press('n')
    page.wait_for_selector('.item[data-i="100"][aria-current=true]')
    page.keyboard.press('k')
    page.wait_for_selector('.item[data-i="99"][aria-current=true]')


def test_a_link_leads_to_its_trajectory_and_filters(page: Any, page_file: Path) -> None:
    page.click('[data-filter=failed]')
    page.click('.item[data-i="14"]')
    page.wait_for_selector('#detail[data-shown="14"]')
    link = page.url
    page.goto('about:blank')
    page.goto(link)
    page.wait_for_selector('#detail[data-shown="14"]')
    assert page.get_attribute('[data-filter=failed]', 'aria-pressed') == 'true'
    assert found(page) == 26


def test_a_hostile_record_is_shown_as_text(page: Any) -> None:
    page.fill('#search', 'window.pwned')
    wait_found(page, 1)
    page.wait_for_selector('#detail[data-shown="130"]')
    visible = HOSTILE_WORDS.replace('\x00', '').replace('\x1b', '')[:60]
    assert visible in page.inner_text('#detail h2')
    assert page.evaluate('window.pwned') is None
    assert page.locator('#detail script, #detail img[src=x], #items script').count() == 0
    assert page.locator('#detail .broken').count() == 7
    assert page.title() == '</title><b>bold</b>'
    assert page.locator('h1 b').count() == 0


def test_huge_texts_are_cut_and_said_to_be(page: Any) -> None:
    page.fill('#search', 'huge huge')
    wait_found(page, 1)
    page.wait_for_selector('#detail[data-shown="131"]')
    assert 'characters left out' in page.inner_text('#detail h2')


def test_colouring_follows_the_segments(page: Any) -> None:
    page.select_option('#colour', 'temperature')
    assert page.locator('.by-temperature .code.cold').count() == 1
    assert page.locator('.by-temperature .words.hot').count() >= 1
    page.select_option('#colour', 'mask')
    assert page.locator('.by-mask .sampled').count() >= 3


def test_a_click_enlarges_a_picture_with_its_box(page: Any) -> None:
    page.click('.originals .frame')
    page.wait_for_selector('#light[open] img')
    assert page.locator('#light rect.box.on').count() == 1
    page.keyboard.press('Escape')
    page.wait_for_selector('#light:not([open])', state='attached')


def test_a_narrow_screen_shows_the_list_then_the_trajectory(page: Any) -> None:
    page.set_viewport_size({'width': 390, 'height': 800})
    assert page.is_visible('#items')
    assert not page.is_visible('#detail')
    page.click('.item[data-i="2"]')
    page.wait_for_selector('#detail', state='visible')
    assert page.evaluate('document.documentElement.scrollWidth') <= 390
    page.click('.back')
    page.wait_for_selector('#items', state='visible')


@pytest.mark.parametrize('scheme', ['light', 'dark'])
@pytest.mark.parametrize('size', [(1280, 800), (390, 800)])
def test_screenshots_are_no_blank_pages(
    chromium: Any, page_file: Path, tmp_path: Path, scheme: str, size: tuple[int, int]
) -> None:
    context = chromium.new_context(viewport={'width': size[0], 'height': size[1]}, color_scheme=scheme)
    opened = context.new_page()
    opened.goto(page_file.as_uri())
    opened.wait_for_selector('body[data-ready=yes]')
    opened.screenshot(path=str(tmp_path / 'shot.png'))
    context.close()
    with Image.open(tmp_path / 'shot.png') as shot:
        gray = shot.convert('L')
        histogram = gray.histogram()
        brightness = sum(i * n for i, n in enumerate(histogram)) / sum(histogram)
        assert len([n for n in histogram if n]) > 60
        assert brightness > 150 if scheme == 'light' else brightness < 100
