"""The quickstart's summary: read back from what the run wrote, nothing taken on trust.

Masks are checked on the real training batches that the run traced; rewards, code and stop reasons come from the
recorded trajectories.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from ..host.trace import read_batches
from ..host.verify import TokenRules, trained_ids, trains_sandbox_output
from ..trajectories import Record, read_records
from ..trajectories.record import FOLDER
from .host_command import logged

STAGES = {'sft-1': 'SFT stage 1', 'sft-2': 'SFT stage 2', 'grpo': 'GRPO-ATS'}
LEAST_GAIN = 0.2
"""Of the share of held-out answers right for the right reason, which scatters by 0.06; below it RL improved nothing."""


def summarize(out: Path) -> dict[str, Any]:
    """The figures of a finished run.

    Args:
        out: the quickstart's folder.

    Raises:
        TrajectoryError: a traced batch breaks a rule of `verify`.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(out / 'models' / 'tiny')
    trajectories = list(read_records(out / 'models' / 'grpo' / FOLDER))
    sampled = {tuple(t.sampled_ids) for t in trajectories}
    stages = {}
    for name in STAGES:
        losses = logged(out / 'models' / name, 'loss')
        stages[name] = {
            'steps': len(losses),
            'loss_first': losses[0],
            'loss_last': losses[-1],
            **check_batches(out / 'batches' / name, tokenizer, sampled if name == 'grpo' else None),
        }
    steps = logged(out / 'models' / 'grpo', 'step_time')
    return {
        'stages': stages,
        'seconds_per_rl_step': round(sum(steps) / len(steps), 2),
        'trajectories': _trajectory_figures(trajectories),
        'held_out': json.loads((out / 'held-out.json').read_text(encoding='utf-8')),
    }


def learnt(summary: dict[str, Any]) -> bool:
    """Whether RL improved the held-out answers."""
    share = summary['held_out']
    return bool(share['grpo'] - share['sft-2'] >= LEAST_GAIN)


def check_batches(folder: Path, tokenizer: Any, sampled: set[tuple[int, ...]] | None) -> dict[str, int]:
    """Checks every traced row: labels and pads, sandbox output untrained and, in RL, ids equal to the sampled ones.

    Args:
        folder: traced batches of one stage.
        tokenizer: of the model.
        sampled: for RL, the ids each recorded trajectory sampled.

    Returns:
        Counts: rows looked at, rows in which all holds, trained tokens, sandbox tokens left out.
    """
    rules = TokenRules(tokenizer.convert_tokens_to_ids('<|image_pad|>'))
    rows = sound = trained = 0
    for batch in read_batches(folder):
        runs = [n for row in batch for n in rules.pad_runs(row.input_ids)]
        for row in batch:
            rules.check_row(row.input_ids, row.labels, rules.pad_runs(row.input_ids))
            same_ids = sampled is None or tuple(trained_ids(row)) in sampled
            rows += 1
            trained += len(trained_ids(row))
            sound += runs == row.image_tokens and same_ids and not trains_sandbox_output(row, tokenizer)
    return {'rows': rows, 'rows_verified': sound, 'trained_tokens': trained}


def _trajectory_figures(trajectories: list[Record]) -> dict[str, Any]:
    count = max(len(trajectories), 1)
    names = sorted({name for t in trajectories for name in t.rewards})
    return {
        'count': len(trajectories),
        'code_blocks': sum(t.code_blocks for t in trajectories),
        'code_ok': sum(t.code_ok for t in trajectories),
        'repairs': dict(Counter(r for t in trajectories for turn in t.turns for r in turn.repairs)),
        'pictures': sum(len(turn.images) for t in trajectories for turn in t.turns),
        'stop_reasons': dict(Counter(t.stop for t in trajectories)),
        'rewards': {name: sum(t.rewards.get(name) or 0.0 for t in trajectories) / count for name in names},
    }


def render(summary: dict[str, Any]) -> str:
    """The summary as the table that ends the quickstart."""
    lines = [f'{"stage":14} {"steps":>5} {"loss first":>10} {"last":>8} {"rows verified":>14} {"trained tokens":>15}']
    for name, stage in summary['stages'].items():
        verified = f'{stage["rows_verified"]}/{stage["rows"]}'
        lines.append(
            f'{STAGES[name]:14} {stage["steps"]:5} {stage["loss_first"]:10.3f} {stage["loss_last"]:8.3f} '
            f'{verified:>14} {stage["trained_tokens"]:15}'
        )
    figures, share = summary['trajectories'], summary['held_out']
    failed = figures['code_blocks'] - figures['code_ok']
    endings, repairs = _counts(figures['stop_reasons']), _counts(figures['repairs'])
    rewards = ', '.join(f'{name} {value:.2f}' for name, value in figures['rewards'].items())
    lines += [
        '',
        f'RL trajectories     {figures["count"]} (policy: the model taught above), ended by {endings}',
        f'code blocks         {figures["code_ok"]} ran, {failed} failed or were not run; repairs: {repairs}',
        f'pictures returned   {figures["pictures"]}',
        f'mean rewards        {rewards}',
        f'seconds per RL step {summary["seconds_per_rl_step"]}',
        f'held-out questions  {share["sft-2"]:.0%} right for the right reason before RL, {share["grpo"]:.0%} after it',
        f'seconds             {sum(summary["seconds"].values()):.0f} in all',
    ]
    return '\n'.join(lines)


def _counts(counts: dict[str, int]) -> str:
    return ', '.join(f'{name} {n}' for name, n in sorted(counts.items(), key=lambda item: -item[1])) or 'none'
