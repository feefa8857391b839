"""`thyme sft|rlhf|rollout …`: the host's command, completed, printed and run."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from .host import Method
from .options import usage_lines
from .recipes import FOLDER, about, recipe_names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Takes every word as it is: which flags there are is the host's to say."""
    parser.prefix_chars = '\0'
    parser.add_argument('words', nargs=argparse.REMAINDER)


def run(args: argparse.Namespace) -> int:
    """Prints the host's command and becomes it; with `--dry-run` only prints."""
    return launch(Method(args.command), args.words)


def launch(method: Method, words: Sequence[str]) -> int:
    """Assembles, prints and runs one command of the host. Does not return when it runs.

    Raises:
        ThymeError: what was typed cannot be run.
    """
    if not words or words[0] in ('-h', '--help'):
        print(usage(method))
        return 0 if words else 2
    from .job import assemble

    job = assemble(method, words)
    for note in job.notes:
        print(f'thyme {method.value}: {note}', file=sys.stderr)
    print(job, flush=True)
    if job.options.dry_run is not None:
        return 0
    for separation in job.separations:
        counts = separation.write()
        print(f'{separation.source}: {counts[0]} rows with pictures, {counts[1]} without', file=sys.stderr)
    sys.stderr.flush()
    os.execvp(job.argv[0], job.argv)


def usage(method: Method) -> str:
    """What the command is for and which flags are ours."""
    lines = [
        f'usage: thyme {method.value} [FILE.yaml] [flags of `swift {method.value}`] [--O3 true] [--dry-run]',
        '',
        f'Completes the flags of `swift {method.value}`, prints the whole command and runs it; flags of the',
        'release are translated with a warning. With NPROC_PER_NODE (NNODES, NODE_RANK, MASTER_ADDR) it uses torchrun.',
        '',
        'Flags that are not the host\'s:',
    ]  # fmt: skip
    lines += usage_lines()
    lines += ['  --resume_from_checkpoint auto   go on from the last complete checkpoint below --output_dir']
    if names := recipe_names(method):
        lines += ['', f'Recipes, with every flag explained, are in {FOLDER}:']
        lines += [f'  {name:<20} {about(name)}' for name in names]
    return '\n'.join(lines)
