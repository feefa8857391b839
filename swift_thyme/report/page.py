"""Putting a report together. Owns the page's figures and its file; the words and the looks are `report.html`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader

from ..trajectories import Problem, read_records
from ..trajectories.lines import replace_file
from .draw import COLORS, MOST_PLAIN
from .plots import LEADING, main_plots, other_plots, side_by_side
from .runs import Log, Run, find_runs, read_log
from .tally import RunTally


def build_report(paths: Sequence[Path], out: Path) -> list[Run]:
    """Writes the report of every run at or below some folders as one page.

    Args:
        paths: of each, an `OUTPUT_DIR` of the host, or a folder above several.
        out: the HTML file.

    Returns:
        The runs that are in it.

    Raises:
        DataError: there is no run.
    """
    runs = find_runs(paths)
    logs = [read_log(run.folder) for run in runs]
    environment = Environment(
        loader=PackageLoader(__package__, '.'), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.get_template('report.html').render(
        name=', '.join(path.resolve().name for path in paths),
        colors=COLORS,
        most_plain=MOST_PLAIN,
        together=side_by_side({run.name: (_kind(run), log) for run, log in zip(runs, logs, strict=True)}),
        runs=[_facts(run, log, i) for i, (run, log) in enumerate(zip(runs, logs, strict=True))],
    )
    replace_file(out, [page.encode('utf-8', 'replace')])
    return runs


def _facts(run: Run, log: Log, number: int) -> dict[str, Any]:
    problems: list[Problem] = []
    saved = run.trajectories
    tally = RunTally.of(read_records(saved, problems.append)) if saved is not None else RunTally()
    taken = {*LEADING, *(f'rewards/{name}/mean' for name in tally.rewards)}
    return {
        'id': f'run-{number}',
        'name': run.name,
        'folder': run.folder,
        'settings': _settings(run),
        'last': log.last,
        'ended': log.ended,
        'steps': max((step for curve in log.curves.values() for step, _ in curve), default=0),
        'cards': _cards(tally),
        'plots': main_plots(log, tally),
        'others': other_plots(log, taken),
        'trajectories': saved,
        'problems': problems,
    }


def _kind(run: Run) -> str:
    return str(run.settings.get('rlhf_type') or ('SFT' if run.settings else ''))


def _settings(run: Run) -> str:
    """What the run was: method, model, data, learning rate, the day it began."""
    known = run.settings
    data = known.get('dataset')
    parts = [
        _kind(run),
        _short(known.get('model') or ''),
        f'on {", ".join(map(_short, data))}' if isinstance(data, list) and data else '',
        f'learning rate {known["learning_rate"]:g}' if isinstance(known.get('learning_rate'), float) else '',
        f'began {datetime.fromtimestamp(run.began):%Y-%m-%d %H:%M}' if run.began else '',
    ]
    return ' · '.join(part for part in parts if part)


def _short(path: object) -> str:
    return '/'.join(Path(str(path)).parts[-2:])


def _cards(tally: RunTally) -> Sequence[tuple[str, str]]:
    """Figures over the whole run: (value, what it is)."""
    if not tally.n:
        return ()
    executed, judged = tally.total('code_run'), tally.total('judged')
    cards = [(f'{tally.n:,}', 'trajectories'), (_share(tally.total('used_tool'), tally.n), 'wrote code')]
    if judged:
        cards.append((_share(tally.total('right'), judged), 'right answers'))
    if executed:
        cards.append((_share(tally.total('code_ok'), executed), 'of the executed code ran'))
    told = tally.total('told_as_written')
    if told:
        cards.append((_share(tally.total('ran_as_written'), told), 'ran as written'))
    cards.append((f'{tally.total("rounds") / tally.n:.2f}', 'rounds on average'))
    sandbox_s = sum(sum(t.sandbox_s) for t in tally.steps.values())
    cards.append((f'{sandbox_s / tally.n:.2f} s', 'in the sandbox on average'))
    cards.append((f'{tally.total("quarantined"):,.0f}', 'set aside'))
    return cards


def _share(part: float, whole: float) -> str:
    return f'{100 * part / whole:.1f} %'
