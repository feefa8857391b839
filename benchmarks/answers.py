"""The rules on sets of answers, with math-verify beside them: agreement, wrong verdicts, deferral and time.

    python benchmarks/answers.py FILE… [--show]

A file is one of

- `*.jsonl`: rows with `question`, `reference`, `answer` and `truth` (`match`, `mismatch` or `defer-ok`);
- `*.json`: a list of `[reference, answer, truth]`;
- `*.py`: a pytest suite; its `parametrize` tables with `gold`, `pred` and `expected` (or `result`) are rows. The suites
  of Math-Verify and lighteval are written so (they are in the source distributions of these packages).

A suite's whole completions are brought to what would stand in answer tags: their box, where they have one. Those
without that are longer than an answer are left out and counted.
"""

from __future__ import annotations

import argparse
import ast
import json
import logging
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from swift_thyme.rewards.rules import Verdict, decide

LONGEST_CHARS = 150
"""Of a suite's prediction that counts as an answer."""


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
    elif path.suffix == '.json':
        for reference, answer, same in json.loads(path.read_text(encoding='utf-8')):
            yield Row('', reference, answer, 'match' if same else 'mismatch')
    else:
        yield from _parametrized(path)


def _parametrized(path: Path) -> Iterator[Row]:
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if not (isinstance(node, ast.Call) and getattr(node.func, 'attr', '') == 'parametrize'):
            continue
        names = [n.strip() for n in str(getattr(node.args[0], 'value', '')).split(',')]
        for entry in getattr(node.args[1], 'elts', ()):
            try:
                row = dict(zip(names, ast.literal_eval(entry), strict=True))
            except (ValueError, TypeError):
                continue
            same = row.get('expected', row.get('result'))
            if isinstance(row.get('gold'), str) and isinstance(row.get('pred'), str) and same in (0, 1):
                yield Row('', answer_in(row['gold']), answer_in(row['pred']), 'match' if same else 'mismatch')


def answer_in(completion: str) -> str:
    """What of a completion would stand in answer tags: its last box where it has one."""
    start = completion.rfind('\\boxed{')
    if completion.count('\\boxed{') != 1:
        return completion
    depth = 0
    for end in range(start, len(completion)):
        depth += (completion[end] == '{') - (completion[end] == '}')
        if depth == 0 and completion[end] == '}':
            return completion[start : end + 1]
    return completion


def math_verify_says(row: Row) -> bool:
    """Whether math-verify calls the two the same, in either direction."""
    from math_verify import parse, verify

    wanted, given = (parse(text if '$' in text else f'${text}$') for text in (row.reference, row.answer))
    return bool(wanted and given and (verify(wanted, given) or verify(given, wanted)))


def measure(path: Path, show: bool) -> Counter[str]:
    """Counts of one file, printed."""
    counts, times_s = Counter[str](), list[float]()
    for row in rows_of(path):
        if path.suffix == '.py' and max(len(row.answer), len(row.reference)) > LONGEST_CHARS:
            counts['left out'] += 1
            continue
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
        counts['math-verify wrong mismatch'] += not same and row.truth == 'match'
    if times_s:
        print(f'{path.name}: {dict(counts)}, {1000 * statistics.median(times_s):.2f} ms an answer')
    return counts


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('files', nargs='+', type=Path)
    parser.add_argument('--show', action='store_true', help='print every row that is not decided rightly')
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    total = sum((measure(path, args.show) for path in args.files), Counter[str]())
    print(f'all: {dict(total)}; deferral {total["deferred"] / max(total["rows"], 1):.0%}')


if __name__ == '__main__':
    main()
