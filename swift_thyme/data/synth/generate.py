"""Makes a set: rows in parallel, files in order, a manifest at the end.

Owns the flow. A row depends on the set's order and its own index alone, so neither the number of processes nor the
order in which they finish changes a byte.
"""

from __future__ import annotations

import json
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from multiprocessing import util
from pathlib import Path

from ...errors import ConfigError
from ...trajectories.lines import replace_file
from .blind import RULES, TEST_ROWS, Choice, classifiers, scores
from .card import write_card
from .contact import write_sheet
from .difficulty import Legibility
from .exports import export
from .rows import Row, draft, rl_row, sft_row
from .seeds import MAX_SEED, Split, split_of, split_of_text
from .spec import Kind, SetSpec
from .trajectory.bench import Bench
from .writers import IMAGES, MANIFEST, read_canonical, versions, write_manifest, write_rows, write_sums

CARD_TRAIN_ROWS = 1000
"""Most questions that the data card's classifiers learn from."""

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
        ConfigError: workers < 1, the folder holds another set, or a package for fonts or pictures is missing.
    """
    if workers < 1:
        raise ConfigError(f'workers must be > 0, got {workers}; 1 makes the rows in this process')
    folder = Path(out).resolve()
    _refuse_another(folder, _order(spec))
    (folder / IMAGES).mkdir(parents=True, exist_ok=True)
    if not (folder / MANIFEST).exists():
        write_manifest(
            folder, {'order': _order(spec), 'complete': False}
        )  # a run that is cut short is told from others
    tally = _Tally(spec.n, progress)
    files = write_rows(folder, tally.watch(_made(spec, folder, workers)))
    digest = write_sums(folder, tally.pictures)
    if spec.kind is Kind.EVAL:
        files |= export(read_canonical(folder), folder)
    report = SetReport(folder, files, digest, tally.readable / spec.n)
    manifest = _manifest(report, spec, tally)
    write_manifest(folder, manifest)
    write_card(folder, manifest)
    write_sheet(read_canonical(folder), folder, f'{spec.task}, seed {spec.seed}, {spec.kind.value}')
    return report


def make_row(spec: SetSpec, out: Path, bench: Bench, index: int) -> Row:
    """Makes one row: writes its pictures below `out` and returns its columns with relative paths.

    Args:
        spec: the set's order.
        out: the set's folder.
        bench: runs the code of SFT trajectories; not touched for other rows.
        index: the row's place in the set.
    """
    made = draft(spec, index)
    if made.picture is not None:
        replace_file(out / made.file, [made.picture], durable=False)
    if spec.kind is not Kind.SFT:
        return rl_row(made, spec)
    played, returned = bench.make(made, out)
    return sft_row(made, spec, played.text, returned, played.row_columns)


def _made(spec: SetSpec, out: Path, workers: int) -> Iterator[Row]:
    if workers == 1:
        with Bench() as bench:
            yield from map(partial(make_row, spec, out, bench), range(spec.n))
        return
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(min(workers, spec.n), mp_context=context, initializer=_start_worker) as pool:
        chunk = max(1, min(8, spec.n // (workers * 4)))
        yield from pool.map(partial(_worker_row, spec, out), range(spec.n), chunksize=chunk)


_worker_bench = Bench()


def _start_worker() -> None:
    util.Finalize(_worker_bench, _worker_bench.close, exitpriority=10)


def _worker_row(spec: SetSpec, out: Path, index: int) -> Row:
    return make_row(spec, out, _worker_bench, index)


def _order(spec: SetSpec) -> Row:
    order = {name: getattr(value, 'value', value) for name, value in asdict(spec).items()}
    settled = {'split': spec.effective_split.value, 'form': spec.effective_form.value}
    return {**order, **settled, 'difficulty': list(spec.difficulty)}


def _refuse_another(folder: Path, order: Row) -> None:
    path = folder / MANIFEST
    if not path.exists() and not (folder.is_dir() and any(folder.iterdir())):
        return
    present = json.loads(path.read_text(encoding='utf-8')).get('order') if path.exists() else 'other files'
    if present != order:
        raise ConfigError(
            f'the folder must be empty or hold a set of this order, got {folder} with {present}; choose another --out '
            'or delete the folder'
        )


class _Tally:
    """Counts rows as they pass."""

    def __init__(self, wanted: int, progress: Progress | None) -> None:
        self.wanted, self.progress = wanted, progress
        self.done = self.readable = 0
        self.pictures: set[str] = set()
        self.tasks: dict[str, list[int]] = {}
        self.choices = self.elsewhere = 0
        """Rows with options; rows whose seed or, without a picture, text belongs to another split."""
        self.asked: list[Choice] = []
        """The first choices, for the classifiers."""
        self.blind: Counter[str] = Counter()
        """Rule that sees no picture → its right answers among the choices."""

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
            own = Split(str(row['split']))
            number = row['seed']
            assert isinstance(number, int)
            self.elsewhere += split_of(number) is not own or (not images and split_of_text(str(row['stem'])) is not own)
            self._answer_blind(row)
            yield row
            if self.progress is not None:
                self.progress(self.done, self.wanted)

    def _answer_blind(self, row: Row) -> None:
        options = row['options']
        assert isinstance(options, list)
        if not options:
            return
        choice = Choice(str(row['stem']), tuple(options), options.index(row['answer']))
        self.choices += 1
        self.asked += [choice] if len(self.asked) < TEST_ROWS else []
        self.blind.update(name for name, solve in RULES.items() if solve(choice) == choice.right)

    def blind_shares(self, spec: SetSpec) -> Row:
        """How well the choices are answered without their pictures, by rules and by classifiers; empty without any."""
        if not self.asked:
            return {}
        name, right = max(self.blind.items(), key=lambda item: (item[1], item[0]))
        seed = (spec.seed + 1) % MAX_SEED if spec.effective_split is Split.TRAIN else spec.seed
        learn = replace(spec, seed=seed, split=Split.TRAIN, n=min(CARD_TRAIN_ROWS, 4 * len(self.asked)))
        learnt = scores(classifiers(learn), self.asked)
        return {
            'choices': self.choices,
            'rules': len(RULES),
            'best_rule': name,
            'right': round(right / self.choices, 4),
            'classifiers': {solver: round(share, 4) for solver, share in learnt.items()},
            'classifier_train_rows': learn.n,
            'classifier_test_rows': len(self.asked),
        }


def _manifest(report: SetReport, spec: SetSpec, tally: _Tally) -> Row:
    legibility = Legibility(spec.max_pixels)
    counts = {
        name: {'rows': rows, 'readable_without_tool': round(readable / rows, 4)}
        for name, (rows, readable) in sorted(tally.tasks.items())
    }
    return {
        'made_by': 'thyme synth',
        'order': _order(spec),
        'files': report.files,
        'sha256': report.sha256,
        'readable_without_tool': round(report.readable_share, 4),
        **asdict(legibility),
        'tasks': counts,
        'blind': tally.blind_shares(spec),
        'rows_of_other_splits': tally.elsewhere,
        'versions': versions(),
    }
