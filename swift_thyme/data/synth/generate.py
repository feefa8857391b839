"""Makes a set: rows in parallel, files in order, a manifest at the end.

Owns the flow. A row depends on the set's order and its own index alone, so neither the number of processes nor the
order in which they finish changes a byte.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from ...errors import ConfigError
from .rows import Row, draft, rl_row
from .spec import SetSpec
from .writers import IMAGES, versions, write_atomic, write_manifest, write_rows, write_sums

Progress = Callable[[int, int], None]
"""Called with the rows done and the rows wanted."""


@dataclass(frozen=True)
class SetReport:
    """What was made."""

    out: Path
    files: dict[str, int]
    """Row file → number of rows."""
    sha256: str
    """Of the canonical form; equal for equal orders."""
    readable_share: float
    """Share of the rows that can be read without a tool at the set's pixel budget, 0 to 1."""


def generate(spec: SetSpec, out: str | Path, *, workers: int = 1, progress: Progress | None = None) -> SetReport:
    """Makes a set in a folder.

    Args:
        spec: the order.
        out: folder; made if missing. An older set of the same order is replaced file by file.
        workers: processes. With more than one, call this from a script that guards its main part, as every use of
            `multiprocessing` asks.
        progress: told after every row.

    Raises:
        ConfigError: workers < 1, or a package for fonts or pictures is missing.
    """
    if workers < 1:
        raise ConfigError(f'workers must be > 0, got {workers}; 1 makes the rows in this process')
    folder = Path(out).resolve()
    (folder / IMAGES).mkdir(parents=True, exist_ok=True)
    tally = _Tally(spec.n, progress)
    files = write_rows(folder, tally.watch(_made(spec, folder, workers)))
    digest = write_sums(folder, tally.pictures)
    report = SetReport(folder, files, digest, tally.readable / spec.n)
    _manifest(report, spec, tally)
    return report


def make_row(spec: SetSpec, out: Path, index: int) -> Row:
    """Makes one row: writes its pictures below `out` and returns its columns with relative paths."""
    made = draft(spec, index)
    if made.picture is not None:
        write_atomic(out / made.file, made.picture)
    return rl_row(made, spec)


def _made(spec: SetSpec, out: Path, workers: int) -> Iterator[Row]:
    work = partial(make_row, spec, out)
    if workers == 1:
        yield from map(work, range(spec.n))
        return
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(min(workers, spec.n), mp_context=context) as pool:
        yield from pool.map(work, range(spec.n), chunksize=max(1, min(8, spec.n // (workers * 4))))


class _Tally:
    """Counts rows as they pass."""

    def __init__(self, wanted: int, progress: Progress | None) -> None:
        self.wanted, self.progress = wanted, progress
        self.done = self.readable = 0
        self.pictures: set[str] = set()
        self.tasks: dict[str, list[int]] = {}

    def watch(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Passes rows on and counts them."""
        for row in rows:
            images = row['images']
            assert isinstance(images, list)
            self.pictures.update(images)
            readable = bool(row['readable_without_tool'])
            counts = self.tasks.setdefault(str(row['task']), [0, 0])
            counts[0] += 1
            counts[1] += readable
            self.readable += readable
            self.done += 1
            yield row
            if self.progress is not None:
                self.progress(self.done, self.wanted)


def _manifest(report: SetReport, spec: SetSpec, tally: _Tally) -> None:
    order = {name: getattr(value, 'value', value) for name, value in asdict(spec).items()}
    order |= {'split': spec.effective_split.value, 'form': spec.effective_form.value}
    write_manifest(
        report.out,
        {
            'made_by': 'thyme synth',
            'order': order,
            'files': report.files,
            'sha256': report.sha256,
            'readable_without_tool': round(report.readable_share, 4),
            'max_pixels': spec.max_pixels,
            'tasks': {
                n: {'rows': c[0], 'readable_without_tool': round(c[1] / c[0], 4)}
                for n, c in sorted(tally.tasks.items())
            },
            'versions': versions(),
        },
    )
