"""`thyme synth`: makes a set of tasks with known truth."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from ...errors import ConfigError
from .difficulty import DEFAULT_MAX_PIXELS
from .generate import generate
from .seeds import Split
from .spec import LONG_SIDE, Encoding, Form, Kind, SetSpec
from .tasks import MIXED, TASKS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the flags."""
    parser.add_argument('--task', default=MIXED, choices=[*TASKS, MIXED], help='what is asked (default: %(default)s)')
    parser.add_argument('--n', type=int, default=100, help='number of rows (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='equal seeds give equal bytes (default: %(default)s)')
    parser.add_argument(
        '--kind',
        type=Kind,
        choices=list(Kind),
        default=Kind.EVAL,
        metavar='{eval,rl,sft}',
        help='what the rows are for',
    )
    parser.add_argument(
        '--split',
        type=Split,
        choices=list(Split),
        metavar='{train,validation,test}',
        help='seed range (default: test for eval, else train)',
    )
    parser.add_argument(
        '--difficulty',
        type=difficulty,
        default=(0.5, 0.5),
        metavar='D|LOW-HIGH',
        help='0 (easy) to 1 (hard) (default: 0.5)',
    )
    parser.add_argument(
        '--canvas', choices=list(LONG_SIDE), default='4k', help='longer side of the pictures (default: %(default)s)'
    )
    parser.add_argument(
        '--form',
        type=Form,
        choices=list(Form),
        metavar='{choice,free,both}',
        help='how questions are answered (default: choice for eval, else both)',
    )
    parser.add_argument(
        '--max-pixels',
        type=int,
        default=DEFAULT_MAX_PIXELS,
        help="the model's pixel budget that difficulty refers to (default: %(default)s)",
    )
    parser.add_argument(
        '--encoding',
        type=Encoding,
        choices=list(Encoding),
        default=Encoding.JPEG,
        metavar='{jpg,png}',
        help='picture files (default: jpg)',
    )
    parser.add_argument('--workers', type=int, default=os.cpu_count() or 1, help='processes (default: one a core)')
    parser.add_argument('--out', type=Path, required=True, help='folder of the set; made if missing')


def difficulty(text: str) -> tuple[float, float]:
    """Reads `0.5` or `0.2-0.8`."""
    low, _, high = text.partition('-')
    try:
        return float(low), float(high or low)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f'expected D or LOW-HIGH, got {text!r}; for example 0.2-0.8') from error


def run(args: argparse.Namespace) -> int:
    """Makes the set and says what was made."""
    spec = SetSpec(
        task=args.task,
        n=args.n,
        seed=args.seed,
        kind=args.kind,
        split=args.split,
        difficulty=args.difficulty,
        canvas=args.canvas,
        form=args.form,
        max_pixels=args.max_pixels,
        encoding=args.encoding,
    )
    if args.out.exists() and not args.out.is_dir():
        raise ConfigError(f'--out must be a folder, got the file {args.out}; choose another name')
    begin = time.monotonic()
    report = generate(spec, args.out, workers=args.workers, progress=_show if sys.stderr.isatty() else None)
    seconds = time.monotonic() - begin
    for name, count in report.files.items():
        print(f'{report.out / name}: {count} rows')
    print(f'readable without a tool at {spec.max_pixels} pixels: {report.readable_share:.1%}')
    print(f'sha256 {report.sha256}')
    print(f'{spec.n} rows in {seconds:.1f} s ({spec.n / seconds:.2f} a second)')
    return 0


def _show(done: int, wanted: int) -> None:
    print(f'\r{done}/{wanted} rows', end='\n' if done == wanted else '', file=sys.stderr, flush=True)
