"""`thyme validate PATH`: arguments and what is printed."""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path

from tqdm import tqdm

from ..lengths import LengthBudget, LengthChecker
from ..rows import Reason
from .run import Problem, pieces_of, validate

_EXAMPLES = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument(
        'path', type=Path, help='a prepared set, one of its folders, or a file of rows (parquet, json, jsonl, csv)'
    )
    parser.add_argument('--decode', action='store_true', help='read every picture’s data to its end (slow)')
    parser.add_argument('--model', help='checkpoint folder or id whose tokenizer finds over-long rows')
    parser.add_argument('--max-length', type=int, default=10_240, metavar='TOKENS', help='with --model (default 10240)')
    parser.add_argument('--max-pixels', type=int, default=3_211_264, help='with --model (default 3211264)')
    parser.add_argument('--problems', type=Path, metavar='FILE', help='write every problem to this jsonl file')


def run(args: argparse.Namespace) -> int:
    """Runs the command; 0 when every row is there and passes, 1 when some are not or do not, or there are none."""
    lengths = LengthChecker(LengthBudget(args.model, args.max_length, args.max_pixels)) if args.model else None
    examples: dict[Reason, list[Problem]] = defaultdict(list)
    lines = args.problems.open('w', encoding='utf-8') if args.problems else None

    def note(problem: Problem) -> None:
        if len(examples[problem.reason]) < _EXAMPLES:
            examples[problem.reason].append(problem)
        if lines is not None:
            lines.write(
                json.dumps({'source': problem.source, 'reason': problem.reason.value, 'detail': problem.detail}) + '\n'
            )

    size = sum(piece.size_bytes for piece in pieces_of(args.path)[1])
    try:
        with tqdm(total=size, unit='B', unit_scale=True, unit_divisor=1024, desc='validate') as bar:
            found = validate(args.path, decode=args.decode, lengths=lengths, on_problem=note, consumed=bar.update)
    finally:
        if lines is not None:
            lines.close()
    failed = sum(found.problems.values())
    print(f'{found.rows:,} rows in {len(found.files)} files: {found.rows - failed:,} pass, {failed:,} do not')
    for reason, count in found.problems.most_common():
        print(f'{reason.value:<20} {count:>10,}  {reason.text}')
        for problem in examples[reason]:
            print(f'    {problem.source}: {problem.detail}')
    print(*found.miscounted, sep='\n', end='\n' if found.miscounted else '')
    if lengths is None:
        print('over-long rows were not looked for: give --model to count tokens')
    return 1 if failed or found.miscounted or not found.rows else 0
