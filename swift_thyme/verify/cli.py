"""`thyme verify RUN`: was what a GRPO run trained what it should have been?"""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import ConfigError

_SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.epilog = (
        'rebuilds every row from the saved trajectories, without ms-swift; with --save_steps 1 in training also the '
        'loss and KL divergence of every step; exit code 1 where something does not hold'
    )
    parser.add_argument('run', type=Path, help='output folder of a GRPO run')
    parser.add_argument('--model', type=Path, help='the checkpoint it began with (default: as its args.json says)')
    parser.add_argument('--batches', type=Path, help='THYME_TRACE_BATCHES of the run: compare ids and labels, too')
    parser.add_argument('--max-pixels', type=int, help='MAX_PIXELS of the run (default: as its checkpoint says)')


def run(args: argparse.Namespace) -> int:
    """Verifies and prints one line a property."""
    from .check import verify
    from .rows import read_settings

    if not (args.run / 'args.json').is_file():
        raise ConfigError(f'no run in {args.run}: expected args.json and trajectories; give the output folder of a run')
    model = args.model or Path(str(read_settings(args.run).get('model')))
    if not (model / 'tokenizer.json').is_file():
        raise ConfigError(f'no checkpoint with a tokenizer.json in {model}; give the one the run began with (--model)')
    findings = verify(args.run, model=model, batches=args.batches, max_pixels=args.max_pixels)
    for found in findings:
        state = f'{found.checked} checked, {len(found.wrong)} wrong'
        state = f'not checked: {found.skipped}' if found.skipped else state
        worst = f', largest difference {found.worst:.1e}' if found.worst else ''
        print(f'{found.name}: {state}{worst}')
        for text in found.wrong[:_SHOWN]:
            print(f'  {text}')
    return int(any(found.wrong for found in findings))
