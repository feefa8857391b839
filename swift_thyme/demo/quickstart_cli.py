"""`thyme quickstart [--out DIR]`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

SHARES = {
    'tiny checkpoint': 0.02,
    'data': 0.01,
    'SFT stage 1': 0.31,
    'SFT stage 2': 0.10,
    'GRPO-ATS': 0.50,
    'held-out questions': 0.06,
}
"""Stage → its share of the whole time, to say how much is left."""
_WHOLE_S = 390
STEPS = {'sft-1': 'SFT stage 1', 'sft-2': 'SFT stage 2', 'grpo': 'GRPO-ATS'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument(
        '--out', type=Path, default=Path('out/quickstart'), help='folder for everything it writes (default %(default)s)'
    )


class Progress:
    """One line on the terminal that says what is done and how long the rest may take; in a log, a line now and then."""

    def __init__(self) -> None:
        """Time begins now."""
        self._live, self._start, self._before = sys.stderr.isatty(), time.monotonic(), set[str]()
        self._done = 0.0

    def step(self, stage: str, step: int, steps: int) -> None:
        """A stage is at one of its steps."""
        if self._live or step == steps or step % (5 if stage == 'grpo' else 20) == 0:
            name = STEPS[stage]
            self._show(f'{name}: step {step} of {steps}', SHARES[name] * step / steps, '' if self._live else '\n')

    def stage(self, name: str, said: str) -> None:
        """A stage has ended, now or in an earlier run."""
        self._done += 0.0 if said == 'done before' else SHARES[name]
        self._before |= {name} if said == 'done before' else set()
        self._show(f'{name}: {said}', 0.0, '\n')

    def _show(self, text: str, share: float, end: str) -> None:
        elapsed, done = time.monotonic() - self._start, self._done + share
        todo = 1 - sum(SHARES[name] for name in self._before)
        left = elapsed * (todo - done) / done if done > 0.01 else todo * _WHOLE_S
        line = f'{text}, {elapsed:.0f} s so far, about {left:.0f} s left'
        print(f'\r{line:<78}' if self._live else line, end=end, file=sys.stderr, flush=True)


def run(args: argparse.Namespace) -> int:
    """Runs the chain, shows how far it is, and ends with the table."""
    from .quickstart import Quickstart
    from .summary import LEAST_GAIN, learnt, render

    progress = Progress()
    print('three to eight minutes on two cores; data, models and logs go to', args.out, file=sys.stderr, flush=True)
    summary = Quickstart(args.out, progress.stage, progress.step).run()
    model = f'{args.out}/models'
    print(
        f'\n{render(summary)}\n\nEverything is under {args.out}: data, models, logs, batches, summary.json\n\n'
        'Next (after `source .venv/bin/activate` in a clone):\n'
        f'  thyme infer --model {model}/grpo --input {args.out}/data/held-out.jsonl --output answers.jsonl\n'
        '      (it knows only questions like these, with their own short system message; answers are in `answer`)\n'
        f'  thyme view {model}/grpo --out trajectories.html      every trajectory of the RL stage on one page\n'
        f'  thyme report {model} --out report.html               the curves of the three stages'
    )
    if learnt(summary):
        return 0
    print(
        f'RL improved nothing: expected at least {LEAST_GAIN:.0%} more of the held-out answers right; see {model}/grpo '
        f'with `thyme view`, and {args.out}/logs/grpo.log',
        file=sys.stderr,
    )
    return 1
