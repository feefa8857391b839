"""`thyme …`: one entry point; each command lives beside the part it belongs to and is imported when it is called.

A command's module has `add_arguments(parser)` and `run(args) -> int`. Only `cli.py` files print.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import sys
from collections.abc import Sequence
from typing import NoReturn

from . import __version__
from .env import reach_loopback_directly
from .errors import ThymeError, pip_line

COMMANDS: dict[str, tuple[str, str]] = {
    'quickstart': ('swift_thyme.demo.quickstart_cli', 'the whole job in miniature: data, SFT, GRPO, one answer'),
    'sft': ('swift_thyme.launch.cli', "the host's SFT with plug-in, template and mask filled in"),
    'rlhf': ('swift_thyme.launch.cli', "the host's GRPO with plug-in, template and scheduler filled in"),
    'rollout': ('swift_thyme.launch.cli', "the host's rollout server, likewise"),
    'infer': ('swift_thyme.infer.cli', 'ask a model one question about pictures, or a file of questions'),
    'serve': ('swift_thyme.serve.cli', 'serve a model with its sandbox behind the OpenAI API'),
    'eval': ('swift_thyme.evaluate.cli', 'score a model: synthetic sets, local files, VLMEvalKit, evalscope'),
    'audit': ('swift_thyme.audit.cli', 'did the tool cause the answer? the same items under four conditions'),
    'synth': ('swift_thyme.data.synth.cli', 'make tasks with known truth: evaluation, RL and SFT rows'),
    'prepare': ('swift_thyme.data.prepare.cli', 'turn public data sets into rows the host trains on'),
    'validate': ('swift_thyme.data.validate.cli', 'check a set of rows before training on it'),
    'tiny': ('swift_thyme.demo.tiny_cli', 'build a tiny Qwen2.5-VL checkpoint with the real vocabulary'),
    'plan': ('swift_thyme.plan.cli', 'settings that fit your GPUs, and what a step costs, by arithmetic'),
    'judge': ('swift_thyme.launch.judge_cli', 'serve a judge (rules only, or a model), or check the judges you have'),
    'doctor': ('swift_thyme.doctor.cli', 'say what this machine can do, and what is missing'),
    'sandbox': ('swift_thyme.sandbox.cli', 'run JSON lines of code in one sandbox session'),
    'score': ('swift_thyme.rewards.cli', 'score completions on stdin: format, rule verdict, with a judge the reward'),
    'rescore': ('swift_thyme.rewards.rescore.cli', 'score saved trajectories again: other settings, another judge'),
    'demo': ('swift_thyme.demo.web.cli', 'ask a model about a picture in the browser'),
    'report': ('swift_thyme.report.cli', 'draw how a training run went, as one HTML file'),
    'verify': ('swift_thyme.verify.cli', 'recompute what a GRPO run trained, from its trajectories alone'),
    'view': ('swift_thyme.view.cli', 'show saved trajectories as one HTML file'),
}
"""Command → (module, one line of help)."""
_EXTRAS = {
    **dict.fromkeys(('starlette', 'uvicorn', 'pydantic', 'prometheus_client'), 'serve'),
    **{'pygments': 'view', 'gradio': 'demo', 'skimage': 'synth', 'dashscope': 'quickstart'},
}
"""Module that only some commands need → the extra that brings it."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; the usage of a command with thirty flags would hide it."""

    def error(self, message: str) -> NoReturn:
        """See `argparse`."""
        self.exit(2, f'{self.prog}: {message}; `{self.prog} --help` lists what it takes\n')

    def parse(self, words: Sequence[str], command: Parser | None = None) -> argparse.Namespace:
        """Like `parse_args`; words that are too many are refused in the name of `command`, with the nearest flag."""
        args, unknown = self.parse_known_args(words)
        if unknown:
            taker = command or self
            known = [name for name in taker._option_string_actions if name.startswith('--')]
            near = [flag for word in unknown for flag in difflib.get_close_matches(word.partition('=')[0], known, n=1)]
            hint = f'; did you mean {" and ".join(near)}?' if near else ''
            taker.error(f'unrecognized arguments: {" ".join(unknown)}{hint}')
        return args


_GO_ON = {
    **dict.fromkeys(('prepare', 'eval', 'audit'), 'the same command goes on where it was'),
    'infer': 'with --output the same command goes on where it was',
    'synth': 'the same command makes the set again, byte for byte; another --out takes another order',
    'quickstart': 'the same command goes on with the stage that was not finished',
}
"""Command → what to do after Ctrl-C."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code, 2 for an error in what the user gave or in what the machine allows."""
    argv = list(sys.argv[1:] if argv is None else argv)
    parser = Parser(prog='thyme', description='Think with images by writing code, on ms-swift.')
    parser.add_argument('--version', action='version', version=f'swift-thyme {__version__}')
    chosen = next((word for word in argv if not word.startswith('-')), None)
    if chosen is not None and chosen not in COMMANDS:
        near = difflib.get_close_matches(chosen, COMMANDS, n=2, cutoff=0.5)
        hint = f'did you mean {" or ".join(near)}?' if near else '`thyme --help` lists them'
        print(f'thyme: no such command: got {chosen!r}; {hint}', file=sys.stderr)
        return 2
    reach_loopback_directly()
    try:
        return _run(parser, chosen, argv)
    except (ThymeError, OSError, ModuleNotFoundError) as error:
        text = _sentence(error)
        if text is None:
            raise
        print(f'thyme {chosen}: {text}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f'thyme {chosen}: interrupted; {_GO_ON.get(str(chosen), "nothing unfinished is kept")}', file=sys.stderr)
        return 130


def _run(parser: Parser, chosen: str | None, argv: Sequence[str]) -> int:
    commands = parser.add_subparsers(dest='command', metavar='COMMAND')
    for name, (module, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name == chosen:
            importlib.import_module(module).add_arguments(command)
    args = parser.parse(argv, commands.choices.get(chosen or ''))
    if args.command is None:
        parser.print_help()
        return 2
    return int(importlib.import_module(COMMANDS[args.command][0]).run(args))


def _sentence(error: Exception) -> str | None:
    """What to tell the user of an error that is not the program's; None for one that is."""
    if isinstance(error, ThymeError):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        extra = _EXTRAS.get((error.name or '').partition('.')[0])
        return f'{error.name} is not installed; {pip_line(extra)}' if extra else None
    assert isinstance(error, OSError)
    path = error.filename2 or error.filename
    what = f'{path}: {error.strerror}' if path is not None else f'{type(error).__name__}: {error}'
    return f'{what.splitlines()[0][:500]}; correct that, and run the command again'


if __name__ == '__main__':
    sys.exit(main())
