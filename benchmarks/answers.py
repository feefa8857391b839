"""The rules on sets of answers, with math-verify beside them: agreement, wrong verdicts, deferral and time.

    python benchmarks/answers.py [FILE…] [--show]

A file is one of

- `*.jsonl`: rows with `question`, `reference`, `answer` and `truth` (`match`, `mismatch` or `defer-ok`);
- `*.json`: `source`, `licence` and `pairs`, each `[reference, answer, same]`. Those in `answer_pairs/` are from the
  tests of other graders, as facts: whole completions are brought to their box, longer texts are left out.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from swift_thyme.rewards.rules import Verdict, decide

PAIRS = Path(__file__).with_name('answer_pairs')


@dataclass(frozen=True)
class Row:
    """A question, its reference, and an answer of which the truth is known."""

    question: str
    reference: str
    answer: str
    truth: str


def rows_of(path: Path) -> Iterator[Row]:
    """The rows of a file."""
    if path.suffix == '.jsonl':
        for line in filter(None, path.read_text(encoding='utf-8').splitlines()):
            data = json.loads(line)
            yield Row(data['question'], data['reference'], data['answer'], data['truth'])
    else:
        for reference, answer, same in json.loads(path.read_text(encoding='utf-8'))['pairs']:
            yield Row('', reference, answer, 'match' if same else 'mismatch')


def math_verify_says(row: Row) -> bool:
    """Whether math-verify calls the two the same, in either direction."""
    from math_verify import parse, verify

    wanted, given = (parse(text if '$' in text else f'${text}$') for text in (row.reference, row.answer))
    return bool(wanted and given and (verify(wanted, given) or verify(given, wanted)))


def measure(path: Path, show: bool) -> Counter[str]:
    """Counts of one file, printed."""
    counts, times_s = Counter[str](), list[float]()
    for row in rows_of(path):
        started_s = time.thread_time()
        found = decide(row.question, row.reference, row.answer)
        times_s.append(time.thread_time() - started_s)
        counts['rows'] += 1
        wrong = found.verdict is not Verdict.UNDECIDED and row.truth not in (found.verdict.value, 'defer-ok')
        key = f'wrong {found.verdict.value}' if wrong else 'deferred' if found.verdict is Verdict.UNDECIDED else 'agree'
        counts[key] += 1
        if show and key != 'agree':
            print(f'  {key} ({found.rule}): {row}')
        same = math_verify_says(row)
        counts['math-verify agree'] += row.truth == 'defer-ok' or same is (row.truth == 'match')
        counts['math-verify wrong match'] += same and row.truth == 'mismatch'
    if times_s:
        print(f'{path.name}: {dict(counts)}, {1000 * statistics.median(times_s):.2f} ms an answer')
    return counts


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('files', nargs='*', type=Path, default=sorted(PAIRS.glob('*.json')))
    parser.add_argument('--show', action='store_true', help='print every row that is not decided rightly')
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    total = sum((measure(path, args.show) for path in args.files), Counter[str]())
    print(f'all: {dict(total)}; deferral {total["deferred"] / max(total["rows"], 1):.0%}')


if __name__ == '__main__':
    main()
