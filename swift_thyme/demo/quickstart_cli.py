"""`thyme quickstart [--out DIR]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument(
        '--out', type=Path, default=Path('out/quickstart'), help='folder for everything it writes (default %(default)s)'
    )


def run(args: argparse.Namespace) -> int:
    """Runs the chain, shows how far it is, and ends with the table."""
    from .quickstart import Quickstart
    from .summary import render

    live = sys.stderr.isatty()

    def progress(stage: str, step: int, steps: int) -> None:
        if live:
            print(f'\r{stage}: step {step} of {steps}   ', end='', file=sys.stderr, flush=True)
        elif step == steps or step % 20 == 0:
            print(f'{stage}: step {step} of {steps}', file=sys.stderr, flush=True)

    def report(line: str) -> None:
        print(f'\r{line}          ' if live else line, file=sys.stderr, flush=True)

    summary = Quickstart(args.out, report, progress).run()
    print(f'\n{render(summary)}\n\nEverything is under {args.out}: data, models, logs, batches, answer, summary.json')
    return 0
