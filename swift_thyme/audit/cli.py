"""`thyme audit`: did the tool cause the answer? The same items under four conditions."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from ..evaluate.options import add_asking_arguments, add_set_arguments, prepare, progress_bar, reachable_judge
from ..infer.options import add_model_arguments, add_sampling_arguments

if TYPE_CHECKING:
    from .report import Audit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.epilog = 'exit code 0: every attempt has an answer and was graded; 1: run it again to go on'
    parser.add_argument('--data', nargs='+', default=[], help='folders of `thyme synth`, .tsv or .jsonl files')
    parser.add_argument('--out', type=Path, help='folder of the run; the same folder goes on where it was')
    parser.add_argument('--rescore', type=Path, metavar='DIR', help='grade the trajectories of an audit again')
    add_model_arguments(parser)
    add_sampling_arguments(parser)
    add_asking_arguments(parser)
    add_set_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    from ..evaluate.runner import EvalSettings
    from .run import CONDITIONS, audit, rescore

    if args.rescore:
        out = args.out or args.rescore / 'rescored'
        found = rescore(args.rescore, out, reachable_judge(args.judge))
    else:
        args.seed = args.seed or 0
        settings = EvalSettings(args.seed, args.repeats, not args.no_shuffle, CONDITIONS)
        thinker, plan, out = prepare(args, settings)
        total = len(plan.items) * settings.repeats * len(CONDITIONS)
        try:
            found = audit(plan, thinker, out, on_progress=progress_bar(total))
        finally:
            asyncio.run(thinker.aclose())
    _show(found, out)
    return 0 if found.summary.complete else 1


def _show(found: Audit, out: Path) -> None:
    from ..evaluate.report import interval
    from .report import EFFECT_TEXT

    for name, text in EFFECT_TEXT.items():
        print(f'{text}: {interval(getattr(found.effects[0], name))} %')
    print(f'best crop shows the whole target: {interval(found.aim.whole_target)} %')
    if found.summary.missing:
        print(f'{found.summary.missing} attempts have no answer; run the same command again')
    print(out / 'audit.html')
