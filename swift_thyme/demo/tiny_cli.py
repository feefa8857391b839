"""`thyme tiny OUT`."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument('out', type=Path, help='folder for the checkpoint')
    parser.add_argument(
        '--family', choices=['qwen2_vl', 'qwen2_5_vl', 'qwen3_vl'], default='qwen2_5_vl', help='(default %(default)s)'
    )
    parser.add_argument('--hidden', type=int, default=128, help='width, a multiple of 64 (default 128)')
    parser.add_argument('--layers', type=int, default=2, help='decoder layers (default 2)')
    parser.add_argument('--seed', type=int, default=0, help='of the random weights')


def run(args: argparse.Namespace) -> int:
    """Builds the checkpoint."""
    from .tiny import Family, build_tiny

    parameters = build_tiny(
        args.out, family=Family(args.family), hidden=args.hidden, layers=args.layers, seed=args.seed
    )
    print(f'{args.out}: {args.family}, {parameters / 1e6:.1f} M parameters, random weights')
    return 0
