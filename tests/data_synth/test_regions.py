"""Regions in words: the words, the code and the picture mean the same place, and only that text is in it."""

from __future__ import annotations

import io
import re

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from swift_thyme.data.synth import TASKS, Form, Kind, SetSpec
from swift_thyme.data.synth.hues import HUES
from swift_thyme.data.synth.places import NAMED, WORKED_OUT, Parts, ordinal, place_among
from swift_thyme.data.synth.rows import Draft, columns, draft
from swift_thyme.data.synth.scenes.parts import LEGIBLE_PX
from swift_thyme.data.synth.seeds import rng_for
from swift_thyme.data.synth.types import Box, Place
from swift_thyme.data.synth.values import PALETTE

REGION_TASKS = ('region', 'region_faint', 'region_rotated', 'region_steps')
BUDGET = 200_704
"""A small model's: 448 × 448 pixels."""
seeds = st.integers(0, 1 << 20)


def drafted(task: str, seed: int, difficulty: float, *, form: Form = Form.FREE) -> Draft:
    spec = SetSpec(task, 1, seed, Kind.RL, None, (difficulty, difficulty), '2k', form, BUDGET)
    return draft(spec, 0)


def made_places() -> list[Place]:
    found = []
    for seed in range(400):
        rng = rng_for('place', seed)
        rows, columns_ = rng.randint(2, 9), rng.randint(2, 9)
        parts = Parts(range(rows, rows + rng.randint(1, 9)), range(columns_, columns_ + rng.randint(1, 9)))
        found.append(place_among(NAMED if seed % 2 else WORKED_OUT, rng, parts))
    return found


@pytest.mark.parametrize('size', [(2048, 1365), (1365, 2048), (4096, 2304), (999, 777)])
def test_the_code_of_a_region_computes_its_corners(size: tuple[int, int]) -> None:
    for place in made_places():
        names: dict[str, int] = dict(zip('wh', size, strict=True))
        exec('\n'.join(place.lines), names)
        assert Box(*(names[n] for n in ('x1', 'y1', 'x2', 'y2'))) == place.box(*size), place


