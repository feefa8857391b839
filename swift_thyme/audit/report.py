"""An audit as files: `audit.json` for programs, `audit.md` for a pull request, `audit.html` for a person.

The page is one file without scripts or outside resources, with pictures of a few items under all four conditions.
Owns what an audit is as one value, wording and layout.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from PIL import Image, ImageDraw

from ..crops.regions import Region
from ..evaluate.conditions import Condition
from ..evaluate.grading import Mark
from ..evaluate.plot import dots
from ..evaluate.report import CONDITION_TEXT, environment
from ..evaluate.summary import METHOD, Summary
from ..picture import data_url
from ..trajectories import Record
from .crops import Crop
from .effects import Aim, Effects

EFFECT_TEXT = {
    'only_with': 'solved only with the tool',
    'either_way': 'solved either way',
    'harmed': 'harmed by the tool',
    'neither': 'solved neither way',
    'also_without': 'of those solved with the tool: also without',
    'needs_picture': 'solved, but not with a blanked picture',
    'misled': 'solved, but not with a wrong picture',
    'caused': 'caused by what the picture showed',
}
AUDIT_SCHEMA = 1
_EXAMPLES = 12
_PER_KIND = 3
_THUMBNAIL_PX = 420
_ANSWER_CHARS = 80
_TARGET, _CROP = (38, 160, 96), (214, 88, 28)


@dataclass(frozen=True)
class Audit:
    """What an audit found."""

    summary: Summary
    """Accuracy by condition and what the policy did: as of an evaluation."""
    effects: tuple[Effects, ...]
    """Over all items, then by task."""
    aim: Aim
    chance: float | None
    """How often "only with" would be seen by chance; None with one repeat."""
    records: Sequence[Record]
    crops: Mapping[tuple[str, int], Sequence[Crop]]
    """Item and repeat → the returned pictures with tools on."""

    def as_json(self) -> dict[str, Any]:
        """Plain values: what `audit.json` holds."""
        return {
            'schema': AUDIT_SCHEMA,
            'effects': msgspec.to_builtins(self.effects),
            'aim': msgspec.to_builtins(self.aim),
            'chance_of_change': self.chance,
            'evaluation': self.summary.as_json(),
        }


def write_audit(found: Audit, out: Path) -> None:
    """Writes the three files.

    Args:
        found: the audit.
        out: where the files go.
    """
    env = environment('swift_thyme.audit', 'swift_thyme.evaluate')
    values: dict[str, Any] = {'a': found, 's': found.summary, 'text': EFFECT_TEXT, 'method': METHOD}
    (out / 'audit.json').write_text(json.dumps(found.as_json(), indent=1, ensure_ascii=False) + '\n', encoding='utf-8')
    (out / 'audit.md').write_text(
        env.overlay(autoescape=False).get_template('audit.md.txt').render(**values), encoding='utf-8'
    )
    page = env.get_template('audit.html').render(
        **values, plot=_plot(found), examples=list(_examples(found)), target=_TARGET, crop=_CROP
    )
    (out / 'audit.html').write_text(page, encoding='utf-8')


def _plot(found: Audit) -> str:
    names = ('only_with', 'either_way', 'harmed', 'caused')
    labels = [effects.task or 'all' for effects in found.effects]
    series = {EFFECT_TEXT[name]: [getattr(e, name) for e in found.effects] for name in names}
    return dots(labels, series, axis=f'share of items, % ({100 * found.summary.level:g} % intervals)')


def _examples(found: Audit) -> Iterator[dict[str, Any]]:
    """A few items of each kind under all conditions, as `audit.html` takes them."""
    by_item: dict[tuple[str, int], dict[str, Record]] = {}
    for record in found.records:
        by_item.setdefault((record.item_id, record.repeat or 0), {})[record.condition] = record
    shown: dict[str, int] = {}
    for key, conditions in by_item.items():
        kind = _kind(conditions)
        if kind is None or shown.get(kind, 0) >= _PER_KIND or sum(shown.values()) >= _EXAMPLES:
            continue
        shown[kind] = shown.get(kind, 0) + 1
        yield _example(key, kind, conditions, found)


def _kind(conditions: Mapping[str, Record]) -> str | None:
    asked = [conditions.get(c.value) for c in (Condition.TOOLS, Condition.NO_TOOLS)]
    marks = [record.verdict for record in asked if record is not None]
    if len(marks) < len(asked) or Mark.UNGRADED.value in marks:
        return None
    on, off = (mark == Mark.RIGHT.value for mark in marks)
    name = {(True, False): 'only_with', (True, True): 'either_way', (False, True): 'harmed', (False, False): 'neither'}
    return EFFECT_TEXT[name[on, off]]


def _example(key: tuple[str, int], kind: str, conditions: Mapping[str, Record], found: Audit) -> dict[str, Any]:
    record = conditions[Condition.TOOLS.value]
    regions = [crop.region for crop in found.crops.get(key, ()) if crop.region is not None]
    figures = []
    if record.images:
        boxes = [*((region, _CROP) for region in regions), *([(record.box, _TARGET)] if record.box else [])]
        figures.append({'data': _thumbnail(record.folder / record.images[0], boxes), 'caption': 'the picture'})
    for condition in (Condition.TOOLS, Condition.BLANK, Condition.WRONG):
        shown = conditions.get(condition.value, Record())
        pictures = [shown.folder / picture for turn in shown.turns for picture in turn.images]
        figures += [{'data': _thumbnail(p), 'caption': CONDITION_TEXT[condition]} for p in pictures[:1]]
    answers = {CONDITION_TEXT[c]: _answered(conditions[c.value]) for c in Condition if c.value in conditions}
    facts = {'item_id': key[0], 'kind': kind, 'question': record.question, 'solution': record.solution or ''}
    return {**facts, 'answers': answers, 'figures': figures}


def _answered(record: Record) -> str:
    answer = record.answer or 'no answer'
    return f'{answer[:_ANSWER_CHARS]}{"…" * (len(answer) > _ANSWER_CHARS)} ({record.verdict})'


def _thumbnail(path: Path, boxes: Sequence[tuple[Region, tuple[int, int, int]]] = ()) -> str:
    """A small copy as a data URL, larger where boxes (each with its colour) are drawn on it; empty without the file."""
    try:
        with Image.open(path) as opened:
            image = opened.convert('RGB')
    except OSError:
        return ''
    width_px = image.width
    side_px = round(_THUMBNAIL_PX * (1.6 if boxes else 1))
    image.thumbnail((side_px, side_px))
    draw = ImageDraw.Draw(image)
    for region, color in boxes:
        draw.rectangle([side * image.width / width_px for side in region], outline=color, width=3)
    return data_url(image)
