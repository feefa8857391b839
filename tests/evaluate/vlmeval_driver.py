"""Runs the launcher of VLMEvalKit's own processes over a scripted policy; started by the tests in its interpreter.

    torchrun … -m tests.evaluate.vlmeval_driver ARGUMENTS OF vlmeval_launcher

`--thyme-model` holds `{"folder": SYNTH_FOLDER, "known": N, "inputs": FOLDER}`; only what a checkpoint's flags load is
replaced by a scripted engine.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import swift_thyme.infer.options as options
from swift_thyme.evaluate.harness import vlmeval_launcher
from swift_thyme.evaluate.sources import load
from swift_thyme.infer import Thinker

from .harness_server import answers
from .scripted import ScriptedEngine


def thinker_from(args: argparse.Namespace) -> Thinker:
    return Thinker(ScriptedEngine(answers(load(Path(args.folder), Path(args.inputs)), args.known)))


if __name__ == '__main__':
    options.thinker_from = thinker_from
    vlmeval_launcher.main()
