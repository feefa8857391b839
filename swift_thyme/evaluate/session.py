"""One evaluation from items to report, and the same trajectories graded again. What the command and Python code call.

Owns the order of these steps and what `run.json` states of a run.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..config import JudgeSettings
from ..infer.describe import describe_policy as describe_policy
from ..infer.describe import file_sha256
from ..trajectories import Record
from .grading import grade_all
from .items import Item, can_shuffle
from .report import write_report
from .runner import EvalSettings, Intervention, OnProgress, Policy, Runner, no_intervention
from .sources import LeftOut
from .store import Store, with_grade
from .summary import Summary, prompt, summarize

LEFT_OUT = 'left_out.txt'
"""In a run's folder: a sentence for each row of its sets that could not be used."""


@dataclass(frozen=True)
class Plan:
    """What is evaluated on what."""

    items: Sequence[Item]
    data: Sequence[str]
    """Where the items come from, as the user named it."""
    settings: EvalSettings
    policy: Mapping[str, Any]
    """What the report says of the policy; plain values, `model` among them."""
    judge: JudgeSettings | None = None
    """Who grades what rules leave undecided; None for nobody."""
    concurrency: int = 1
    left_out: LeftOut = field(default_factory=LeftOut)
    """What the sets say and no item does."""

    readable: tuple[int, float, int] | None = None
    """Of a set of `thyme synth`: `share_of_set`."""

    def stated(self) -> dict[str, Any]:
        """The settings of `run.json`: all that decides an answer."""
        chosen = [c.value for c in self.settings.conditions]
        return {
            'data': list(self.data),
            'data_sha256': items_hash(self.items),
            'n_items': len(self.items),
            'rows_left_out': len(self.left_out.rows),
            'columns_left_out': dict(self.left_out.columns),
            'readable': self.readable,
            'not_shuffled': sum(bool(i.options) and not can_shuffle(i) for i in self.items),
            **asdict(self.settings),
            'conditions': chosen,
            'policy': dict(self.policy),
            'prompt_sha256': hashlib.sha256(json.dumps(prompt()).encode()).hexdigest(),
        }


def evaluate(
    plan: Plan,
    policy: Policy,
    folder: Path,
    *,
    on_progress: OnProgress = lambda done, failed: None,
    intervention: Intervention = no_intervention,
) -> tuple[Summary, Store]:
    """Makes every attempt that the folder does not hold yet, grades, counts and writes the report.

    Args:
        plan: what to evaluate.
        policy: the model.
        folder: of the run, new or begun before.
        on_progress: called after every attempt.
        intervention: what happens to returned pictures under each condition.

    Raises:
        ConfigError: the folder holds a run with other settings.
        ThymeError: the machinery failed many times in a row.
    """
    store = Store(folder)
    runner = Runner(plan.items, plan.settings, store, policy, plan.concurrency, intervention, on_progress)
    with store.opened(plan.stated()):
        if plan.left_out.rows:
            told = ''.join(f'{line}\n' for line in plan.left_out.rows)
            (folder / LEFT_OUT).write_text(told, encoding='utf-8', errors='backslashreplace')
        asyncio.run(runner.run())
        store.regrade(grade_all(store.records(), plan.judge))
    summary = summarize(store, store.records(), judge=plan.judge)
    write_report(summary, folder)
    return summary, store


def rescore(folder: Path, out: Path, judge: JudgeSettings | None) -> Summary:
    """Grades a run's trajectories again and writes a second report; the run itself is not touched.

    Args:
        folder: of the run.
        out: where the second report and `verdicts.jsonl` go.
        judge: who grades what rules leave undecided; None for nobody.

    Raises:
        DataError: the folder holds no run.
    """
    store = Store(folder)
    store.settings()
    records = graded(store.records(), judge)
    summary = summarize(store, records, judge=judge)
    write_report(summary, out)
    names = ('item_id', 'condition', 'repeat', 'verdict', 'graded_by')
    lines = [
        json.dumps({name: getattr(record, name) for name in names}, ensure_ascii=False) + '\n' for record in records
    ]
    (out / 'verdicts.jsonl').write_text(''.join(lines), encoding='utf-8')
    return summary


def graded(records: Sequence[Record], judge: JudgeSettings | None) -> list[Record]:
    """Records with the verdicts that they get now."""
    return [with_grade(record, grade) for record, grade in zip(records, grade_all(records, judge), strict=True)]


def items_hash(items: Sequence[Item]) -> str:
    """SHA-256 over what is asked: texts, options, truths, and the bytes of the pictures."""
    digest = hashlib.sha256()
    paths = dict.fromkeys(image.path for item in items for image in item.images)
    of = {path: file_sha256(path) for path in paths}
    for item in items:
        pictures = [of[image.path] for image in item.images]
        digest.update(json.dumps([asdict(replace(item, images=())), pictures], ensure_ascii=False).encode())
    return digest.hexdigest()
