"""Difficulty: monotone, tied to the pixel budget, and honest about what can be read without a tool."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift_thyme.data.synth.difficulty import Legibility, budget_scale, level_for
from swift_thyme.data.synth.draw import contrast_ratio, ink_for
from swift_thyme.data.synth.types import Box, Target
from swift_thyme.errors import ConfigError

sizes = st.sampled_from(((1024, 682), (2048, 1365), (4096, 3072), (8192, 4608)))
shares = st.floats(0, 1)
channels = st.integers(0, 255)


@given(sizes, shares, shares)
def test_harder_is_never_larger_nor_emptier_nor_stronger(size: tuple[int, int], one: float, other: float) -> None:
    easy, hard = level_for(min(one, other), *size), level_for(max(one, other), *size)
    assert hard.cap_px <= easy.cap_px
    assert hard.anchors >= easy.anchors
    assert hard.contrast <= easy.contrast and hard.faint_contrast <= easy.faint_contrast


def test_letters_have_the_stated_height_at_the_budget() -> None:
    for difficulty, expected_px in ((0.0, 24.0), (0.4, 12.0), (0.8, 6.0)):
        level = level_for(difficulty, 4096, 3072, 2408448)
        assert level.cap_px * budget_scale(4096, 3072, 2408448) == pytest.approx(expected_px, abs=0.5)


def test_a_smaller_budget_makes_the_same_target_unreadable() -> None:
    target = Target(Box(0, 0, 100, 20), detail_px=20)
    assert Legibility(max_pixels=4096 * 3072).readable(target, 4096, 3072)
    assert not Legibility(max_pixels=1003520).readable(target, 4096, 3072)


def test_faint_or_turned_text_is_not_readable_whatever_its_size() -> None:
    box = Box(0, 0, 400, 400)
    assert not Legibility().readable(Target(box, 200, rotation_deg=90), 1024, 1024)
    assert not Legibility().readable(Target(box, 200, contrast=1.3), 1024, 1024)
    assert Legibility().readable(Target(box, 200, rotation_deg=350), 1024, 1024)


@given(st.tuples(channels, channels, channels), st.floats(1.05, 12))
def test_ink_has_at_least_the_wanted_contrast_where_any_ink_has(surface: tuple[int, int, int], wanted: float) -> None:
    ink, contrast = ink_for(surface, wanted)
    best = max(contrast_ratio(surface, (0, 0, 0)), contrast_ratio(surface, (255, 255, 255)))
    assert contrast == pytest.approx(contrast_ratio(surface, ink), abs=0.001)
    assert contrast >= min(wanted, best) - 0.001


def test_impossible_difficulties_are_refused() -> None:
    with pytest.raises(ConfigError, match='difficulty must be 0 to 1'):
        level_for(1.5, 1024, 1024)
    with pytest.raises(ConfigError, match='max_pixels must be > 0'):
        level_for(0.5, 1024, 1024, 0)
