"""`thyme eval`: score a model on synthetic sets and local files, or through a public harness."""

from __future__ import annotations

import argparse
import asyncio
import shlex
import sys
from contextlib import ExitStack
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..infer.options import add_model_arguments, add_sampling_arguments, defaults_of, resolve_model, settings_from
from .options import add_asking_arguments, add_set_arguments, described, prepare, progress_bar, reachable_judge

if TYPE_CHECKING:
    from .summary import Summary


class Suite(str, Enum):
    """Who asks and counts."""

    SYNTH = 'synth'
    """This package, offline: sets of `thyme synth`, TSV and JSON lines."""
    VLMEVALKIT = 'vlmevalkit'
    EVALSCOPE = 'evalscope'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.epilog = 'exit code 0: every attempt has an answer and was graded; 1: run it again to go on'
    parser.add_argument(
        '--suite',
        choices=[one.value for one in Suite],
        default=Suite.SYNTH.value,
        help='who asks and counts (default synth: this package, offline)',
    )
    parser.add_argument('--data', nargs='+', default=[], help='synth: folders of `thyme synth`, .tsv, .jsonl; '
                        'harnesses: names of their data sets')  # fmt: skip
    parser.add_argument('--out', type=Path, help='folder of the run; the same folder goes on where it was')
    parser.add_argument(
        '--rescore', type=Path, metavar='DIR', help='grade the trajectories of a run again; asks no model'
    )
    add_model_arguments(parser)
    add_sampling_arguments(parser)
    add_asking_arguments(parser)
    parser.add_argument('--baseline', action='store_true', help='also ask without tools, with the same token budget')
    add_set_arguments(parser)
    _add_harness_arguments(parser)


def _add_harness_arguments(parser: argparse.ArgumentParser) -> None:
    harness = parser.add_argument_group('vlmevalkit, evalscope')
    harness.add_argument('--base-url', help='a `thyme serve` that is running, /v1 included; by default one is started')
    harness.add_argument('--nproc', type=int, help='vlmevalkit: no server, this many processes, one a GPU (torchrun)')
    harness.add_argument('--harness-python', default=sys.executable, help='interpreter that has the harness')
    harness.add_argument('--harness-args', default='', metavar='TEXT', help='further flags for it, as one text')