def test_the_words_of_a_region_mean_its_corners() -> None:
    for place in made_places():
        rows, cols, row, col = understood(f'{place.setting} {place.where}')
        found = Box(1260 * col // cols, 1260 * row // rows, 1260 * (col + 1) // cols, 1260 * (row + 1) // rows)
        assert found == place.box(1260, 1260), place


_NUMBER = {ordinal(n): n for n in range(1, 25)}
_SIDE = {'upper': 0, 'left': 0, 'middle': 1, 'lower': -1, 'right': -1}


def understood(text: str) -> tuple[int, int, int, int]:
    """Rows, columns, row and column (from 0) as a reader takes them, apart from the generator's own code."""
    if ' line of the ' in text:
        lines, cols = sized(text, r'(\d+) (?:evenly spaced )?lines'), sized(text, r'(\d+) (?:equal )?columns')
        line, col = re.findall(r'the ([\w-]+) (?:line|column)', text)[-2:]
        return lines, cols, _NUMBER[line] - 1, _NUMBER[col] - 1
    named = re.findall(r'(?:central|(upper|middle|lower) (left|middle|right)) (quarter|ninth)\b', text)
    if named:
        n = row = col = 0
        for down, across, word in reversed(named):
            each = 2 if word == 'quarter' else 3
            r, c = (_SIDE[down] % each, _SIDE[across] % each) if down else (1, 1)
            n, row, col = (n or 1) * each, row * each + r, col * each + c
        return n, n, row, col
    spans = re.findall(r'between (\S+)(?: %)? and (\S+)(?: %)? of', text)
    if spans:
        per = 100 if '%' in text else 1
        (left, right), (top, bottom) = [[ratio(edge) / per for edge in span] for span in spans]
        rows, cols = round(1 / (bottom - top)), round(1 / (right - left))
        return rows, cols, round(top * rows), round(left * cols)
    return understood_grid(text)


def understood_grid(text: str) -> tuple[int, int, int, int]:
    short = re.search(r'(\d+) × (\d+) grid', text)
    rows, cols = map(int, short.groups()) if short else (sized(text, r'(\d+) rows'), sized(text, r'(\d+) columns'))
    if number := re.search(r'cell number (\d+)', text):
        major, minor = divmod(int(number[1]) - 1, cols if 'row by row' in text else rows)
        return (rows, cols, major, minor) if 'row by row' in text else (rows, cols, minor, major)
    if square := re.search(r'square ([A-Z])(\d+)', text):
        return rows, cols, rows - int(square[2]), ord(square[1]) - ord('A')
    where = re.search(r'row (\d+)(?: from the (\w+))?(?:, | and )column (\d+)(?: from the (\w+))?', text)
    assert where is not None, text
    row, col = int(where[1]) - 1, int(where[3]) - 1
    row = rows - 1 - row if where[2] == 'bottom' or 'top to bottom' in text else row
    col = cols - 1 - col if where[4] == 'right' or 'left to right' in text else col
    if go := re.search(r'(\d+) cells? to the (\w+) of and (\d+) cells? (\w+)', text):
        col += int(go[1]) * (1 if go[2] == 'right' else -1)
        row += int(go[3]) * (1 if go[4] == 'below' else -1)
    return rows, cols, row, col


def sized(text: str, pattern: str) -> int:
    found = re.search(pattern, text)
    assert found is not None, text
    return int(found[1])


def ratio(text: str) -> float:
    over, _, under = text.partition('/')
    return int(over) / int(under or 1)


@settings(max_examples=24, deadline=None, derandomize=True)
@given(st.sampled_from(REGION_TASKS), seeds, st.sampled_from((0.0, 0.5, 1.0)))
def test_a_region_holds_its_text_and_no_other(task: str, seed: int, difficulty: float) -> None:
    made = drafted(task, seed, difficulty)
    place, target = made.item.plan.place, made.item.target
    assert place is not None and target is not None
    region = place.box(*made.size)
    assert region.holds(target.box)
    assert len(made.posed.solution) <= 8 and '\n' not in made.posed.solution
    assert min(region.width, region.height) >= 64, 'no repair has to widen the crop'
    rest = np.asarray(made.item.image).astype(int)  # type: ignore[arg-type]
    rest = rest[region.top : region.bottom, region.left : region.right]
    box = target.box.grown(1)
    rest[box.top - region.top : box.bottom - region.top, box.left - region.left : box.right - region.left] = rest[0, 0]
    assert np.ptp(rest, axis=(0, 1)).max() <= 12, 'around its text a part is bare'


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.sampled_from((*REGION_TASKS, 'by_color')), seeds, st.sampled_from((0.8, 1.0)))
def test_a_small_model_reads_the_crop_and_not_the_picture(task: str, seed: int, difficulty: float) -> None:
    spec = SetSpec(task, 1, seed, Kind.RL, None, (difficulty, difficulty), '2k', Form.FREE, BUDGET)
    made = draft(spec, 0)
    row, target, plan = columns(made, spec), made.item.target, made.item.plan
    assert target is not None and made.item.context is not None
    assert row['readable_without_tool'] is False
    assert float(str(row['detail_px_at_budget'])) < 6.5
    region = plan.place.box(*made.size) if plan.place else made.item.context
    assert target.detail_px * (BUDGET / region.area) ** 0.5 >= LEGIBLE_PX


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seeds, st.sampled_from((0.0, 0.5, 1.0)))
def test_a_threshold_finds_the_label_of_the_named_colour(seed: int, difficulty: float) -> None:
    made = drafted('by_color', seed, difficulty)
    assert made.picture is not None and made.item.context is not None
    hsv = cv2.cvtColor(cv2.imdecode(np.frombuffer(made.picture, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2HSV)
    mask = np.zeros(hsv.shape[:2], np.uint8)
    for low, high in HUES[made.item.plan.color]:
        mask |= cv2.inRange(hsv, low, high)
    x, y, w, h = cv2.boundingRect(mask)
    assert max(abs(a - b) for a, b in zip((x, y, x + w, y + h), made.item.context, strict=True)) <= 3
    assert made.item.plan.color in made.posed.text


def test_every_range_of_hue_holds_its_own_colour_alone() -> None:
    for name, ranges in HUES.items():
        for other in HUES:
            swatch = Image.new('RGB', (64, 64), PALETTE[other])
            buffer = io.BytesIO()
            swatch.save(buffer, 'JPEG', quality=92, subsampling=0)
            bgr = cv2.imdecode(np.frombuffer(buffer.getvalue(), np.uint8), cv2.IMREAD_COLOR)
            hsv = cv2.cvtColor(bgr, cv2.COLOR_BGR2HSV)
            share = sum(cv2.inRange(hsv, low, high).mean() / 255 for low, high in ranges)
            assert share == pytest.approx(float(other == name)), (name, other)


def test_every_task_says_what_it_demands() -> None:
    assert all(task.demands and len(set(task.demands)) == len(task.demands) for task in TASKS.values())
