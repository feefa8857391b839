"""`thyme sft|rlhf|rollout|deploy|infer …`: the host's command, completed, printed and run.

`thyme infer` is one question (`--question`, `--image`), or the host's own `swift infer` over a data set. The rule: it
is a question when one of `QUESTION_FLAGS` is among the words; otherwise it is the host's command when one of
`HOST_FLAGS` or a configuration file is; otherwise a question, whose parser says what is missing.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from ..cli import Parser
from .host import Method
from .options import usage_lines
from .recipes import FOLDER, about, recipe_names
from .words import is_config

QUESTION_FLAGS = frozenset({'question', 'image', 'input', 'output'})
HOST_FLAGS = frozenset({'O3', 'val_dataset', 'ckpt_dir', 'adapters', 'infer_backend', 'result_path', 'load_data_args'})
"""Flags that only the host's command takes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Takes every word as it is: which flags there are is the host's to say."""
    parser.prefix_chars = '\0'
    parser.add_argument('words', nargs=argparse.REMAINDER)


def run(args: argparse.Namespace) -> int:
    """Prints the host's command and becomes it; with `--dry-run` only prints. `infer` may be a question instead."""
    method = Method(args.command)
    return ask(args.words) if method is Method.INFER and not is_for_host(args.words) else launch(method, args.words)


def is_for_host(words: Sequence[str]) -> bool:
    """Whether the words of `thyme infer` mean the host's command."""
    names = {word[2:].partition('=')[0].replace('-', '_') for word in words if word.startswith('--')}
    if names & QUESTION_FLAGS:
        return False
    return bool(names & HOST_FLAGS) or bool(words and is_config(words[0]))


def ask(words: Sequence[str]) -> int:
    """Runs the question-and-answer command."""
    from ..infer import cli as question

    parser = Parser(
        prog='thyme infer',
        description='Asks a model one question about pictures.',
        epilog='With --O3, --val_dataset, --adapters, --infer_backend or FILE.yaml, and without --question, it is '
        '`swift infer` with the plug-in filled in: `thyme infer --O3 true --val_dataset rows.jsonl …`.',
    )
    question.add_arguments(parser)
    return int(question.run(parser.parse(words)))


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
        f'Completes the flags of `swift {method.value}`, prints the whole command and runs it; flags of older hosts',
        'are translated with a warning. With NPROC_PER_NODE (and NNODES, NODE_RANK, MASTER_ADDR) it uses torchrun.',
        '',
        'Flags that are not the host\'s:',
    ]  # fmt: skip
    lines += usage_lines()
    lines += ['  --resume_from_checkpoint auto   go on from the last complete checkpoint below --output_dir']
    if names := recipe_names(method):
        lines += ['', f'Recipes, with every flag explained, are in {FOLDER}:']
        lines += [f'  {name:<20} {about(name)}' for name in names]
    return '\n'.join(lines)
