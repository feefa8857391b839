"""The tables and curves of docs/evidence.md, from the files of a run that are kept beside it.

    python examples/one_gpu/evidence.py docs/evidence/one_gpu                       # prints the tables
    python examples/one_gpu/evidence.py docs/evidence/one_gpu --plots docs/images   # and draws the curves

`keep.py` beside this file makes those files of a run.

Owns the words around the numbers; intervals are those of `thyme eval` (swift_thyme.evaluate.statistics).

`items.jsonl`: an item a line, ARM/CONDITION → [verdict, code blocks, of which ran, stop reason]. `steps.jsonl`: a step
of RL a line, its figures as logged and its groups. Arms: a SFT without tools, b SFT, c GRPO-ATS, d GRPO with
temperature 1 everywhere.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from swift_thyme.evaluate.plot import COLORS, as_svg
from swift_thyme.evaluate.statistics import Estimate, difference, share

Row = dict[str, Any]
ARMS = {
    'a/no_tools': 'a: SFT on the same rows, without tools',
    'b/no_tools': 'a′: b with its tools off',
    'b/tools': 'b: SFT with tools',
    'c/tools': 'c: GRPO-ATS from b',
    'd/tools': 'd: GRPO, temperature 1 everywhere, from b',
    'audit/blank': 'c, returned pictures blanked',
    'audit/wrong': 'c, returned pictures of another item',
}
PAIRS = (('c/tools', 'a/no_tools'), ('c/tools', 'b/tools'), ('d/tools', 'b/tools'), ('c/tools', 'd/tools'))


def read(path: Path) -> list[Row]:
    """The rows of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding='utf-8').splitlines()]


def outcomes(items: Sequence[Row], arm: str, task: str = '') -> dict[str, list[float]]:
    """Item → whether it was right, of one arm and, if named, one task."""
    return {row['item']: [row[arm][0] == 'right'] for row in items if row['item'].startswith(task)}


def scores(items: Sequence[Row]) -> Iterator[str]:
    """A table: arms, their scores by task, the code they wrote."""
    tasks = sorted({row['item'].partition('/')[0] for row in items})
    yield '| policy | right, % [interval] | ' + ' | '.join(tasks) + ' | code that ran | no answer |'
    yield '|---|---|' + '---|' * (len(tasks) + 2)
    for arm, name in ARMS.items():
        by_task = [_percent(share(outcomes(items, arm, f'{task}/'))).split()[0] for task in tasks]
        blocks, ran = (sum(row[arm][i] for row in items) for i in (1, 2))
        silent = fmean(row[arm][3] != 'answer' for row in items)
        code = f'{100 * ran / blocks:.0f} % of {blocks}' if blocks else '–'
        cells = (name, _percent(share(outcomes(items, arm))), *by_task, code, f'{100 * silent:.1f} %')
        yield '| ' + ' | '.join(cells) + ' |'


def differences(items: Sequence[Row]) -> Iterator[str]:
    """A table: differences of arms on the same items, in points."""
    yield '| | points [interval by item] |\n|---|---|'
    for first, second in PAIRS:
        found = difference(outcomes(items, first), outcomes(items, second))
        yield f'| {first[0]} − {second[0]} | {_percent(found, sign="+")} |'


def training(steps: Sequence[Row], width: int = 7) -> Iterator[str]:
    """A table: what RL did to its samples, `width` steps a row."""
    yield '| arm, steps | right | of turned writing | turned the picture | different first snippets of 8 | KL |'
    yield '|---|---|---|---|---|---|'
    for arm in ('c', 'd'):
        rows = [row for row in steps if row['arm'] == arm]
        for part in (rows[i : i + width] for i in range(0, len(rows), width)):
            groups = [group for row in part for group in row['groups']]
            turned = [group for group in groups if group['task'] == 'region_rotated']
            shares = [100 * fmean(group[key] / 8 for group in turned) for key in ('right', 'turned_the_picture')]
            right = 100 * fmean(row['rewards/vqa_orm/mean'] for row in part)
            snippets, kl = fmean(group['distinct_first_snippets'] for group in groups), fmean(row['kl'] for row in part)
            numbers = f'{right:.0f} % | {shares[0]:.0f} % | {shares[1]:.0f} % | {snippets:.1f} | {kl:.2f}'
            yield f'| {arm}, {part[0]["step"]}–{part[-1]["step"]} | {numbers} |'


def curves(steps: Sequence[Row]) -> Any:
    """Three curves of both arms: right answers, different snippets in a group, the picture turned where it must be."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.2), layout='constrained')
    names = ('right answers, %', 'different first snippets of 8', 'turned writing: turned the picture, %')
    for axes, name, value in zip(figure.subplots(1, 3), names, (_right, _different, _turned), strict=True):
        for arm, label, color in (('c', 'c: ATS', COLORS[0]), ('d', 'd: temperature 1', COLORS[1])):
            rows = [row for row in steps if row['arm'] == arm]
            points, xs = [value(row) for row in rows], [row['step'] for row in rows]
            near = (_known(points[max(0, i - 4) : i + 1]) for i in range(len(points)))
            axes.plot(xs, points, '.', color=color, alpha=0.35)
            axes.plot(xs, [fmean(known) if known else None for known in near], color=color, label=label)
        axes.set_title(name, fontsize=10)
        axes.set_xlabel('step; line: mean of five', fontsize=8)
        axes.spines[['top', 'right']].set_visible(False)
    figure.axes[0].legend(frameon=False, fontsize=9)
    return figure


def _right(row: Row) -> float | None:
    return 100 * row['rewards/vqa_orm/mean']


def _different(row: Row) -> float | None:
    return fmean(group['distinct_first_snippets'] for group in row['groups'])


def _turned(row: Row) -> float | None:
    found = [group['turned_the_picture'] / 8 for group in row['groups'] if group['task'] == 'region_rotated']
    return 100 * fmean(found) if found else None


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _percent(found: Estimate | None, sign: str = '') -> str:
    assert found is not None
    return f'{100 * found.value:{sign}.1f} [{100 * found.low:{sign}.1f}, {100 * found.high:{sign}.1f}]'


def tables(folder: Path) -> Mapping[str, str]:
    """Name → Markdown, of a folder of evidence."""
    items, steps = read(folder / 'items.jsonl'), read(folder / 'steps.jsonl')
    parts = {'scores': scores(items), 'differences': differences(items), 'training': training(steps)}
    return {name: '\n'.join(lines) for name, lines in parts.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the tables; draws the curves where asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('folder', type=Path)
    parser.add_argument('--plots', type=Path, metavar='FOLDER')
    args = parser.parse_args(argv)
    sys.stdout.write('\n\n'.join(tables(args.folder).values()) + '\n')
    if args.plots:
        args.plots.joinpath('evidence_curves.svg').write_text(as_svg(curves(read(args.folder / 'steps.jsonl'))))
    return 0


if __name__ == '__main__':
    sys.exit(main())
