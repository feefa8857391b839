"""`thyme synth`: makes a set of tasks with known truth."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from ...env import argument, member
from ...errors import ConfigError
from .difficulty import DEFAULT_MAX_PIXELS, Legibility
from .exports import relocate
from .generate import generate
from .readable import readable_shares
from .seeds import Split
from .spec import LONG_SIDE, NEEDS_THE_TOOL, Encoding, Form, Kind, SetSpec
from .tasks import MIXED, TASKS
from .trajectory.verify import verify
from .writers import read_canonical


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the flags."""
    parser.add_argument('--task', default=MIXED, choices=[*TASKS, MIXED], help='what is asked (default: %(default)s)')
    parser.add_argument('--n', type=int, default=100, help='number of rows (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='equal seeds give equal bytes (default: %(default)s)')
    parser.add_argument(
        '--kind',
        type=argument(member(Kind)),
        default=Kind.EVAL,
        metavar='{eval,rl,sft}',
        help='what the rows are for',
    )
    parser.add_argument(
        '--split',
        type=argument(member(Split)),
        metavar='{train,validation,test}',
        help='seed range (default: test for eval, else train)',
    )
    parser.add_argument(
        '--difficulty',
        type=difficulty,
        default=NEEDS_THE_TOOL,
        metavar='D|LOW-HIGH',
        help='0 (easy) to 1 (hard) (default: 0.75-0.95, too small to read without a tool on a 4k canvas)',
    )
    parser.add_argument(
        '--canvas', choices=list(LONG_SIDE), default='4k', help='longer side of the pictures (default: %(default)s)'
    )
    parser.add_argument(
        '--form',
        type=argument(member(Form)),
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
        type=argument(member(Encoding)),
        default=Encoding.JPEG,
        metavar='{jpg,png}',
        help='picture files (default: jpg)',
    )
    parser.add_argument('--workers', type=int, default=os.cpu_count() or 1, help='processes (default: one a core)')
    parser.add_argument('--out', type=Path, required=True, help='folder of the set; made if missing')
    _add_set_arguments(parser)


def _add_set_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags that look at a finished set instead of making one."""
    parser.add_argument(
        '--readable', action='store_true', help='count what of the set in --out is readable without a tool'
    )
    parser.add_argument(
        '--legible-px', type=float, default=10.0, help='smallest readable letter for --readable, pixels'
    )
    parser.add_argument('--verify', action='store_true', help='re-execute the SFT set in --out instead of making one')
    parser.add_argument('--relocate', action='store_true', help='rewrite the paths of the set in --out after a move')


def difficulty(text: str) -> tuple[float, float]:
    """Reads `0.5` or `0.2-0.8`."""
    low, _, high = text.partition('-')
    try:
        return float(low), float(high or low)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f'expected D or LOW-HIGH, got {text!r}; for example 0.2-0.8') from error


def run(args: argparse.Namespace) -> int:
    """Makes the set, or checks or moves one, and says what was done."""
    if args.verify:
        return _verify(args.out)
    if args.readable:
        return _readable(args.out, Legibility(args.max_pixels, args.legible_px))
    if args.relocate:
        print(f'{relocate(args.out.resolve())} rows now name pictures below {args.out.resolve()}')
        return 0
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


def _verify(out: Path) -> int:
    verdict = verify(out)
    for problem in verdict.problems:
        print(problem)
    print(f'{verdict.rows} rows, {verdict.rounds} rounds re-executed, {verdict.pictures} pictures checked')
    print(f'{verdict.identical_pictures} pictures identical to the stored ones; {len(verdict.problems)} problems')
    return 0 if verdict.ok else 1


def _readable(out: Path, legibility: Legibility) -> int:
    print(f'readable without a tool at {legibility.max_pixels} pixels, letters of {legibility.legible_px} px and more')
    for task, (rows, share) in readable_shares(read_canonical(out), legibility).items():
        print(f'{task:14} {rows:6} rows {share:7.1%}')
    return 0


def _show(done: int, wanted: int) -> None:
    print(f'\r{done}/{wanted} rows', end='\n' if done == wanted else '', file=sys.stderr, flush=True)
