"""`thyme tiny OUT`."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument('out', type=Path, help='folder for the checkpoint')
    parser.add_argument('--hidden', type=int, default=128, help='width, a multiple of 64 (default 128)')
    parser.add_argument('--layers', type=int, default=2, help='decoder layers (default 2)')
    parser.add_argument('--seed', type=int, default=0, help='of the random weights')


def run(args: argparse.Namespace) -> int:
    """Builds the checkpoint."""
    from .tiny import build_tiny

    parameters = build_tiny(args.out, hidden=args.hidden, layers=args.layers, seed=args.seed)
    print(f'{args.out}: Qwen2.5-VL, {parameters / 1e6:.1f} M parameters, random weights')
    return 0
