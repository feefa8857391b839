"""`report.json` and `report.html`: what a prepared set holds and what is wrong with it, for a program and for a person.

The page is one file without scripts or outside resources; sample pictures are embedded as thumbnails.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader
from PIL import Image

from ...picture import data_url
from ...protocol import IMAGE_TAG, segments
from ...trajectories.lines import replace_file
from ..rows import Fix, Kind, Reason, Split, Told, Verdict
from .options import Options
from .state import write_json
from .tally import HISTOGRAMS, Tally

REPORT_HTML, REPORT_JSON = 'report.html', 'report.json'
_SAMPLES = 4
"""Sample rows shown per split."""
_THUMBNAIL_PX = 260


@dataclass(frozen=True)
class Bar:
    """One line of a table or histogram."""

    label: str
    count: int
    share: float
    """Of the largest bar, 0 to 1."""
    text: str = ''
    percent: float = 0.0
    """Of the whole."""


@dataclass(frozen=True)
class Piece:
    """A stretch of a sample's text, or a picture in it."""

    kind: str
    """`text`, `code`, `sandbox` or `picture`."""
    value: str
    """The text, or the picture as a data URL; empty where it cannot be shown."""


def write_report(
    options: Options,
    tally: Tally,
    markers: Sequence[dict[str, Any]],
    failed: dict[str, str],
    skipped: Sequence[str] = (),
) -> Path:
    """Writes both reports; returns the path of the page.

    Args:
        options: of the run.
        tally: over the whole set.
        markers: of the finished shards, with their samples.
        failed: source files that could not be read, and why.
        skipped: files of the sources that are in no format of rows.
    """
    stored = list(_stored(options.out))
    facts = {
        'kind': options.kind.value,
        'complete': not failed,
        'settings': options.meaning(),
        'sources': list(options.sources),
        'shards': len(markers),
        'failed': failed,
        'pictures_stored': len(stored),
        'picture_bytes': sum(stored),
        'skipped': list(skipped),
        **tally.as_json(),
    }
    write_json(options.out / REPORT_JSON, facts)
    page = (
        _environment()
        .get_template('report.html')
        .render(
            facts=facts,
            name=options.out.name,
            kept=tally.rows_kept,
            rejected=tally.rows_rejected,
            splits=_by_stage(_bars(tally.kept, Split)),
            folders={split.value: split.folder for split in Split},
            reasons=_bars(tally.rejected, Reason, tally.rows),
            columns=[(name, 'ignored', n) for name, n in tally.ignored.most_common()]
            + [(name, 'carried along in extra', n) for name, n in tally.carried.most_common()],
            fixes=_bars(tally.fixes, Fix, tally.rows_kept),
            histograms=[_histogram(name, tally.histograms[name]) for name in _shown(options, tally)],
            samples=_samples(options.out, markers),
            refused=_refused(markers),
            verdicts=_bars(tally.verdicts, Verdict),
            train=_train_flags(options, tally),
            lengths=options.lengths,
        )
    )
    path = options.out / REPORT_HTML
    replace_file(path, [page.encode('utf-8', 'backslashreplace')])
    return path


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__, '.'), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters['thousands'] = lambda value: f'{value:,}'
    environment.filters['size'] = _size
    return environment


def _size(size_bytes: float) -> str:
    for unit in ('B', 'KiB', 'MiB', 'GiB'):
        if size_bytes < 1024:
            return f'{size_bytes:.0f} {unit}' if unit == 'B' else f'{size_bytes:.1f} {unit}'
        size_bytes /= 1024
    return f'{size_bytes:.1f} TiB'


def _stored(out: Path) -> Iterator[int]:
    for folder in sorted((out / 'images').glob('??')):
        for path in folder.iterdir():
            if path.suffix != '.part':
                yield path.stat().st_size


def _bars(counts: dict[str, int], names: type[Told], whole: int = 0) -> list[Bar]:
    ordered = sorted(((name, count) for name, count in counts.items() if count), key=lambda item: -item[1])
    most = max((count for _, count in ordered), default=1)
    whole = whole or sum(counts.values()) or 1
    return [Bar(name, count, count / most, names(name).text, 100 * count / whole) for name, count in ordered]


def _by_stage(bars: list[Bar]) -> list[Bar]:
    return sorted(bars, key=lambda bar: list(Split).index(Split(bar.label)))


def _shown(options: Options, tally: Tally) -> list[str]:
    hidden = {'rounds'} if options.kind is Kind.RL else set()
    return [name for name, counts in tally.histograms.items() if any(counts.values()) and name not in hidden]


def _histogram(name: str, counts: dict[str, int]) -> tuple[str, list[Bar]]:
    title, _, labels = HISTOGRAMS[name]
    whole, most = sum(counts.values()), max(counts.values())
    bars = [Bar(label, counts.get(label, 0), counts.get(label, 0) / most) for label in labels]
    return title, [replace(bar, percent=100 * bar.count / whole) for bar in bars]


def _samples(out: Path, markers: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    shown = []
    for split in Split:
        rows = [marker['samples'].get(split.value, []) for marker in markers]
        found = [row for layer in range(2) for shard in rows for row in shard[layer : layer + 1]]
        step = max(1, len(found) // _SAMPLES)
        shown += [_sample(out, row) for row in found[::step][:_SAMPLES]]
    return shown


def _sample(out: Path, row: dict[str, Any]) -> dict[str, Any]:
    pictures = iter([_thumbnail(out / name) for name in row['images']])
    turns = [(message['role'], _pieces(message['content'], pictures)) for message in row['messages']]
    return {**row, 'turns': [turn for turn in turns if turn[0] != 'system'], 'sizes': row['sizes']}


def _pieces(text: str, pictures: Iterator[str]) -> list[Piece]:
    pieces: list[Piece] = []
    for segment in segments(text):
        for i, stretch in enumerate(segment.text.split(IMAGE_TAG)):
            pieces += [Piece('picture', next(pictures, ''))] if i else []
            pieces += [Piece(segment.kind.value, stretch)] if stretch.strip() else []
    return pieces


def _thumbnail(path: Path) -> str:
    try:
        with Image.open(path) as image:
            image.draft('RGB', (_THUMBNAIL_PX, _THUMBNAIL_PX))
            small = image.convert('RGB')
            small.thumbnail((_THUMBNAIL_PX, _THUMBNAIL_PX))
    except OSError:
        return ''
    return data_url(small)


def _refused(markers: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for marker in markers:
        for reason, line in marker['rejected_samples'].items():
            found.setdefault(reason, line)
    return [{**found[reason.value], 'text': reason.text} for reason in Reason if reason.value in found]


def _train_flags(options: Options, tally: Tally) -> list[tuple[str, str]]:
    if options.kind is Kind.RL:
        return [('GRPO', shlex.join(['--dataset', str(options.out / Split.RL.folder)]))]
    stages = []
    for title, splits in (
        ('Stage 1', (Split.SINGLE_ROUND, Split.TWO_ROUNDS)),
        ('Stage 2, with pictures', (Split.COMPUTATION_IMAGES,)),
        ('Stage 2, without pictures', (Split.COMPUTATION_TEXT,)),
    ):
        folders = [str(options.out / split.folder) for split in splits if tally.kept[split.value]]
        stages += [(title, shlex.join(['--dataset', *folders]))] if folders else []
    return stages
