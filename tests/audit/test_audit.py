"""The audit reports exactly the shares that a policy was built with."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from PIL import Image

from swift_thyme.audit.effects import chance_of_change, effects
from swift_thyme.audit.report import Audit
from swift_thyme.audit.run import CONDITIONS, audit, rescore
from swift_thyme.crops.locate import Locator, read_pixels
from swift_thyme.evaluate import Condition, EvalSettings, Item
from swift_thyme.evaluate.session import Plan, describe_policy
from swift_thyme.evaluate.sources import load
from swift_thyme.evaluate.statistics import Estimate, wilson
from swift_thyme.infer import InferSettings, Thinker
from swift_thyme.trajectories import Record

from ..evaluate.scripted import ScriptedEngine
from .policies import Kind, dependent, margin

KINDS = [Kind.NEEDS] * 5 + [Kind.KNOWS] * 3 + [Kind.HARMED] * 2 + [Kind.NEVER] * 2
"""Of the twelve items of the set."""


@pytest.fixture(scope='session')
def items(synth_set: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Item]:
    found = load(synth_set, tmp_path_factory.mktemp('inputs'))
    boxed = [item for item in found if item.box is not None]
    assert len(boxed) >= len(KINDS)
    return boxed[: len(KINDS)]


@pytest.fixture(scope='session')
def run(items: list[Item], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished audit: five items need the picture (one of them misses it), three do not, two are harmed, two fail."""
    folder = tmp_path_factory.mktemp('audit') / 'run'
    audited(items, folder)
    return folder


def audited(items: list[Item], folder: Path, **settings: int) -> Audit:
    kinds = {item.id: kind for item, kind in zip(items, KINDS, strict=False)}
    engine = ScriptedEngine(dependent(items, kinds, miss=frozenset(item.id for item in items[4:5])))
    plan = Plan(items, ['set'], EvalSettings(**settings), describe_policy('scripted', InferSettings()), concurrency=4)  # type: ignore[arg-type]
    return audit(plan, Thinker(engine), folder)


@pytest.fixture(scope='session')
def found(run: Path) -> Audit:
    return rescore(run, run.parent / 'again', None)


def check(estimate: Estimate | None, k: int, n: int) -> None:
    assert estimate is not None
    assert estimate.value == pytest.approx(k / n) and estimate.n_items == n
    assert (estimate.low, estimate.high) == pytest.approx(wilson(k / n, n))


@pytest.mark.parametrize(
    ('name', 'k', 'n'),
    [
        ('only_with', 4, 12),  # five need it, one of them cuts out the wrong place
        ('harmed', 2, 12),
        ('either_way', 3, 12),
        ('neither', 3, 12),
        ('also_without', 3, 7),
        ('needs_picture', 4, 12),
        ('misled', 4, 12),
        ('caused', 4, 12),
    ],
)
def test_each_share_is_the_one_the_policy_was_built_with(found: Audit, name: str, k: int, n: int) -> None:
    check(getattr(found.effects[0], name), k, n)


@pytest.mark.parametrize(
    ('right', 'holds'),
    [
        ('on', {'only_with', 'needs_picture', 'misled', 'caused'}),
        ('on wrong', {'only_with', 'needs_picture'}),
        ('on blank', {'only_with', 'misled'}),
        ('on off', {'either_way', 'also_without', 'needs_picture', 'misled'}),
        ('off', {'harmed'}),
        ('', {'neither'}),
    ],
)
def test_each_share_looks_at_its_own_conditions(right: str, holds: set[str]) -> None:
    by_word = {'on': Condition.TOOLS, 'off': Condition.NO_TOOLS, 'blank': Condition.BLANK, 'wrong': Condition.WRONG}
    marks = {condition: 'right' if word in right.split() else 'wrong' for word, condition in by_word.items()}
    records = [Record(item_id='a', condition=condition.value, verdict=mark) for condition, mark in marks.items()]
    shares = asdict(effects(records)[0])
    assert {name for name, share in shares.items() if name != 'task' and share and share['value'] == 1} == holds


