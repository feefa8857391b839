"""`thyme prepare sft|rl SRC… --out DIR`: arguments, the progress bar, and what is printed at the end."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from ...errors import ConfigError, DataError
from ..lengths import LengthBudget
from ..rows import DROPPABLE, Kind, Split, SystemPolicy, Verdict
from .options import ALL, Options, RowFormat
from .report import REPORT_HTML
from .run import Prepared, prepare

_SAMPLE_ROWS = 500
_MAX_PIXELS = {Kind.SFT: 3_211_264, Kind.RL: 2_408_448}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument('kind', choices=[kind.value for kind in Kind], help='what the rows are for')
    parser.add_argument(
        'sources',
        nargs='+',
        metavar='SRC',
        help='files (parquet, json, jsonl, csv), folders, or Hugging Face data set ids',
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
    parser.add_argument('--decode', action='store_true', help='read every picture’s data to its end (slow)')
    parser.add_argument('--model', help='checkpoint folder or id whose tokenizer finds over-long rows')
    parser.add_argument('--max-length', type=int, default=10_240, metavar='TOKENS', help='with --model (default 10240)')
    parser.add_argument(
        '--max-pixels',
        type=int,
        help='with --model: pixel budget of a picture (default 3211264 for sft, 2408448 for rl)',
    )
    parser.add_argument(
        '--columns', default='{}', metavar='JSON', help='names of columns → names that are read: {"text": "question"}'
    )
    parser.add_argument(
        '--certify',
        nargs='?',
        type=int,
        const=ALL,
        metavar='ROWS',
        help=f'run the code of every row in the sandbox, or of so many, at least one a shard '
        f'(default for sft: a sample of {_SAMPLE_ROWS})',
    )
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
        certify_rows=args.certify if args.certify is not None else _SAMPLE_ROWS if kind is Kind.SFT else 0,
        drop=frozenset(map(Verdict, args.drop)),
        shards=args.shards,
        columns=_columns(args.columns),
    )


def _columns(text: str) -> dict[str, str]:
    try:
        columns = json.loads(text)
    except ValueError:
        columns = None
    if not isinstance(columns, dict) or not all(isinstance(name, str) for name in columns.values()):
        raise ConfigError(f'--columns must be a JSON object of names, got {text!r}; for example {{"text": "question"}}')
    return columns


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    options = options_of(args)
    with tqdm(total=0, unit='B', unit_scale=True, unit_divisor=1024, desc='prepare', mininterval=0.5) as bar:
        done = prepare(options, bar, restart=args.restart)
    if not done.tally.rows_kept and not done.failed:
        why = ', '.join(f'{reason} {count}' for reason, count in done.tally.rejected.most_common(3))
        got = f'{done.tally.rows} rows, all rejected: {why}' if why else f'none in {" ".join(options.sources)}'
        got += f'; no row has the columns {done.columns_missed} of --columns' if done.columns_missed else ''
        raise DataError(f'no row is left to train on: got {got}; {options.out / REPORT_HTML} says why')
    _say(options, done)
    return 1 if done.failed else 0


def _say(options: Options, done: Prepared) -> None:
    tally = done.tally
    if done.resumed:
        print(f'{done.resumed} of {done.shards} shards were there from an earlier run')
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
        _list(f'{title}:', counts)
    if options.lengths is None:
        print('over-long rows were not looked for: give --model to count tokens')
    _say_certified(options, done)
    print(f'report: {options.out / REPORT_HTML}')
    if done.skipped:
        print(f'not read, no rows in a known format: {", ".join(done.skipped[:5])}', file=sys.stderr)
        print(f'  ({len(done.skipped)} files; parquet, json, jsonl and csv are read)', file=sys.stderr)
    if done.columns_missed:
        print(f'--columns: no row has {", ".join(map(repr, done.columns_missed))}', file=sys.stderr)
    for name, error in done.failed.items():
        print(f'not read: {name}: {error}', file=sys.stderr)


def _say_certified(options: Options, done: Prepared) -> None:
    tally = done.tally
    rows, blocks = sum(tally.verdicts.values()), sum(tally.blocks.values())
    if done.not_certified:
        print(f'code was not run: {done.not_certified}')
    if rows:
        sample = '' if options.certify_rows == ALL else ' as a sample; --certify runs all'
        shares = ', '.join(f'{name} {n / blocks:.1%}' for name, n in tally.blocks.most_common())
        print(f'code was run of {rows:,} rows, {blocks:,} blocks ({shares}){sample}')
    _list('verdicts, by rows:', tally.verdicts, rows)
    _list('repairs that changed a block, by rows:', tally.repairs, rows)
    _list('why code failed, by rows:', tally.failures, rows)
    if tally.sandbox_failures:
        print(f'{tally.sandbox_failures:,} rows have no verdict: the sandbox failed; run the same command again')


def _list(title: str, counts: Counter[str], whole: int = 0) -> None:
    if counts:
        print(title)
    for name, count in counts.most_common(12 if whole else None):
        print(f'  {name:<20} {count:>10,}' + (f' {count / whole:>7.1%}' if whole else ''))