def run(args: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    refuse_without_effect(args)
    if args.rescore:
        return _rescore(args)
    if Suite(args.suite) is Suite.SYNTH:
        return _evaluate(args)
    return _harness(args)


_SAMPLED = ('temperature', 'top_p', 'top_k', 'seed')
_ASKED = ('baseline', 'repeats', 'no_shuffle', 'strict')


def refuse_without_effect(args: argparse.Namespace) -> None:
    """Refuses flags that would change nothing: a report must not state what was not done.

    Raises:
        ConfigError: one was given another value than its default.
    """
    suite, defaults = Suite(args.suite), defaults_of(add_arguments)
    asking, made = defaults_of(add_model_arguments, add_sampling_arguments), defaults_of(add_set_arguments)
    harness = defaults_of(_add_harness_arguments)
    refused: dict[str, str] = {}
    if args.rescore:
        others = [name for name in defaults if name not in ('rescore', 'out', 'judge')]
        refused = dict.fromkeys(others, '--rescore, which grades what a run has; leave it out')
    elif suite is Suite.SYNTH:
        refused = dict.fromkeys(harness, '--suite synth, which asks by itself; name a harness with --suite')
        if args.data:
            refused |= dict.fromkeys(made, '--data, whose set is asked; leave one out')
        if args.baseline:
            refused['no_tools'] = '--baseline, which asks both ways; leave one out'
    else:
        reason = f'--suite {args.suite}, which asks and grades itself; see --harness-args'
        refused = dict.fromkeys((*_ASKED, *made, 'judge'), reason)
        if args.base_url:
            refused |= dict.fromkeys((*asking, 'nproc'), '--base-url, whose server decides; give it to that')
        elif not (args.nproc and suite is Suite.VLMEVALKIT):
            refused |= dict.fromkeys(_SAMPLED, f'--suite {args.suite}, which sends its own sampling')
    if args.nproc:
        refused['concurrency'] = '--nproc, whose processes ask one question at a time; leave it out'
    if suite is Suite.EVALSCOPE:
        refused['nproc'] = '--suite evalscope, which has one process; leave it out'
    for name, reason in refused.items():
        if getattr(args, name) != defaults[name]:
            raise ConfigError(f'--{name.replace("_", "-")} has no effect with {reason}')


def _evaluate(args: argparse.Namespace) -> int:
    from .conditions import Condition
    from .runner import EvalSettings
    from .session import evaluate

    conditions = [Condition.NO_TOOLS] if args.no_tools else [Condition.TOOLS]
    if args.baseline:
        conditions = [Condition.TOOLS, Condition.NO_TOOLS]
    args.seed = args.seed or 0
    settings = EvalSettings(args.seed, args.repeats, not args.no_shuffle, tuple(conditions))
    thinker, plan, out = prepare(args, settings)
    with_bar = progress_bar(len(plan.items) * settings.repeats * len(conditions))
    try:
        summary, _ = evaluate(plan, thinker, out, on_progress=with_bar)
    finally:
        asyncio.run(thinker.aclose())
    _show(summary, out)
    return 0 if summary.complete else 1


def _harness(args: argparse.Namespace) -> int:
    from .harness import evalscope, vlmevalkit
    from .harness.command import HarnessRun, begun, model_arguments, model_values, require, write_summary
    from .harness.server import newly_sampled, served, served_card

    if args.out is None or not args.data:
        raise ConfigError(f'--suite {args.suite} needs --data and --out, got {args.data} and {args.out}; give both')
    suite, data, extra = Suite(args.suite), tuple(args.data), tuple(shlex.split(args.harness_args))
    name = served_card(args.base_url)['id'] if args.base_url else 'thyme'
    run = HarnessRun(suite.value, data, args.out, args.harness_python, name, args.concurrency, extra, args.limit)
    harness = vlmevalkit if suite is Suite.VLMEVALKIT else evalscope
    if not args.base_url and not args.url:
        resolve_model(args)
    version = require(run.python, harness.PACKAGE)
    with ExitStack() as stack:
        if args.nproc and suite is Suite.VLMEVALKIT:
            line = vlmevalkit.command_in_process(run, nproc=args.nproc, model=model_values(args))
            policy = described(args, settings_from(args))
            sampled = [policy['settings']['sampling']]
            stack.enter_context(begun(run, policy, version))
            scores = harness.run_command(run, line)
        else:
            own = [*model_arguments(args), '--served-model-name', name, '--letters']
            url = args.base_url or stack.enter_context(served(own, args.out / 'serve.log'))
            line = harness.command(run, base_url=url)
            before = served_card(url, name).get('thyme', {})
            policy = {'letters': before.get('letters'), **before.get('policy', {})}
            stack.enter_context(begun(run, policy, version))
            scores = harness.run_command(run, line)
            sampled = newly_sampled(before, served_card(url, name).get('thyme', {}))
    for score in scores:
        missing = f', {score.not_answered} not answered' if score.not_answered else ''
        missing += f', {score.failed} failed' if score.failed else ''
        print(f'{score.data} {score.metric}: {score.value:.4g} ({score.answers} asked{missing})')
    print(write_summary(run, scores, policy=policy, sampled=sampled, command=line, version=version))
    return 1 if any(score.failed for score in scores) else 0


def _rescore(args: argparse.Namespace) -> int:
    from .session import rescore

    out = args.out or args.rescore / 'rescored'
    summary = rescore(args.rescore, out, reachable_judge(args.judge))
    _show(summary, out)
    return 0 if summary.complete else 1


def _show(summary: Summary, out: Path) -> None:
    from .report import CONDITION_TEXT, interval
    from .session import LEFT_OUT

    if rows := summary.settings.get('rows_left_out'):
        print(f'{rows} rows of the set could not be used and were not asked: {LEFT_OUT} in the run names them')
    for condition in summary.conditions:
        line = summary.overall(condition)
        graded = line.right + line.wrong + line.undecided
        print(f'{CONDITION_TEXT[condition]}: {interval(line.accuracy)} % of {graded} answers', end='')
        print(f', {line.undecided} undecided' if line.undecided else '', end='')
        print(f', {line.ungraded} ungraded' if line.ungraded else '')
    for gap in summary.gaps:
        if not gap.task:
            names = f'{CONDITION_TEXT[gap.first]} minus {CONDITION_TEXT[gap.second]}'
            print(f'{names}: {interval(gap.gap, signed=True)} points')
    if summary.missing:
        print(f'{summary.missing} attempts have no answer ({len(summary.failures)} failed); run the same command again')
    print(out / 'report.html')
