"""Keeps of a run of `two_arms.sh` what docs/evidence.md is made from: a verdict an item and arm, a line a step.

    python examples/one_gpu/keep.py output/one_gpu docs/evidence/one_gpu

Owns which fields are kept. `evidence.py` beside this file says what they mean.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from swift_thyme import protocol
from swift_thyme.trajectories import Record, read_records
from swift_thyme.types import SegmentKind

Row = dict[str, Any]
SCORED = {'a': 'scores/plain', 'b': 'scores/sft', 'c': 'scores/rl-ats', 'd': 'scores/rl-tau1', 'audit': 'audit/rl-ats'}
TRAINED = {'c': 'runs/rl-ats', 'd': 'runs/rl-tau1'}
LOGGED = (
    *('reward', 'frac_reward_zero_std', 'rewards/fmt_orm/mean', 'rewards/vqa_orm/mean', 'rewards/cst_orm/mean', 'kl'),
    *('step_time', 'thyme/rollout/rounds', 'thyme/rollout/tool_use_rate', 'thyme/rollout/code_ok_rate'),
    *('thyme/rollout/set_aside_share', 'thyme/rollout/same_code_share', 'rollout_correction/log_ppl_diff'),
    *('memory(GiB)', 'completions/mean_length'),
)


def items(work: Path) -> Iterator[Row]:
    """An item a row: ARM/CONDITION → [verdict, code blocks, of which ran, stop reason]."""
    rows: dict[str, Row] = defaultdict(dict)
    for arm, folder in SCORED.items():
        for record in read_records(work / folder / 'trajectories.jsonl'):
            verdict = [record.verdict, record.code_blocks, record.code_ok, record.stop]
            rows[record.item_id][f'{arm}/{record.condition}'] = verdict
    return ({'item': item, **rows[item]} for item in sorted(rows))


def steps(work: Path) -> Iterator[Row]:
    """A step of an arm a row: figures as logged, and what its groups wrote."""
    for arm, run in TRAINED.items():
        groups: dict[int | None, dict[Any, list[Record]]] = defaultdict(lambda: defaultdict(list))
        for record in read_records(work / run / 'trajectories'):
            groups[record.logged_step][record.question, record.images].append(record)
        for line in (work / run / 'logging.jsonl').read_text(encoding='utf-8').splitlines():
            log = json.loads(line)
            if 'reward' in log:
                step = int(log['global_step/max_steps'].partition('/')[0])
                known = {name.removeprefix('thyme/'): round(log[name], 5) for name in LOGGED}
                yield {'arm': arm, 'step': step, **known, 'groups': [group(found) for found in groups[step].values()]}


def group(members: list[Record]) -> Row:
    """Of the answers to one question: its kind by its wording, right ones, snippets, and who turned the picture."""
    asked, codes = members[0].question.lower(), [codes_of(record) for record in members]
    return {
        'task': 'by_color' if 'label' in asked else 'region_rotated' if 'turned by' in asked else 'other',
        'right': sum(record.rewards['vqa_orm'] == 1 for record in members),
        'distinct_first_snippets': len({(*code, '')[0] for code in codes}),
        'turned_the_picture': sum(any('otate' in c or 'warpAffine' in c for c in code) for code in codes),
    }


def codes_of(record: Record) -> list[str]:
    """The whole blocks of code of a trajectory, as written."""
    found = [part.text for part in protocol.segments(record.text) if part.kind is SegmentKind.CODE]
    return [code for code in found if code.endswith(protocol.CODE_CLOSE)]


def main(work: str, out: str) -> None:
    """Writes the two files."""
    for name, rows in (('items', items(Path(work))), ('steps', steps(Path(work)))):
        lines = [json.dumps(row) + '\n' for row in rows]
        (Path(out) / f'{name}.jsonl').write_text(''.join(lines), encoding='utf-8')


if __name__ == '__main__':
    main(*sys.argv[1:])
