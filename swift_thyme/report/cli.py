"""`thyme report RUN… [--out FILE]`."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..view.page import refuse_foreign
from .page import build_report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument(
        'runs',
        metavar='RUN',
        type=Path,
        nargs='+',
        help="the host's OUTPUT_DIR or a folder above; may still be running",
    )
    parser.add_argument('--out', type=Path, default=Path('report.html'), help='the page (default %(default)s)')


def run(args: argparse.Namespace) -> int:
    """Writes the report."""
    refuse_foreign(args.out)
    runs = build_report(args.runs, args.out)
    print(f'{args.out}: {", ".join(run.name for run in runs)}')
    return 0
