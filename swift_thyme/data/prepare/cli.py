"""`thyme prepare sft|rl SRC… --out DIR`: arguments, the progress bar, and what is printed at the end."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from ..lengths import LengthBudget
from ..rows import DROPPABLE, Kind, Split, SystemPolicy, Verdict
from .options import Options, RowFormat
from .report import REPORT_HTML
from .run import Prepared, prepare

if TYPE_CHECKING:
    from .certification import Certificate

_MAX_PIXELS = {Kind.SFT: 3_211_264, Kind.RL: 2_408_448}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument('kind', choices=[kind.value for kind in Kind], help='what the rows are for')
    parser.add_argument(
        'sources', nargs='+', metavar='SRC', help='parquet or jsonl files, folders, or Hugging Face data set ids'
    )
    parser.add_argument('--out', required=True, type=Path, help='folder of the prepared set')
    parser.add_argument('--workers', type=int, default=os.cpu_count() or 1, help='worker processes (default: cores)')
    parser.add_argument(
        '--memory-gib', type=float, default=1.0, help='for all processes together; fewer workers run where it is short'
    )
    parser.add_argument('--format', choices=[f.value for f in RowFormat], default='parquet', help='of the row files')
    parser.add_argument('--keep-paths', action='store_true', help='absolute picture paths: loads without the plugin')
    parser.add_argument(
        '--system',
        choices=[policy.value for policy in SystemPolicy],
        default='keep',
        help='system message: the source’s own where it has one, the paper’s in every row, or none',
    )
    parser.add_argument('--decode', action='store_true', help='decode every picture in full (slow)')
    parser.add_argument('--model', help='checkpoint folder or id whose tokenizer finds over-long rows')
    parser.add_argument('--max-length', type=int, default=10_240, metavar='TOKENS', help='with --model (default 10240)')
    parser.add_argument(
        '--max-pixels',
        type=int,
        help='with --model: pixel budget of a picture (default 3211264 for sft, 2408448 for rl)',
    )
    parser.add_argument('--certify', action='store_true', help='run the code of every row in the sandbox (sft)')
    parser.add_argument(
        '--drop',
        nargs='+',
        default=[],
        choices=[verdict.value for verdict in DROPPABLE],
        help='with --certify: do not keep rows with these verdicts (default: keep all)',
    )
    parser.add_argument('--shards', type=int, metavar='N', help='take the first N shards only, to try things out')
    parser.add_argument('--restart', action='store_true', help='throw away what an earlier run left in --out')


def options_of(args: argparse.Namespace) -> Options:
    """The command line as settings.

    Raises:
        ConfigError: a value cannot work.
    """
    kind = Kind(args.kind)
    lengths = None
    if args.model:
        lengths = LengthBudget(args.model, args.max_length, args.max_pixels or _MAX_PIXELS[kind])
    return Options(
        kind=kind,
        sources=tuple(args.sources),
        out=args.out.expanduser().absolute(),
        row_format=RowFormat(args.format),
        system=SystemPolicy(args.system),
        keep_paths=args.keep_paths,
        decode=args.decode,
        lengths=lengths,
        workers=max(1, args.workers),
        memory_bytes=int(args.memory_gib * (1 << 30)),
        certify=args.certify,
        drop=frozenset(map(Verdict, args.drop)),
        shards=args.shards,
    )


class Bar:
    """A progress bar on the terminal: share of the source's bytes, rows a second, time left."""

    def __init__(self) -> None:
        """The bar appears with `begin`."""
        self._bar: tqdm[None] | None = None
        self._rows = 0

    def begin(self, shards: int, finished: int, bytes_left: int) -> None:
        """See `run.Watcher`."""
        if finished:
            print(f'{finished} of {shards} shards are there from an earlier run', file=sys.stderr)
        self._bar = tqdm(
            total=bytes_left, unit='B', unit_scale=True, unit_divisor=1024, desc='prepare', mininterval=0.5
        )

    def advance(self, rows: int, size_bytes: int) -> None:
        """See `run.Watcher`."""
        if self._bar is None:
            return
        self._rows += rows
        elapsed = self._bar.format_dict['elapsed']
        self._bar.set_postfix_str(f'{self._rows:,} rows, {self._rows / max(elapsed, 1e-3):,.0f} rows/s', refresh=False)
        self._bar.update(size_bytes)

    def begin_certifying(self, rows: int) -> None:
        """See `run.Watcher`."""
        self.close()
        self._bar = tqdm(total=rows, unit=' rows', desc='certify', mininterval=0.5)

    def certified(self, rows: int) -> None:
        """See `run.Watcher`."""
        if self._bar is not None:
            self._bar.update(rows)

    def close(self) -> None:
        """Leaves the last state on the terminal."""
        if self._bar is not None:
            self._bar.close()


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    options = options_of(args)
    bar = Bar()
    try:
        done = prepare(options, bar, restart=args.restart)
    finally:
        bar.close()
    _say(options, done)
    return 1 if done.failed else 0


def _say(options: Options, done: Prepared) -> None:
    tally = done.tally
    print(f'{tally.rows:,} rows from {done.shards} shards: {tally.rows_kept:,} kept, {tally.rows_rejected:,} rejected')
    for split in Split:
        if tally.kept[split.value]:
            print(f'  {split.value:<20} {tally.kept[split.value]:>10,}  {options.out / split.folder}')
    for title, counts in (
        ('rejected', tally.rejected),
        ('changed in kept rows', tally.fixes),
        ('columns carried along in extra', tally.carried),
        ('columns ignored, by rows', tally.ignored),
    ):
        if counts:
            print(f'{title}:')
        for name, count in counts.most_common():
            print(f'  {name:<20} {count:>10,}')
    if options.lengths is None:
        print('over-long rows were not looked for: give --model to count tokens')
    if done.certificate is not None:
        _say_certificate(done.certificate)
    print(f'report: {options.out / REPORT_HTML}')
    for name, error in done.failed.items():
        print(f'not read: {name}: {error}', file=sys.stderr)


def _say_certificate(certificate: Certificate) -> None:
    shares = ', '.join(f'{name} {n / max(certificate.blocks, 1):.1%}' for name, n in certificate.ran.most_common())
    print(f'certified: {certificate.rows:,} rows, {certificate.blocks:,} code blocks ({shares or "none"})')
    for title, counts in (
        ('', certificate.verdicts),
        ('repairs that changed a block, by rows:', certificate.repairs),
        ('why code failed, by rows:', certificate.failures),
    ):
        if title and counts:
            print(title)
        for name, count in counts.most_common(12):
            print(f'  {name:<20} {count:>10,}')
    if certificate.sandbox_failures:
        print(f'{certificate.sandbox_failures:,} rows have no verdict: the sandbox failed; run the same command again')
