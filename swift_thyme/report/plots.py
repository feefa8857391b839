"""Which plots a report has, and what each is called. Owns their order and the words under them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup

from .draw import COLORS, lines, stacked
from .runs import Curve, Log
from .tally import RunTally

_MOST_OTHERS = 60


Plot = dict[str, Any]
"""One figure as `report.html` takes it: `title`, `svg`, `note`, and `names`, the legend (the name of colour i)."""


def main_plots(log: Log, tally: RunTally) -> list[Plot]:
    """The figures that every report leads with, as far as there is data for them."""
    return [plot for plot in (*_from_log(log), *_from_trajectories(tally)) if plot['svg']]


def other_plots(log: Log, shown: set[str]) -> list[Plot]:
    """Every further metric of the host's log, one figure each."""
    names = [name for name in log.curves if name not in shown][:_MOST_OTHERS]
    return [_lines(name, {name: log.curves[name]}, '') for name in names]


LEADING = {
    'loss': ('Loss', ''),
    'reward': ('Reward', 'sum of the weighted parts, mean of the batch; '),
    'kl': ('KL to the reference model', ''),
    'completions/mean_length': ('Completion length, tokens', ''),
    'step_time': ('Seconds per step', ''),
}
"""Metrics of the host that lead the report: title, and what to say of them."""


def side_by_side(logs: Mapping[str, tuple[str, Log]]) -> list[Plot]:
    """What runs of one kind log alike, in one figure each; none where no two runs are of one kind.

    Args:
        logs: run → (its kind, its log); a run without a kind is compared with none.
    """
    plots = []
    for kind in dict.fromkeys(kind for kind, _ in logs.values() if kind):
        for name, (title, _) in LEADING.items():
            series = {run: log.curves[name] for run, (own, log) in logs.items() if own == kind and name in log.curves}
            if len(series) > 1:
                plots.append(_lines(f'{title}: {kind}', series, "host's log"))
    return plots


def _from_log(log: Log) -> Iterator[Plot]:
    for name, (title, note) in LEADING.items():
        if name in log.curves:
            yield _lines(title, {name: log.curves[name]}, f"{note}host's log")


def _from_trajectories(tally: RunTally) -> Iterator[Plot]:
    parts = {name: tally.reward(name) for name in tally.rewards}
    yield _lines('Reward parts', parts, 'mean after weighting', named=True)
    yield _lines(
        'Right answers',
        {'right': tally.curve('right', 'judged')},
        'share of the trajectories that were judged',
        share=True,
    )
    yield _lines(
        'Tool use',
        {'wrote code': tally.curve('used_tool')},
        'share of trajectories',
        share=True,
    )
    yield _lines(
        'Code that ran',
        {
            'after repair': tally.curve('code_ok', 'code_run'),
            'as written': tally.curve('ran_as_written', 'told_as_written'),
        },
        'share of the snippets that were executed',
        share=True,
    )
    yield _lines(
        'Rounds',
        {
            'generations': tally.curve('rounds'),
            'snippets': tally.curve('code_blocks'),
            'pictures': tally.curve('images'),
        },
        'mean of a trajectory',
    )
    yield _stacked('Stop reasons', tally.shares('stop'), 'share of trajectories')
    yield _stacked('Outcomes of code', tally.shares('outcome'), 'share of the snippets that were executed')
    if tally.names('tokens'):
        note = 'text and code are sampled; sandbox output and its visual tokens are not'
        yield _stacked('Tokens by kind', tally.shares('tokens'), note)
    else:
        note = 'characters: this run did not record tokens by kind'
        yield _stacked('Text by kind', tally.shares('characters'), note)
    yield _lines(
        'Sandbox time, s',
        {'seconds': [(step, sum(t.sandbox_s) / t.trajectories) for step, t in tally.steps.items()]},
        'mean of a trajectory, all rounds',
    )
    repairs = {name: tally.curve(f'repair/{name}', 'code_run') for name in tally.names('repair')}
    yield _lines('Repairs', repairs, 'repairs for each executed snippet', named=True)
    if tally.total('quarantined'):
        aside = {'set aside': tally.curve('quarantined')}
        yield _lines('Set aside', aside, 'share of trajectories that a failure of the machinery ended', share=True)


def _lines(title: str, series: Mapping[str, Curve], note: str, *, share: bool = False, named: bool = False) -> Plot:
    names = tuple(name for name, curve in series.items() if curve)
    legend = names if named or len(names) > 1 else ()
    return {'title': title, 'svg': Markup(lines(series, share=share)), 'names': legend, 'note': note}


def _stacked(title: str, series: Mapping[str, Curve], note: str) -> Plot:
    if len(series) > len(COLORS):
        kept = dict(list(series.items())[: len(COLORS) - 1])
        rest: dict[float, float] = {}
        for name, curve in series.items():
            if name not in kept:
                for step, value in curve:
                    rest[step] = rest.get(step, 0.0) + value
        series = {**kept, 'others': sorted(rest.items())}
    return {'title': title, 'svg': Markup(stacked(series)), 'names': tuple(series), 'note': note}
