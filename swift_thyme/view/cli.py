"""`thyme view PATH… [--out FILE]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2

from .blocks import Decode
from .build import ViewOptions, build_page
from .page import refuse_foreign


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    defaults = ViewOptions()
    parser.add_argument(
        'paths',
        nargs='+',
        type=Path,
        metavar='PATH',
        help="a run's OUTPUT_DIR, a folder or file of trajectories, the host's completions.jsonl, a vis.json",
    )
    parser.add_argument('--out', type=Path, default=Path('trajectories.html'), help='the page (default %(default)s)')
    parser.add_argument('--title', help='heading of the page (default: the name of the first path)')
    parser.add_argument(
        '--max-image-px',
        type=int,
        default=defaults.max_image_px,
        help='longest side of a picture (default %(default)s)',
    )
    parser.add_argument(
        '--max-mb', type=float, default=defaults.max_mb, help='of all pictures together (default %(default)s)'
    )
    parser.add_argument('--limit', type=int, help='trajectories, from the first')
    parser.add_argument(
        '--tokenizer', metavar='DIR', help='checkpoint whose tokenizer spells the saved token ids, for colouring tokens'
    )


def run(args: argparse.Namespace) -> int:
    """Writes the page and says what is in it; exit code 0 also when some lines could not be read."""
    refuse_foreign(args.out)
    options = ViewOptions(
        title=args.title or args.paths[0].resolve().name,
        max_image_px=args.max_image_px,
        max_mb=args.max_mb,
        limit=args.limit,
        decode=_decoder(args.tokenizer) if args.tokenizer else None,
    )
    cv2.setNumThreads(1)  # the pictures have threads of their own
    built = build_page(args.paths, args.out, options)
    print(
        f'{built.path}: {built.trajectories} trajectories, {built.pictures} pictures, {built.size_bytes / 1e6:.1f} MB'
        + (f'; {built.pictures_left_out} pictures left out, see --max-mb' if built.pictures_left_out else '')
    )
    for problem in built.problems[:5]:
        print(problem.message, file=sys.stderr)
    if len(built.problems) > 5:
        print(f'… and {len(built.problems) - 5} more lines that could not be read', file=sys.stderr)
    return 0


def _decoder(folder: str) -> Decode:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)

    def decode(ids: Sequence[int]) -> list[str]:
        return [str(text) for text in tokenizer.batch_decode([[i] for i in ids])]

    return decode
