"""How well every task of `thyme synth` is answered without its picture, at three difficulties.

    python benchmarks/blind.py [--train 5000] [--test 1500] [TASK …]

A battery of rules and of classifiers trained on rows of the training split answers rows of the test split, all made
without drawing. Prints the best solver of each task and difficulty, and how many questions without a picture stand word
for word in both splits. Ends with 1 where one is more than five points above chance. 30 to 300 seconds a task.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from swift_thyme.data.synth import TASKS, Kind, SetSpec
from swift_thyme.data.synth.blind import CHANCE, Choice, choices, scores, solvers
from swift_thyme.data.synth.seeds import Split

DIFFICULTIES = (0.1, 0.5, 0.9)
MARGIN = 0.05


def main() -> int:
    """Runs the battery over the tasks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('tasks', nargs='*', default=sorted(TASKS), metavar='TASK', help='default: all')
    parser.add_argument('--train', type=int, default=5000, help='rows that the classifiers learn from')
    parser.add_argument('--test', type=int, default=1500, help='rows a task and difficulty that all answer')
    args = parser.parse_args()
    worst = 0.0
    for task in args.tasks:
        order = SetSpec(task=task, canvas='1k', difficulty=(0.0, 1.0), seed=11, kind=Kind.EVAL, split=Split.TEST)
        battery = solvers(order, args.train)
        asked: list[Choice] = []
        for difficulty in DIFFICULTIES:
            rows = choices(replace(order, difficulty=(difficulty, difficulty), n=args.test))
            asked += rows
            name, share = max(scores(battery, rows).items(), key=lambda item: item[1])
            worst = max(worst, share)
            print(f'{task:<14} {difficulty} {share:.1%} ({name})', flush=True)
        if task == 'compute':
            learnt = {c.stem for c in choices(replace(order, split=Split.TRAIN, n=args.train))}
            print(f'{task:<14} {sum(c.stem in learnt for c in asked)} questions of {len(asked)} stand in training')
    print(f'best of all {worst:.1%}, chance {CHANCE:.0%}')
    return int(worst > CHANCE + MARGIN)


if __name__ == '__main__':
    raise SystemExit(main())
