"""`thyme …`: one entry point; each command lives beside the part it belongs to and is imported when it is called.

A command's module has `add_arguments(parser)` and `run(args) -> int`. Only `cli.py` files print.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from .errors import ThymeError

COMMANDS: dict[str, tuple[str, str]] = {
    'quickstart': ('swift_thyme.demo.quickstart_cli', 'the whole job in miniature: data, SFT, GRPO, one answer'),
    'sft': ('swift_thyme.launch.cli', "the host's SFT with plug-in, template and mask filled in"),
    'rlhf': ('swift_thyme.launch.cli', "the host's GRPO with plug-in, template and scheduler filled in"),
    'rollout': ('swift_thyme.launch.cli', "the host's rollout server, likewise"),
    'deploy': ('swift_thyme.launch.cli', "the host's OpenAI-compatible server, likewise"),
    'infer': ('swift_thyme.launch.infer_cli', "ask a model one question about a picture, or the host's infer"),
    'serve': ('swift_thyme.serve.cli', 'serve a model with its sandbox behind the OpenAI API'),
    'eval': ('swift_thyme.evaluate.cli', 'score a model: synthetic sets, local files, VLMEvalKit, evalscope'),
    'audit': ('swift_thyme.audit.cli', 'did the tool cause the answer? the same items under four conditions'),
    'synth': ('swift_thyme.data.synth.cli', 'make tasks with known truth: evaluation, RL and SFT rows'),
    'prepare': ('swift_thyme.data.prepare.cli', 'turn public data sets into rows the host trains on'),
    'validate': ('swift_thyme.data.validate.cli', 'check a set of rows before training on it'),
    'tiny': ('swift_thyme.demo.tiny_cli', 'build a tiny Qwen2.5-VL checkpoint with the real vocabulary'),
    'plan': ('swift_thyme.plan.cli', 'settings that fit your GPUs, and what a step costs, by arithmetic'),
    'judge': ('swift_thyme.rewards.judge.cli', 'serve a judge (rules only, or a model), or check the judges you have'),
    'doctor': ('swift_thyme.doctor.cli', 'say what this machine can do, and what is missing'),
    'sandbox': ('swift_thyme.sandbox.cli', 'run JSON lines of code in one sandbox session'),
    'score': ('swift_thyme.rewards.cli', 'score completions on stdin: format, rule verdict, with a judge the reward'),
    'rescore': ('swift_thyme.rewards.rescore.cli', 'score saved trajectories again: other settings, another judge'),
    'demo': ('swift_thyme.demo.web.cli', 'ask a model about a picture in the browser'),
    'report': ('swift_thyme.report.cli', 'draw how a training run went, as one HTML file'),
    'view': ('swift_thyme.view.cli', 'show saved trajectories as one HTML file'),
}
"""Command → (module, one line of help)."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code, 2 for an error in what the user gave."""
    argv = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(prog='thyme', description='Think with images by writing code, on ms-swift.')
    commands = parser.add_subparsers(dest='command', metavar='COMMAND', required=True)
    chosen = next((word for word in argv if not word.startswith('-')), None)
    for name, (module, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name == chosen:
            importlib.import_module(module).add_arguments(command)
    args = parser.parse_args(argv)
    try:
        return int(importlib.import_module(COMMANDS[args.command][0]).run(args))
    except ThymeError as error:
        print(f'thyme {args.command}: {error}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == '__main__':
    sys.exit(main())
