"""One audit: the four conditions, the crops, the shares, the report.

Owns the order of these steps. `RUN/crops.jsonl` holds the places of returned pictures, one line a trajectory.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..config import JudgeSettings
from ..evaluate.conditions import Condition
from ..evaluate.report import write_report
from ..evaluate.runner import EvalSettings, OnProgress, Policy
from ..evaluate.session import Plan, evaluate, graded
from ..evaluate.store import Store
from ..evaluate.summary import summarize
from ..trajectories import Record
from .crops import crops_of
from .effects import aim, chance_of_change, effects
from .report import Audit, write_audit
from .swap import Swaps

CONDITIONS = (Condition.TOOLS, Condition.NO_TOOLS, Condition.BLANK, Condition.WRONG)
CROPS = 'crops.jsonl'


def audit(plan: Plan, policy: Policy, folder: Path, *, on_progress: OnProgress = lambda done, failed: None) -> Audit:
    """Asks every item under the four conditions, locates the crops, and writes `audit.json`, `audit.md`, `audit.html`.

    Args:
        plan: what to ask; its conditions are replaced by the audit's.
        policy: the model.
        folder: of the run; a begun one goes on.
        on_progress: called after every attempt.

    Raises:
        ConfigError: the folder holds a run with other settings.
        ThymeError: the machinery failed many times in a row.
    """
    settings: EvalSettings = replace(plan.settings, conditions=CONDITIONS)
    swaps = Swaps(plan.items, settings.seed)
    evaluate(replace(plan, settings=settings), policy, folder, on_progress=on_progress, intervention=swaps)
    store = Store(folder)
    return _write(store, folder, store.records(), plan.judge)


def rescore(folder: Path, out: Path, judge: JudgeSettings | None) -> Audit:
    """Grades an audit's trajectories again and writes a second report; no model is asked.

    Raises:
        DataError: the folder holds no run.
    """
    store = Store(folder)
    store.settings()
    return _write(store, out, graded(store.records(), judge), judge)


def _write(store: Store, out: Path, records: Sequence[Record], judge: JudgeSettings | None) -> Audit:
    shown = [record for record in records if record.condition == Condition.TOOLS.value]
    crops = [crops_of(record) for record in shown]
    found = Audit(
        summary=summarize(store, records, judge=judge),
        effects=tuple(effects(records)),
        aim=aim(shown, crops),
        chance=chance_of_change(records),
        records=records,
        crops={(r.item_id, r.repeat or 0): some for r, some in zip(shown, crops, strict=True)},
    )
    out.mkdir(parents=True, exist_ok=True)
    lines = [
        json.dumps({'item_id': item, 'repeat': repeat, 'crops': [crop.as_json() for crop in some]}) + '\n'
        for (item, repeat), some in found.crops.items()
    ]
    (out / CROPS).write_text(''.join(lines), encoding='utf-8')
    write_report(found.summary, out)
    write_audit(found, out)
    return found
