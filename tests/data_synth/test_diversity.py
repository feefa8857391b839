"""Trajectories use many words and many spellings of code, and scenes of many families keep their things apart."""

from __future__ import annotations

import itertools
import re

import pytest

from swift_thyme.data.synth import Kind, SetSpec
from swift_thyme.data.synth.difficulty import level_for
from swift_thyme.data.synth.rows import draft, planned
from swift_thyme.data.synth.scenes import DISPLAYS, SCENES, Brief
from swift_thyme.data.synth.scenes.base import fill
from swift_thyme.data.synth.seeds import rng_for
from swift_thyme.data.synth.trajectory.looks import LOOKS
from swift_thyme.data.synth.trajectory.phrases import PHRASES
from swift_thyme.data.synth.trajectory.script import script_for
from swift_thyme.data.synth.types import Box
from swift_thyme.data.synth.values import value

SPEC = SetSpec(n=300, kind=Kind.SFT, difficulty=(0.0, 1.0), seed=1)


def test_three_hundred_rows_use_a_thousand_words_and_hardly_repeat_code() -> None:
    words: set[str] = set()
    codes: list[str] = []
    for index in range(SPEC.n):
        made = planned(SPEC, index)
        script = script_for(made, rng_for('script', made.id))
        for text in [*(r.thought for r in script.rounds), script.closing]:
            words.update(re.findall(r'\b[a-z]{2,}\b', re.sub(r'"[^"]*"', ' ', text)))
        codes += [re.sub(r'\d+', '0', r.code.replace(made.file or '-', 'PATH')) for r in script.rounds]
    assert len(words) >= 1000
    assert len(set(codes)) >= 0.95 * len(codes), 'numbers and paths aside'


def test_a_row_made_without_drawing_is_the_drawn_row() -> None:
    spec = SetSpec(n=6, kind=Kind.SFT, canvas='1k', difficulty=(0.0, 1.0), seed=4)
    for index in range(spec.n):
        drawn, blank = draft(spec, index), planned(spec, index)
        assert (drawn.id, drawn.file, drawn.posed, drawn.item.scene) == (
            blank.id,
            blank.file,
            blank.posed,
            blank.item.scene,
        )


def test_everything_that_is_said_has_wordings_that_differ() -> None:
    assert set(SCENES) <= set(LOOKS)
    for key, wordings in {**PHRASES, **LOOKS}.items():
        assert len(wordings) == len(set(wordings)) >= 3, key


@pytest.mark.parametrize('difficulty', [0.0, 0.5, 1.0])
@pytest.mark.parametrize('name', DISPLAYS)
def test_displayed_things_do_not_overlap_and_lie_inside_the_picture(name: str, difficulty: float) -> None:
    rng = rng_for(name, difficulty)
    scene = SCENES[name](Brief(rng, 1024, 768, level_for(difficulty, 1024, 768)))
    drawn = fill(scene, {i: value(slot.kind, rng) for i, slot in enumerate(scene.slots)})
    places = [slot.context.union(drawn[i][1]) for i, slot in enumerate(scene.slots)]
    assert all(Box(0, 0, 1024, 768).holds(place) for place in places)
    assert all(slot.context.holds(thing.box) for slot, thing in zip(scene.slots, scene.things, strict=True))
    for one, other in itertools.combinations(places, 2):
        apart = one.right <= other.left or other.right <= one.left or one.bottom <= other.top or other.bottom <= one.top
        assert apart, f'{one} and {other}'
