"""An audit as files: `audit.json` for programs, `audit.md` for a pull request, `audit.html` for a person.

The page is one file without scripts or outside resources, with pictures of a few items under all four conditions.
Owns wording and layout only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw

from ..crops.regions import Region
from ..evaluate.conditions import Condition
from ..evaluate.grading import Mark
from ..evaluate.plot import dots
from ..evaluate.report import CONDITION_TEXT, environment
from ..evaluate.summary import METHOD
from ..picture import data_url
from ..trajectories import Record

if TYPE_CHECKING:
    from .findings import Audit

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
_EXAMPLES = 12
_PER_KIND = 3
_THUMBNAIL_PX = 420
_ANSWER_CHARS = 80
_TARGET, _CROP = (38, 160, 96), (214, 88, 28)


@dataclass(frozen=True)
class Figure:
    """A picture of an example."""

    data: str
    """As a data URL; empty where the file is gone."""
    caption: str


@dataclass(frozen=True)
class Example:
    """One item under all conditions."""

    item_id: str
    kind: str
    question: str
    solution: str
    answers: Mapping[str, str]
    """Condition in words → answer and verdict."""
    figures: tuple[Figure, ...]


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


def _examples(found: Audit) -> Iterator[Example]:
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


def _example(key: tuple[str, int], kind: str, conditions: Mapping[str, Record], found: Audit) -> Example:
    record = conditions[Condition.TOOLS.value]
    regions = [crop.region for crop in found.crops.get(key, ()) if crop.region is not None]
    figures = []
    if record.images:
        figures.append(Figure(_drawn(record.folder / record.images[0], record.box, regions), 'the picture'))
    for condition in (Condition.TOOLS, Condition.BLANK, Condition.WRONG):
        shown = conditions.get(condition.value, Record())
        pictures = [shown.folder / picture for turn in shown.turns for picture in turn.images]
        figures += [Figure(_thumbnail(picture), CONDITION_TEXT[condition]) for picture in pictures[:1]]
    answers = {CONDITION_TEXT[c]: _answered(conditions[c.value]) for c in Condition if c.value in conditions}
    return Example(key[0], kind, record.question, record.solution or '', answers, tuple(figures))


def _answered(record: Record) -> str:
    answer = record.answer or 'no answer'
    return f'{answer[:_ANSWER_CHARS]}{"…" * (len(answer) > _ANSWER_CHARS)} ({record.verdict})'


def _drawn(path: Path, box: Any, regions: list[Region]) -> str:
    """A thumbnail with the target and the crops drawn on it."""
    try:
        with Image.open(path) as opened:
            image = opened.convert('RGB')
    except OSError:
        return ''
    scale = min(1.0, 1.6 * _THUMBNAIL_PX / max(image.size))
    image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
    draw = ImageDraw.Draw(image)
    for region, color in [*((region, _CROP) for region in regions), *([(box, _TARGET)] if box else [])]:
        draw.rectangle([side * scale for side in region], outline=color, width=3)
    return data_url(image)


def _thumbnail(path: Path) -> str:
    try:
        with Image.open(path) as opened:
            image = opened.convert('RGB')
    except OSError:
        return ''
    image.thumbnail((_THUMBNAIL_PX, _THUMBNAIL_PX))
    return data_url(image)
