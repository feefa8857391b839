"""A summary as files: `report.json` for programs, `report.md` for a pull request, `report.html` for a person.

The page is one file without scripts or outside resources. Owns wording and layout only.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader

from .conditions import Condition
from .figures import ALL_TASKS
from .plot import dots
from .statistics import Estimate
from .summary import METHOD, Summary, prompt

CONDITION_TEXT = {
    Condition.TOOLS: 'tools on',
    Condition.NO_TOOLS: 'tools off',
    Condition.BLANK: 'picture blanked',
    Condition.WRONG: 'wrong picture',
}


def percent(value: float | None) -> str:
    """A share as people read it."""
    return '–' if value is None else f'{100 * value:.1f} %'


def interval(estimate: Estimate | None, *, signed: bool = False, negate: bool = False) -> str:
    """An estimate with its interval, in per cent.

    Args:
        estimate: None shows as a dash.
        signed: with a plus sign.
        negate: of the opposite difference.
    """
    if estimate is None:
        return '–'
    shown = (estimate.value, estimate.low, estimate.high)
    value, low, high = (-shown[0], -shown[2], -shown[1]) if negate else shown
    form = '+.1f' if signed else '.1f'
    value, low, high = (100 * one + 0.0 for one in (value, low, high))  # + 0.0: no minus before a zero
    return f'{value:{form}} [{low:{form}}, {high:{form}}]'


def words(text: str) -> str:
    """Words of a set or of a user as Markdown shows them: no markup, and no cell or line of a table of their own."""
    return ' '.join(escape(text).replace('|', '\\|').split())


def environment(*packages: str) -> Environment:
    """Templates of packages of ours, with the filters that reports use; everything is escaped."""
    loader = ChoiceLoader([PackageLoader(package, '') for package in packages])
    env = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    env.filters |= {
        'percent': percent,
        'interval': interval,
        'percents': lambda e: interval(e) + (' %' if e else ''),
        'bounds': lambda e: '' if e is None else f'[{100 * e.low:.1f}, {100 * e.high:.1f}]',
        'signed': lambda e: interval(e, signed=True),
        'condition': lambda c: CONDITION_TEXT[Condition(c)],
        'words': words,
        'pretty': lambda value: json.dumps(value, indent=1, ensure_ascii=False),
    }
    return env


def write_report(summary: Summary, folder: Path) -> dict[str, Path]:
    """Writes the three files.

    Args:
        summary: of the run.
        folder: made if missing.

    Returns:
        Kind → path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    env = environment('swift_thyme.evaluate')
    values: dict[str, Any] = {'s': summary, 'method': METHOD, 'prompt': prompt(), 'all': ALL_TASKS}
    paths = {kind: folder / f'report.{kind}' for kind in ('json', 'md', 'html')}
    paths['json'].write_text(json.dumps(summary.as_json(), indent=1, ensure_ascii=False) + '\n', encoding='utf-8')
    markdown = env.overlay(autoescape=False).get_template('report.md.txt').render(**values)
    paths['md'].write_text(markdown, encoding='utf-8')
    paths['html'].write_text(env.get_template('report.html').render(**values, plot=_plot(summary)), encoding='utf-8')
    return paths


def _plot(summary: Summary) -> str:
    tasks = list(dict.fromkeys(line.task for line in summary.lines))
    series = {}
    for condition in summary.conditions:
        found = {line.task: line.accuracy for line in summary.lines if line.condition is condition}
        series[CONDITION_TEXT[condition]] = [found.get(task) for task in tasks]
    return dots([task or 'all' for task in tasks], series, axis=f'accuracy, % ({100 * summary.level:g} % intervals)')
