"""Compares what a run recorded, traced and logged with what its trajectories say it must have been."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..trajectories import Fate, Record, read_records
from .rows import Row, RowBuilder, read_settings
from .signal import LogProbs, advantages, loss_and_kl

MOST_ADVANTAGE = 1e-6
MOST_LOSS = 5e-5
MOST_KL = 5e-4
IGNORED = -100


@dataclass
class Finding:
    """One property and how it stands."""

    name: str
    checked: int = 0
    worst: float = 0.0
    """Largest difference, where the property is a number."""
    wrong: list[str] = field(default_factory=list)
    """Of each that does not hold: where, got, expected."""
    skipped: str = ''
    """Why it could not be looked at."""

    def note(self, *, holds: bool, text: str, difference: float = 0.0) -> None:
        """Counts one more."""
        self.checked += 1
        self.worst = max(self.worst, difference)
        if not holds:
            self.wrong.append(text)


def verify(run: Path, *, model: Path, batches: Path | None = None, max_pixels: int | None = None) -> list[Finding]:
    """Looks at a GRPO run on one process.

    Args:
        run: its output folder, with `trajectories` and `args.json`.
        model: the checkpoint it began with.
        batches: where it traced them (`THYME_TRACE_BATCHES`).
        max_pixels: `MAX_PIXELS` of the run, where no checkpoint of it tells.

    Raises:
        ConfigError: the folder holds no trajectories.
    """
    settings = read_settings(run)
    records = [one for one in read_records(run / 'trajectories') if one.fate is not Fate.THROWN_AWAY]
    if not records:
        raise ConfigError(f'nothing to verify: {run}/trajectories holds no trajectory; give the output folder of a run')
    saved = {int(path.name.rpartition('-')[2]): path for path in run.glob('checkpoint-*')}
    builder = RowBuilder(
        next(iter(saved.values()), model), budget_px=(3136, max_pixels) if max_pixels is not None else None
    )
    trains_code = all(r.sampled_mask == () or all(r.sampled_mask) for r in records)
    rows, findings = _rebuild(records, builder, trains_code=trains_code)
    findings.append(_advantages(records, settings))
    findings.append(_batches(rows, builder, batches))
    return [*findings, *_losses(records, rows, builder, settings, {0: model, **saved}, run)]


def _rebuild(
    records: Sequence[Record], builder: RowBuilder, *, trains_code: bool
) -> tuple[dict[int, Row], list[Finding]]:
    sound, text, mask = Finding('ids and pictures'), Finding('ids are the text'), Finding('loss mask of the record')
    rows: dict[int, Row] = {}
    for i, record in enumerate(records):
        if record.quarantined:
            continue
        try:
            rows[i] = builder.build(record, trains_code=trains_code)
            sound.note(holds=True, text='')
        except (ValueError, OSError) as error:
            sound.note(holds=False, text=f'{record.origin}: {error}')
            continue
        sampled = builder.decode(record.sampled_ids).replace('<|im_end|>', '').replace('<|endoftext|>', '')
        written = ''.join(turn.text for turn in record.turns)
        text.note(holds=sampled == written, text=f'{record.origin}: ids say {sampled[:80]!r}, text {written[:80]!r}')
        if record.sampled_mask:
            n = sum(rows[i].trained)
            kept = sum(record.sampled_mask)
            mask.note(holds=n == kept, text=f'{record.origin}: {kept} trained tokens recorded, expected {n}')
    return rows, [sound, text, mask]


def _advantages(records: Sequence[Record], settings: Mapping[str, Any]) -> Finding:
    found = Finding('advantages')
    estimator, scaling = settings.get('advantage_estimator') or 'grpo', settings.get('scale_rewards') or 'group'
    if estimator != 'grpo' or scaling not in ('group', 'none') or settings.get('kl_in_reward'):
        found.skipped = f'advantage_estimator {estimator}, scale_rewards {scaling}: only grpo with group or none'
        return found
    groups: dict[tuple[int | None, str], list[Record]] = defaultdict(list)
    for record in records:
        groups[record.step, record.prompt_id].append(record)
    for group in groups.values():
        expected = advantages(group, settings.get('reward_weights'), scaled=scaling == 'group')
        for record, mine in zip(group, expected, strict=True):
            got = record.advantage
            off = abs(mine - got) if got is not None else float('inf')
            text = f'{record.origin}: advantage {got}, expected {mine:.7f}'
            found.note(holds=off <= MOST_ADVANTAGE, text=text, difference=off)
    return found


def _batches(rows: Mapping[int, Row], builder: RowBuilder, folder: Path | None) -> Finding:
    found = Finding('traced batches')
    if folder is None:
        found.skipped = 'no traced batches given (--batches)'
        return found
    ours = {tuple(row.ids): row for row in rows.values()}
    for path in sorted(folder.glob('batch-*.json')):
        for traced in json.loads(path.read_text(encoding='utf-8'))['rows']:
            labels = [label != IGNORED for label in traced['labels']]
            if sum(labels) <= 1:
                continue  # one that is left out of the loss
            row = ours.get(tuple(traced['input_ids']))
            holds = row is not None and row.trained == labels
            text = f'{path.name}: a row of {len(labels)} ids, {sum(labels)} trained, is no trajectory'
            found.note(holds=holds, text=text)
    return found


def _losses(
    records: Sequence[Record],
    rows: Mapping[int, Row],
    builder: RowBuilder,
    settings: Mapping[str, Any],
    weights: Mapping[int, Path],
    run: Path,
) -> list[Finding]:
    loss, kl = Finding('loss of a step'), Finding('KL divergence of a step')
    kind = settings.get('loss_type') or 'grpo'
    if kind != 'grpo' or settings.get('importance_sampling_level', 'token') != 'token':
        loss.skipped = kl.skipped = f'loss_type {kind}: only grpo at the level of tokens'
        return [loss, kl]
    source = LogProbs(builder.model, temperature=float(settings.get('temperature') or 1.0))

    def log_probs(row: Row | None, weights: Mapping[str, Path]) -> dict[str, Any]:  # a quarantined row has none
        return {name: source.of(row, path, builder.pad_id) if row else () for name, path in weights.items()}

    logged = dict(_logged(run))
    for sampled, members in groupby(range(len(records)), key=lambda i: records[i].step or 0):
        of_step = list(members)
        for step in range(sampled, sampled + int(settings.get('num_iterations') or 1)):
            if step not in weights or sampled not in weights or step + 1 not in logged:
                continue
            compared = {'now': weights[step], 'old': weights[sampled], 'reference': weights[0]}
            parts = [(records[i], records[i].advantage or 0.0, log_probs(rows.get(i), compared)) for i in of_step]
            mine = dict(zip(('loss', 'kl'), loss_and_kl(parts, settings), strict=True))
            for finding, name, most in ((loss, 'loss', MOST_LOSS), (kl, 'kl', MOST_KL)):
                if name in logged[step + 1]:
                    got = logged[step + 1][name]
                    off = abs(mine[name] - got)
                    text = f'step {step + 1}: {name} {got} logged, expected {mine[name]:.7f}'
                    finding.note(holds=off <= most, text=text, difference=off)
    if not loss.checked:
        loss.skipped = kl.skipped = 'no step whose checkpoint is kept; train with --save_strategy steps --save_steps 1'
    return [loss, kl]


def _logged(run: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for line in (run / 'logging.jsonl').read_text(encoding='utf-8').splitlines():
        values = json.loads(line)
        if 'loss' in values and '/' in str(values.get('global_step/max_steps')):
            yield int(values['global_step/max_steps'].partition('/')[0]), values