def test_accuracy_by_condition_follows(found: Audit) -> None:
    right = {c: found.summary.overall(c).right for c in CONDITIONS}
    assert right == {Condition.TOOLS: 7, Condition.NO_TOOLS: 5, Condition.BLANK: 3, Condition.WRONG: 3}


def test_every_crop_is_placed_and_its_overlap_known(found: Audit) -> None:
    aim = found.aim
    assert (aim.pictures, aim.not_placed) == (12, 0)
    check(aim.whole_target, 11, 12)
    check(aim.no_picture, 0, 12)
    assert aim.right_when_missed is not None and aim.right_when_missed.value == 0.0


def test_the_overlap_is_the_one_of_the_boxes(found: Audit, items: list[Item]) -> None:
    for item in items[:4]:
        (crop,) = found.crops[item.id, 0]
        box = margin(item)
        assert crop.region is not None and crop.coverage == 1.0
        target = (item.box[2] - item.box[0]) * (item.box[3] - item.box[1])  # type: ignore[index]
        region = (crop.region[2] - crop.region[0]) * (crop.region[3] - crop.region[1])
        assert crop.iou == pytest.approx(target / region)
        assert crop.region[2] - crop.region[0] >= box[2] - box[0]


def test_a_wrong_picture_never_shows_the_target(run: Path) -> None:
    """Searched for in the question's picture, none of them is found on the target."""
    records = [json.loads(line) for line in (run / 'trajectories.jsonl').read_text().splitlines()]
    wrong = [r for r in records if r['condition'] == 'wrong']
    assert len(wrong) == 12
    for record in wrong[:5]:
        (picture,) = [p for turn in record['turns'] for p in turn.get('images') or ()]
        (place,) = Locator(read_pixels(run / record['images'][0])).locate('', [read_pixels(run / picture)])
        if place is not None:
            left, top, right, bottom = record['box']
            assert not (
                place.region[0] < right - 2
                and left + 2 < place.region[2]
                and place.region[1] < bottom - 2
                and top + 2 < place.region[3]
            )


def test_a_swapped_picture_has_the_size_of_the_real_one(run: Path) -> None:
    records = {}
    for line in (run / 'trajectories.jsonl').read_text().splitlines():
        record = json.loads(line)
        pictures = [p for turn in record['turns'] for p in turn.get('images') or ()]
        records[record['item_id'], record['condition']] = [Image.open(run / p).size for p in pictures]
    for (item, condition), sizes in records.items():
        if condition in ('blank', 'wrong'):
            assert sizes == records[item, 'tools']
        if condition == 'no_tools':
            assert sizes == []


def test_repeats_keep_the_shares_and_tell_the_chance_of_change(items: list[Item], tmp_path: Path) -> None:
    found = audited(items[3:6], tmp_path / 'run', repeats=2)
    effects = found.effects[0]
    assert effects.only_with is not None and effects.only_with.value == pytest.approx(1)
    assert (effects.only_with.low, effects.only_with.high) == pytest.approx(wilson(1, 3))
    assert found.chance == 0.0


def test_the_chance_of_change_is_that_of_two_repeats() -> None:
    def record(item: str, repeat: int, right: bool) -> Record:
        return Record(item_id=item, repeat=repeat, condition='tools', verdict='right' if right else 'wrong')

    records = [record('a', 0, True), record('a', 1, False), record('b', 0, True), record('b', 1, True)]
    assert chance_of_change(records) == pytest.approx(0.25)
    assert chance_of_change(records[:1]) is None


def test_the_page_shows_the_shares_and_the_pictures_and_needs_nothing_from_outside(run: Path) -> None:
    page = (run / 'audit.html').read_text()
    assert '33.3 %' in page and 'solved only with the tool' in page and 'data:image/jpeg;base64,' in page
    assert 'src="http' not in page and '<script' not in page
    report = json.loads((run / 'audit.json').read_text())
    assert report['effects'][0]['only_with']['value'] == pytest.approx(4 / 12)
    assert '33.3 [' in (run / 'audit.md').read_text()
