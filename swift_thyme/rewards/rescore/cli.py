"""`thyme rescore TRAJECTORIES`: what other settings, or another judge, would have given."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from ...config import Convention, JudgeSettings, RewardSettings
from ...errors import DataError
from ..formula import REWARD_PARTS
from . import Rescored, load, rescore


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = 'weights, norms and the judge come from the same environment variables as in training'
    parser.add_argument('trajectories', type=Path, help='a folder of saved trajectories (OUTPUT_DIR/trajectories)')
    parser.add_argument('--rewards', nargs='+', choices=sorted(REWARD_PARTS), help='which (default: those saved)')
    parser.add_argument('--convention', choices=[c.value for c in Convention], help='whose format check applies')
    parser.add_argument('--rules-only', action='store_true', help='ask no judge; what rules leave open is counted')
    parser.add_argument('--json', action='store_true', help='one JSON line a trajectory instead of the summary')


def run(args: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    settings = RewardSettings.from_env()
    if args.convention:
        settings = replace(settings, convention=Convention(args.convention))
    records = load(args.trajectories)
    names = args.rewards or [n for n in REWARD_PARTS if any(n in r.rewards for r in records)]
    if not names:
        raise DataError(
            'no reward to compute: got trajectories without any of ours; expected some; name them with --rewards'
        )
    judge = None if args.rules_only else JudgeSettings.for_shell('or use --rules-only')
    found = asyncio.run(rescore(records, names, settings, judge))
    if args.json:
        for item in found:
            print(json.dumps(_as_json(item), ensure_ascii=False))
    else:
        _print_summary(found, names)
    return 0


def _as_json(item: Rescored) -> dict[str, object]:
    return {
        'step': item.record.step,
        'request_id': item.record.request_id,
        'before': dict(item.before),
        'now': dict(item.now),
        'changed': sorted(item.changed),
        'rule': item.rule,
        'set_aside': item.set_aside,
    }


def _print_summary(found: Sequence[Rescored], names: Sequence[str]) -> None:
    changed = [item for item in found if item.changed]
    for item in changed:
        parts = ', '.join(f'{name} {before:g} → {now:g}' for name, (before, now) in item.changed.items())
        answer = str(item.record.answer)[:40]
        print(
            f'step {item.record.step} {item.record.request_id}: {parts}  '
            f'(answer {answer!r}, reference {str(item.record.solution)[:40]!r})'
        )
    print(f'{len(found)} trajectories, {len(changed)} changed')
    for name in names:
        before = [item.before[name] for item in found if name in item.before]
        now = fmean(item.now[name] for item in found)
        was = f'{fmean(before):.4f}' if before else 'not saved'
        print(f'{name}: mean {was} → {now:.4f}, {sum(name in item.changed for item in found)} changed')
    aside = sum(bool(item.set_aside) for item in found)
    if aside:
        print(f'{aside} carry no advantage now')
