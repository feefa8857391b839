"""`thyme infer`: one question (`--question`, `--image`), or the host's own `swift infer` over a data set.

The rule: it is a question when one of `QUESTION_FLAGS` is among the words; otherwise it is the host's command when
one of `HOST_FLAGS` or a configuration file is; otherwise a question, whose parser says what is missing.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence

from ..cli import Parser
from . import cli
from .host import Method
from .words import is_config

QUESTION_COMMAND = 'swift_thyme.infer.cli'
"""The module of the question-and-answer command."""
QUESTION_FLAGS = frozenset({'question', 'image', 'input', 'output'})
HOST_FLAGS = frozenset({'O3', 'val_dataset', 'ckpt_dir', 'adapters', 'infer_backend', 'result_path', 'load_data_args'})
"""Flags that only the host's command takes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Takes every word as it is; the command that is meant reads them."""
    cli.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Runs the command that the words mean."""
    if is_for_host(args.words):
        return cli.launch(Method.INFER, args.words)
    command = importlib.import_module(QUESTION_COMMAND)
    parser = Parser(
        prog='thyme infer',
        description='Asks a model one question about pictures.',
        epilog='With --O3, --val_dataset, --adapters, --infer_backend or FILE.yaml, and without --question, it is '
        '`swift infer` with the plug-in filled in: `thyme infer --O3 true --val_dataset rows.jsonl …`.',
    )
    command.add_arguments(parser)
    return int(command.run(parser.parse_args(args.words)))


def is_for_host(words: Sequence[str]) -> bool:
    """Whether the words mean the host's command."""
    names = {word[2:].partition('=')[0].replace('-', '_') for word in words if word.startswith('--')}
    if names & QUESTION_FLAGS:
        return False
    return bool(names & HOST_FLAGS) or bool(words and is_config(words[0]))
